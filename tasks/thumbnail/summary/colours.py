"""The dominant colour and the palette of a picture."""

from typing import Final, NamedTuple

from PIL import Image

from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.geometry import within
from tasks.thumbnail.planning import OVERVIEW_PX

PALETTE_COLOURS: Final = 5
"""Colours of a palette at most; a plain picture has fewer."""
_GROUPS: Final = 16
"""Groups of similar pixels that the palette is merged from. More cost more than they change."""
_OPAQUE_ENOUGH: Final = 128
"""Alpha from which a pixel counts."""
_REDUCING_GAP: Final = 2
"""How much larger than the copy a picture is that was averaged in whole pixels first, which is faster."""
_NO_COLOUR: Final = "#ffffff"


class _ColourGroup(NamedTuple):
    """Pixels of similar colour: how many, and their mean red, green and blue."""

    pixels: float
    red: float
    green: float
    blue: float


def dominant_colour(raster: Raster) -> str:
    """Find the colour that most of a picture has, to fill a border or a placeholder with.

    Args:
        raster: The picture in sRGB, in any size.

    Returns:
        A colour such as `#1a2b3c`; white where nothing is opaque.
    """
    return next(iter(palette(reduced(raster.pillow(), OVERVIEW_PX))), _NO_COLOUR)


def reduced(image: Image.Image, longest: int) -> Image.Image:
    """Average a picture to a smaller copy, unless it is as small already.

    Args:
        image: The picture in L, LA, RGB or RGBA.
        longest: The longest side of the copy in pixels.
    """
    size = within(image.size, longest)
    return image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=_REDUCING_GAP)


def palette(image: Image.Image) -> list[str]:
    """Find the main colours of a picture. Transparent pixels do not count.

    Args:
        image: A copy of about OVERVIEW_PX, in L, LA, RGB or RGBA.

    Returns:
        Up to PALETTE_COLOURS colours such as `#1a2b3c`, that of the most pixels first.
    """
    mode = "RGBA" if image.mode in ("LA", "RGBA") else "RGB"
    quantized = image.convert(mode).quantize(_GROUPS, Image.Quantize.FASTOCTREE)
    colours = quantized.getpalette("RGBA") or []
    groups = []
    for pixels, number in quantized.getcolors(_GROUPS) or []:
        red, green, blue, alpha = colours[4 * int(str(number)) :][:4]
        if alpha >= _OPAQUE_ENOUGH:
            groups.append(_ColourGroup(pixels, red, green, blue))
    return [f"#{round(red):02x}{round(green):02x}{round(blue):02x}" for _, red, green, blue in _merged(groups)]


def _merged(groups: list[_ColourGroup]) -> list[_ColourGroup]:
    """Merge the two whose merging changes least (Ward's method), until PALETTE_COLOURS are left."""
    left = dict(enumerate(groups))
    costs = [(_cost(one, left[other]), number, other) for number, one in left.items() for other in range(number)]
    for number in range(len(groups), 2 * len(groups) - PALETTE_COLOURS):
        _, first, second = min(costs)
        merged = _merge(left.pop(first), left.pop(second))
        gone = (first, second)
        costs = [cost for cost in costs if cost[1] not in gone and cost[2] not in gone]
        costs += [(_cost(merged, one), number, other) for other, one in left.items()]
        left[number] = merged
    return sorted(left.values(), reverse=True)


def _cost(one: _ColourGroup, other: _ColourGroup) -> float:
    red, green, blue = one.red - other.red, one.green - other.green, one.blue - other.blue
    return (red * red + green * green + blue * blue) * one.pixels * other.pixels / (one.pixels + other.pixels)


def _merge(one: _ColourGroup, other: _ColourGroup) -> _ColourGroup:
    pixels = one.pixels + other.pixels
    means = ((one.pixels * a + other.pixels * b) / pixels for a, b in zip(one[1:], other[1:], strict=True))
    return _ColourGroup(pixels, *means)
