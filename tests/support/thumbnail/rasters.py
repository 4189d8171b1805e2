"""Rasters of drawn pictures, without a file."""

import pyvips
from PIL import Image

from tasks.thumbnail.engines.vips import VipsRaster


def vips_of(image: Image.Image) -> VipsRaster:
    """The same pixels as libvips has them, in sRGB."""
    bands = len(image.getbands())
    pixels = pyvips.Image.new_from_memory(image.tobytes(), *image.size, bands, "uchar")
    return VipsRaster(pixels.copy(interpretation="b-w" if bands < 3 else "srgb"))
