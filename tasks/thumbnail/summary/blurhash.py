"""BlurHash: a placeholder of 28 characters, which many apps can show already (https://blurha.sh)."""

import math
from typing import Final

from PIL import Image

from tasks.picture_result.record import BLURHASH_DIGITS
from tasks.thumbnail.colour.transfer import FROM_LINEAR, LINEAR_WHITE, TO_LINEAR
from tasks.thumbnail.summary.cosines import rows_of, transform

_ACROSS: Final = 4
_DOWN: Final = 3
_LINEAR: Final = [light / LINEAR_WHITE for light in TO_LINEAR]
_LEVELS: Final = 19
"""Levels of a term of one colour."""
_SCALES: Final = 83
"""Levels of the largest term, one digit."""


def blurhash(image: Image.Image) -> str:
    """Compute the BlurHash of a picture, with 4 × 3 components.

    Args:
        image: A small copy in RGB.
    """
    width, height = image.size
    terms = [
        transform(rows_of([_LINEAR[value] for value in band.tobytes()], width), _ACROSS, _DOWN, shift=0)
        for band in image.split()
    ]
    pixels = width * height
    means = [channel[0][0] / pixels for channel in terms]
    others = [[channel[y][x] * 2 / pixels for channel in terms] for y in range(_DOWN) for x in range(_ACROSS) if x or y]
    largest = max(abs(term) for colour in others for term in colour)
    level = max(0, min(_SCALES - 1, math.floor(largest * 166 - 0.5)))
    scale = (level + 1) / 166
    mean = 0
    for light in means:
        mean = mean << 8 | FROM_LINEAR[min(max(round(light * LINEAR_WHITE), 0), LINEAR_WHITE)]
    hashed = _digits(_ACROSS - 1 + (_DOWN - 1) * 9, 1) + _digits(level, 1) + _digits(mean, 4)
    for red, green, blue in others:
        number = (_level(red / scale) * _LEVELS + _level(green / scale)) * _LEVELS + _level(blue / scale)
        hashed += _digits(number, 2)
    return hashed


def _level(term: float) -> int:
    root = math.copysign(math.sqrt(abs(term)), term)
    return max(0, min(_LEVELS - 1, math.floor(root * 9 + 9.5)))


def _digits(number: int, count: int) -> str:
    text = ""
    for _ in range(count):
        number, digit = divmod(number, len(BLURHASH_DIGITS))
        text = BLURHASH_DIGITS[digit] + text
    return text
