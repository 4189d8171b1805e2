"""Summarises a picture by its looks: placeholders, colours and a hash to find it again."""

from typing import Final

from PIL import Image

from tasks.picture_result.record import PictureSummary
from tasks.thumbnail.decoding import upright
from tasks.thumbnail.planning import OVERVIEW_PX
from tasks.thumbnail.summary.blurhash import blurhash
from tasks.thumbnail.summary.colours import palette, reduced
from tasks.thumbnail.summary.perceptual_hash import perceptual_hash
from tasks.thumbnail.summary.thumbhash import thumbhash

_PLACEHOLDER_PX: Final = 24
"""Longest side of the copy that the placeholders are made of: three times as fine as their finest wave."""
_PAPER: Final = "#ffffff"
"""What is seen through transparent parts where a hash knows of none."""


def summarised(image: Image.Image, orientation: int) -> PictureSummary:
    """Summarise a picture, which takes about a millisecond.

    Args:
        image: The whole picture in any size, in sRGB: L, LA, RGB or RGBA.
        orientation: Its EXIF orientation, 1 to 8.
    """
    image = upright(reduced(image, OVERVIEW_PX), orientation)
    colours = palette(image)
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        opaque = Image.alpha_composite(Image.new("RGBA", image.size, _PAPER), image).convert("RGB")
    else:
        image = opaque = image.convert("RGB")
    return PictureSummary(
        thumbhash=thumbhash(reduced(image, _PLACEHOLDER_PX)),
        blurhash=blurhash(reduced(opaque, _PLACEHOLDER_PX)),
        palette=colours,
        phash=perceptual_hash(opaque),
    )
