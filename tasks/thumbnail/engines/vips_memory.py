"""Estimates the peak memory of drawing a picture with libvips, which decodes while it draws.

The factors are peaks of resident memory, measured with pictures of 24 megapixels and rounded up.
"""

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tasks.thumbnail.memory import (
    BASE_MB,
    DRAWING_MB,
    MEGABYTE,
    WEBP_BYTES,
    Need,
    checked,
    coefficient_bytes,
    drawn_bytes,
)
from tasks.thumbnail.planning import Planning

ROWS = 1_200
"""Rows of the decoded picture that are in memory at a time while it is shrunk, at most."""
ROW_BYTES = {("gamma", False): 3, ("gamma", True): 6, ("linear", False): 7, ("linear", True): 18}
"""Bytes for a pixel of these rows, by `resize` and by whether the picture has alpha."""
HELD_BYTES = (4, 8)
"""Bytes for a pixel of a decoded picture of which several sizes are made: without alpha and with it."""
SCALED_WEBP_BYTES = 10
"""Bytes for a pixel of a WebP as it is scaled down while it is decoded."""


def check_vips_memory(name: str, picture: ImageFile, file_bytes: int, planning: Planning, max_mb: int) -> int:
    """Estimate the memory that drawing with libvips takes in addition to an idle process.

    Args:
        name: The format, a key of `vips.LOADERS`.
        picture: The opened picture.
        file_bytes: Size of its file, which is mapped into memory.
        planning: What will be drawn.
        max_mb: Most megabytes that it may take.

    Returns:
        Megabytes.

    Raises:
        Refusal: `too_much_memory`; it says how large a picture of this sort would fit.
    """
    denominator = planning.denominator if name in ("jpeg", "webp") else 1
    own = (BASE_MB + DRAWING_MB) * MEGABYTE + file_bytes
    own += drawn_bytes(planning.plans, planning.variants, has_alpha=picture.has_transparency_data)
    own += _row_bytes(picture, planning, denominator)
    needs, smaller = ([Need(_pixel_bytes(name, picture, planning, scale), own)] for scale in (denominator, 1))
    return checked(name, picture.size, needs, smaller, max_mb)


def _pixel_bytes(name: str, picture: ImageFile, planning: Planning, denominator: int) -> float:
    """Bytes for each pixel of the picture."""
    held = HELD_BYTES[picture.has_transparency_data] if planning.reads > 1 else 0
    if isinstance(picture, JpegImageFile):
        return held / denominator**2 + 1.1 * coefficient_bytes(picture)
    if name == "webp":
        return WEBP_BYTES + (held + SCALED_WEBP_BYTES) / denominator**2
    return held


def _row_bytes(picture: ImageFile, planning: Planning, denominator: int) -> int:
    alpha = picture.has_transparency_data
    wanted = {variant["resize"] for variant in planning.variants}
    rows = min(ROWS, picture.height // denominator)
    return rows * (picture.width // denominator) * max(ROW_BYTES[resize, alpha] for resize in wanted)
