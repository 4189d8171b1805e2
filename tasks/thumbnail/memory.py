"""Estimates the peak memory of drawing a picture, so that as many sandbox calls run at once as fit.

The factors are peaks of resident memory, measured with pictures of 24 megapixels in every format and rounded up.
"""

import math

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tasks.thumbnail.geometry import Plan

MEGABYTE = 1 << 20
BASE_MB = 4
"""Megabytes for the buffers of the codecs and colour tables."""
DRAWING_MB = 10
"""Megabytes for the picture being drawn, linear-light copies included."""
OUTPUT_BYTES = 24
"""Bytes for a pixel of the largest variant while it is resampled and encoded."""
COPY_BYTES = 4
"""Bytes for a pixel of every variant, which is kept to draw smaller ones from."""
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
# Bytes a pixel while the format's decoder and the picture are both in memory.
_DECODER_BYTES = {"webp": 12, "avif": 12, "tiff": 9}  # TIFF: a strip may be the whole picture


def estimated_mb(name: str, picture: ImageFile, file_bytes: int, denominator: int, plans: list[Plan]) -> int:
    """Estimate the memory that `render` takes in addition to an idle process.

    Args:
        name: The format, a key of `formats.PLUGINS`.
        picture: The opened picture.
        file_bytes: Size of its file.
        denominator: How far a JPEG is scaled down while it is decoded: 1, 2, 4 or 8.
        plans: What will be drawn.

    Returns:
        Megabytes.
    """
    pixels = picture.width * picture.height
    pixel_bytes = _MODE_BYTES.get(picture.mode, _RGB_BYTES)
    if picture.has_transparency_data and picture.mode in ("1", "L", "P", "RGB"):
        pixel_bytes += _TRANSPARENCY_BYTES
    held = pixels * pixel_bytes / denominator**2
    if isinstance(picture, JpegImageFile):
        decoding = held + _coefficient_bytes(picture)
    else:
        decoding = pixels * _DECODER_BYTES.get(name, 0) + file_bytes  # WebP and AVIF hold the whole file
    drawn = [math.prod(plan.canvas) for plan in plans]
    drawing = held + COPY_BYTES * sum(drawn) + OUTPUT_BYTES * max(drawn)
    return BASE_MB + math.ceil(max(decoding / MEGABYTE, drawing / MEGABYTE + DRAWING_MB))


def _coefficient_bytes(picture: JpegImageFile) -> float:
    if not picture.info.get("progressive"):
        return 0
    samplings = [across * down for _component, across, down, _table in picture.layer]
    return picture.width * picture.height * COEFFICIENT_BYTES * sum(samplings) / max(1, *samplings)
