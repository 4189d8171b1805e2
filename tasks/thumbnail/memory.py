"""Estimates what drawing a picture takes at its peak, so that pieces of work that fit are run at once.

The factors are peaks of resident memory measured with pictures of 24 megapixels in every format, rounded up.
"""

import math

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tasks.thumbnail.geometry import Plan

MEGABYTE = 1 << 20
BASE_MB = 4
"""Buffers of the codecs and colour tables."""
DRAWING_MB = 10
"""A picture under way, linear-light copies included."""
OUTPUT_BYTES = 24
"""For a pixel of the largest variant, as it is resampled, framed and encoded."""
COPY_BYTES = 4
"""For a pixel of every variant, kept for the smaller ones."""
COEFFICIENT_BYTES = 2
"""For a sample of a progressive JPEG: they are all kept until the last scan, however small the picture is decoded."""

# Bytes a pixel: the decoded picture, and beside it its copy in a mode that can be resampled.
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
# Bytes a pixel while the format's decoder and the picture are both there.
_DECODER_BYTES = {"webp": 12, "avif": 12, "tiff": 9}  # TIFF: a strip may be the whole picture


def estimated_mb(name: str, picture: ImageFile, file_bytes: int, denominator: int, plans: list[Plan]) -> int:
    """Megabytes that `render` takes above an idle process. denominator: how far a JPEG is scaled down in decoding."""
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
