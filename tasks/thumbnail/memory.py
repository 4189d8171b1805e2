"""Estimates the peak memory of drawing a picture, so that as many sandbox calls run at once as fit, and so that one
which does not fit at all is refused before it is decoded.

The factors are peaks of resident memory, measured with pictures of 24 megapixels in every format and rounded up.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.webp import size_of
from tasks.thumbnail.geometry import Plan, Size

MEGABYTE = 1 << 20
BASE_MB = 4
"""Megabytes for the buffers of the codecs and colour tables."""
DRAWING_MB = 10
"""Megabytes for the picture being drawn, linear-light copies included."""
OUTPUT_BYTES = 24
"""Bytes for a pixel of a variant while it is resampled and encoded."""
OPAQUE_BYTES = 14
"""The same of an opaque picture as JPEG, PNG or WebP, if nothing is drawn on it."""
AVIF_BYTES = 34
"""The same as AVIF."""
EFFECTS_BYTES = 12
"""Bytes besides, with effects or a watermark."""
COPY_BYTES = 4
"""Bytes for a pixel of every variant, which is kept to draw smaller ones from."""
PART_COPIES = 4
"""Copies of a picture that are in memory while it is found out how much of it there is."""
WEBP_BYTES = 4
"""Bytes for a pixel of a WebP while it is decoded, at whatever scale."""
COEFFICIENT_BYTES = 2
"""Bytes for a sample of a progressive JPEG: all are kept until the last scan, at whatever scale it is decoded."""

# Bytes a pixel of the decoded picture and of its copy in a mode that can be resampled.
_MODE_BYTES = {
    "1": 2,
    "L": 1,
    "P": 5,
    "LA": 8,
    "La": 8,
    "PA": 12,
    "RGBA": 9,
    "RGBa": 8,
    "I;16": 5,
    "I;16B": 5,
    "I": 13,
    "F": 13,
    "LAB": 8,
}
_RGB_BYTES = 4
_TRANSPARENCY_BYTES = 4
# Bytes a pixel, besides, while one channel is brought to linear light: of an opaque picture, and of one with alpha.
_LINEAR_BYTES = (9, 24)
# Bytes a pixel while the format's decoder and the picture are both in memory.
_DECODER_BYTES = {
    "webp": 12,
    "avif": 12,
    "heic": 12,
    "tiff": 9,
    "jp2": 25,
    "pdf": 40,
    "svg": 20,
}  # TIFF: a strip may be the whole picture


def check_memory(
    name: str,
    picture: ImageFile,
    file_bytes: int,
    denominator: int,
    drawn: int,
    max_mb: int,
    *,
    linear: bool = False,
    in_part: bool = False,
) -> int:
    """Estimate the memory that drawing with Pillow takes in addition to an idle process, before a pixel is decoded.

    Args:
        name: The format, a key of `formats.PLUGINS`.
        picture: The opened picture.
        file_bytes: Size of its file.
        denominator: How far a JPEG is scaled down while it is decoded: 1, 2, 4 or 8.
        drawn: Bytes that `drawn_bytes` returns for what will be drawn.
        max_mb: Most megabytes that it may take.
        linear: Whether any of it is drawn in linear light.
        in_part: Whether the file may end too early: it is decoded twice then, and what comes out is compared.

    Returns:
        Megabytes.

    Raises:
        Refusal: `too_much_memory`; it says how large a picture of this sort would fit.
    """
    lit = _LINEAR_BYTES[picture.has_transparency_data] if linear else 0
    held_bytes = _held_bytes(picture) * (PART_COPIES if in_part else 1) + lit
    needs = _needs(name, picture, file_bytes, denominator, drawn, held_bytes)
    # A smaller JPEG is scaled down by less.
    smaller = _needs(name, picture, file_bytes, 1, drawn, held_bytes)
    return checked(name, picture.size, needs, smaller, max_mb)


def checked(name: str, size: Size, needs: "Sequence[Need]", smaller: "Sequence[Need]", max_mb: int) -> int:
    """Return the megabytes of the largest of several needs.

    Args:
        name: The format.
        size: Width and height of the picture in pixels.
        needs: What it takes at its several moments.
        smaller: The same of a smaller picture of its sort.
        max_mb: Most megabytes that it may take.

    Raises:
        Refusal: `too_much_memory`; it says how large a picture of this sort would fit.
    """
    estimated_mb = max(need.mb(math.prod(size)) for need in needs)
    if estimated_mb > max_mb:
        raise _too_much(name, size, estimated_mb, max_mb, min(need.fitting_pixels(max_mb) for need in smaller))
    return estimated_mb


def check_webp(head: bytes, file_bytes: int, limits: dict[str, int]) -> None:
    """Check the size of a WebP file by its first bytes: Pillow reserves its canvases when the file is opened.

    Args:
        head: The first WEBP_HEAD_BYTES of the file.
        file_bytes: Its size.
        limits: max_pixels and max_memory_mb.

    Raises:
        Refusal: `too_much_memory`.
    """
    width, height = size_of(head)
    least, need = Need(WEBP_BYTES, BASE_MB * MEGABYTE + file_bytes), _decoder_need("webp", file_bytes)
    max_mb = limits["max_memory_mb"]
    if width * height <= limits["max_pixels"] and least.mb(width * height) > max_mb:
        raise _too_much("webp", (width, height), need.mb(width * height), max_mb, need.fitting_pixels(max_mb))


def _needs(
    name: str, picture: ImageFile, file_bytes: int, denominator: int, drawn: int, held_bytes: int
) -> "tuple[Need, Need]":
    """What decoding needs, and what drawing does."""
    held = held_bytes / denominator**2
    if isinstance(picture, JpegImageFile):
        decoding = Need(held + coefficient_bytes(picture), BASE_MB * MEGABYTE)
    else:
        decoding = _decoder_need(name, file_bytes, getattr(picture, "decoder_bytes", None))
    return decoding, Need(held, (BASE_MB + DRAWING_MB) * MEGABYTE + drawn)


def drawn_bytes(plans: Sequence[Plan], variants: Sequence[dict[str, Any]], *, has_alpha: bool) -> int:
    """Estimate what the pictures that are drawn take, whatever the picture's own size.

    Args:
        plans: What will be drawn.
        variants: The variant of each plan, as a dump.
        has_alpha: Whether the picture may have transparency.

    Returns:
        Bytes.
    """
    drawn = [math.prod(plan.canvas) for plan in plans]
    encoding = [
        pixels * _output_bytes(variant, has_alpha=has_alpha) for pixels, variant in zip(drawn, variants, strict=True)
    ]
    return COPY_BYTES * sum(drawn) + max(encoding, default=0)


def _output_bytes(variant: dict[str, Any], *, has_alpha: bool) -> int:
    """Bytes for a pixel of a variant while it is resampled and encoded."""
    formats = set(variant["formats"] or [variant["format"]])
    effects = any(variant[effect] for effect in ("blur", "sharpen", "watermark"))
    if "avif" in formats:
        return AVIF_BYTES + EFFECTS_BYTES * effects
    plain = not has_alpha and not effects and variant["fit"] == "contain" and variant["resize"] == "gamma"
    if plain and "gif" not in formats:
        return OPAQUE_BYTES
    return OUTPUT_BYTES + EFFECTS_BYTES * effects


def _decoder_need(name: str, file_bytes: int, decoder_bytes: int | None = None) -> "Need":
    # WebP, AVIF and HEIC hold the whole file.
    return Need(decoder_bytes or _DECODER_BYTES.get(name, 0), BASE_MB * MEGABYTE + file_bytes)


class Need(NamedTuple):
    """Bytes for each pixel of the picture, and bytes besides."""

    each: float
    besides: float

    def mb(self, pixels: int) -> int:
        return math.ceil((pixels * self.each + self.besides) / MEGABYTE)

    def fitting_pixels(self, max_mb: int) -> float:
        left = max_mb * MEGABYTE - self.besides
        return left / self.each if self.each else math.copysign(math.inf, left)


def _too_much(name: str, size: tuple[int, int], estimated_mb: int, max_mb: int, fitting: float) -> Refusal:
    width, height = size
    message = (
        f"Drawing this {name} picture of {width} × {height} pixels would take about {estimated_mb} MB of memory; "
        f"the limit is {max_mb} MB (SANDBOX_BUDGET_MB)."
    )
    scale = math.sqrt(max(fitting, 0) / (width * height))
    if 0 < scale < 1 and math.floor(min(width, height) * scale):
        message += f" Of this sort {math.floor(width * scale)} × {math.floor(height * scale)} pixels fit."
        message += "" if name == "jpeg" else " Or save it as a JPEG, which takes less."
    else:
        message += " Ask for smaller variants."
    return Refusal("too_much_memory", message, limit=max_mb)


def _held_bytes(picture: ImageFile) -> int:
    """Bytes for a pixel of the decoded picture and of its copy in a mode that can be resampled."""
    pixel_bytes = _MODE_BYTES.get(picture.mode, _RGB_BYTES)
    if picture.has_transparency_data and picture.mode in ("1", "L", "P", "RGB"):
        pixel_bytes += _TRANSPARENCY_BYTES
    return pixel_bytes


def coefficient_bytes(picture: JpegImageFile) -> float:
    """Bytes for a pixel of the coefficients that a progressive JPEG keeps."""
    if not picture.info.get("progressive"):
        return 0
    samplings = [across * down for _component, across, down, _table in picture.layer]
    return COEFFICIENT_BYTES * sum(samplings) / max(1, *samplings)
