"""Effects: each makes a picture of a picture. They are Pillow's for both engines, so that the results are the same."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from PIL import Image, ImageFilter

Effect = Callable[[Image.Image], Image.Image]
"""Takes a picture in sRGB, in L, LA, RGB or RGBA, and returns one of the same size and mode."""
_PREMULTIPLIED: Final = {"LA": "La", "RGBA": "RGBa"}
_SHARPENING: Final = 2.0
"""How far a sharpened picture is from its blurred copy; the picture itself is at 1."""


def effects_of(variant: dict[str, Any]) -> Iterator[Effect]:
    """List the effects of a variant, in the order in which they are applied.

    Args:
        variant: The dump of a `Variant`.
    """
    if variant["blur"]:
        yield partial(blurred, sigma=variant["blur"])
    if variant["sharpen"]:
        yield partial(sharpened, sigma=variant["sharpen"])


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    """Blur a picture with a Gaussian; transparent pixels add no colour.

    Args:
        image: The picture.
        sigma: Standard deviation of the Gaussian in pixels.
    """
    mode = image.mode
    soft = image.convert(_PREMULTIPLIED.get(mode, mode)).filter(ImageFilter.GaussianBlur(sigma))
    return soft.convert(mode)


def sharpened(image: Image.Image, sigma: float) -> Image.Image:
    """Sharpen a picture with an unsharp mask: what a blur would take away is added. Alpha stays as it is.

    Args:
        image: The picture.
        sigma: Standard deviation of the blur in pixels.
    """
    result = Image.blend(blurred(image, sigma), image, _SHARPENING)
    if image.mode in _PREMULTIPLIED:
        result.putalpha(image.getchannel("A"))
    return result
