"""Colours of series: the theme's accents first, then colours chosen to differ from those before, in grey as well.

Distances are taken in OKLab, where equal steps look equal (Björn Ottosson, 2020).
"""

import math
from functools import cache, lru_cache

from tasks.report.layout.theme import WHITE, Rgb

Lab = tuple[float, float, float]

LIGHTNESSES = (0.42, 0.50, 0.58, 0.66, 0.74, 0.82)
HUES = 24
CHROMAS = (0.055, 0.095)
MOST = 12
SAME = 0.12
"""Accents nearer to each other than this are one."""
GREY_WEIGHT = 1.6
"""How much a step in lightness counts against one in hue: print shops and copiers keep only the former."""
NEIGHBOUR_WEIGHT = 0.35
"""How much the distance from the series just before counts beside that from the nearest: those two touch most often."""
LIGHTEST = 0.86
"""An accent lighter than this would be lost on white paper."""
READABLE = 4.5
"""Contrast that text needs (WCAG 2.2, 1.4.3)."""


def palette(accent: Rgb, accent2: Rgb, count: int) -> tuple[Rgb, ...]:
    """`count` colours, the first two the accents themselves (darkened if too light to see, replaced if the same)."""
    return _palette(accent, accent2)[:count]


@lru_cache(maxsize=64)
def _palette(accent: Rgb, accent2: Rgb) -> tuple[Rgb, ...]:
    chosen = [_visible(to_lab(accent))]
    second = _visible(to_lab(accent2))
    if _distance(chosen[0], second) > SAME:
        chosen.append(second)
    nearest = [min(_distance(one, other) for other in chosen) for one in _candidates()]
    while len(chosen) < MOST:
        last = chosen[-1]
        worth = [
            distance + NEIGHBOUR_WEIGHT * abs(one[0] - last[0])
            for one, distance in zip(_candidates(), nearest, strict=True)
        ]
        chosen.append(_candidates()[worth.index(max(worth))])
        nearest = [
            min(distance, _distance(one, chosen[-1])) for one, distance in zip(_candidates(), nearest, strict=True)
        ]
    return tuple(_shown(lab) for lab in chosen)


@cache
def _candidates() -> tuple[Lab, ...]:
    """Colours to choose from: those on a grid of lightness, chroma and hue that a screen can show."""
    grid = [
        (lightness, chroma * math.cos(math.tau * turn / HUES), chroma * math.sin(math.tau * turn / HUES))
        for lightness in LIGHTNESSES
        for chroma in CHROMAS
        for turn in range(HUES)
    ]
    return tuple(lab for lab in grid if all(0 <= part <= 1 for part in from_lab(lab)))


def _distance(a: Lab, b: Lab) -> float:
    return math.hypot(GREY_WEIGHT * (a[0] - b[0]), a[1] - b[1], a[2] - b[2])


def _visible(lab: Lab) -> Lab:
    return (min(lab[0], LIGHTEST), lab[1], lab[2])


def readable(colour: Rgb) -> Rgb:
    """The colour, darkened until text in it can be read on white."""
    lightness, a, b = to_lab(colour)
    while contrast(colour, WHITE) < READABLE and lightness > 0:
        lightness -= 0.02
        colour = _shown((lightness, a, b))
    return colour


def ink_on(colour: Rgb, ink: Rgb) -> Rgb:
    """White or ink: whichever reads better on colour."""
    return WHITE if contrast(WHITE, colour) >= contrast(ink, colour) else ink


def contrast(a: Rgb, b: Rgb) -> float:
    """1 (the same) to 21 (black on white), as WCAG defines it."""
    lighter, darker = sorted((luminance(a), luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Rgb) -> float:
    """How light a colour is once its hue is gone: 0 to 1."""
    red, green, blue = (_linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def to_lab(colour: Rgb) -> Lab:
    """sRGB (0 to 1 each) to OKLab."""
    red, green, blue = (_linear(part) for part in colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _shown(lab: Lab) -> Rgb:
    """The colour, or the nearest that a screen can show."""
    red, green, blue = (min(max(part, 0.0), 1.0) for part in from_lab(lab))
    return red, green, blue


def from_lab(lab: Lab) -> Rgb:
    """OKLab to sRGB; below 0 or above 1 where no screen can show it."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _encoded(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _encoded(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _encoded(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _encoded(part: float) -> float:
    return 12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
