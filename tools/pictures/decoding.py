"""Draws what a browser makes of a placeholder: the reverse of ThumbHash and of BlurHash."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from PIL import Image

from tasks.picture_result.record import BLURHASH_DIGITS
from tasks.thumbnail.colour.transfer import FROM_LINEAR, LINEAR_WHITE, TO_LINEAR

DRAWN_PX: Final = 32
"""Longest side that is computed, and then enlarged, as browsers do it."""
SATURATION: Final = 1.25
"""By how much ThumbHash raises the waves of colour, which its few levels make too weak."""


def of_thumbhash(hashed: bytes, size: tuple[int, int]) -> Image.Image:
    """Draw a ThumbHash of an opaque picture in this size."""
    head, shape = int.from_bytes(hashed[:3], "little"), int.from_bytes(hashed[3:5], "little")
    levels = (level / 7.5 - 1 for byte in hashed[5:] for level in (byte & 15, byte >> 4))
    is_wide, shorter = shape >> 15, max(3, shape & 7)
    across, down = (7, shorter) if is_wide else (shorter, 7)
    waves = _waves(levels, across, down, (head >> 18 & 31) / 31)
    yellow = _waves(levels, 3, 3, (shape >> 3 & 63) / 63 * SATURATION)
    red_green = _waves(levels, 3, 3, (shape >> 9 & 63) / 63 * SATURATION)
    lightness, p, q = (head & 63) / 63, (head >> 6 & 63) / 31.5 - 1, (head >> 12 & 63) / 31.5 - 1

    def colour(x: float, y: float) -> tuple[int, int, int]:
        light = lightness + _sum(waves, x, y)
        blue = light - 2 / 3 * (p + _sum(yellow, x, y))
        other = q + _sum(red_green, x, y)
        red = (3 * light - blue + other) / 2
        return _byte(red), _byte(red - other), _byte(blue)

    return _drawn(size, colour)


def of_blurhash(text: str, size: tuple[int, int]) -> Image.Image:
    """Draw a BlurHash in this size."""
    numbers = [BLURHASH_DIGITS.index(digit) for digit in text]
    down, across = (part + 1 for part in divmod(numbers[0], 9))
    scale = (numbers[1] + 1) / 166
    mean = _number(numbers[2:6])
    terms: list[list[float]] = [[TO_LINEAR[mean >> shift & 255] / LINEAR_WHITE for shift in (16, 8, 0)]]
    for start in range(6, len(numbers), 2):
        levels = [_number(numbers[start : start + 2]) // 19**place % 19 / 9 - 1 for place in (2, 1, 0)]
        terms.append([math.copysign(level * level, level) * scale for level in levels])

    def colour(x: float, y: float) -> tuple[int, ...]:
        waves = [math.cos(math.pi * x * i) * math.cos(math.pi * y * j) for j in range(down) for i in range(across)]
        light = (sum(wave * term[band] for wave, term in zip(waves, terms, strict=True)) for band in range(3))
        return tuple(FROM_LINEAR[round(min(1, max(0, value)) * LINEAR_WHITE)] for value in light)

    return _drawn(size, colour)


def _waves(levels: Iterator[float], across: int, down: int, scale: float) -> list[tuple[int, int, float]]:
    places = [(x, y) for y in range(down) for x in range(across) if (x or y) and x * down < across * (down - y)]
    return [(x, y, next(levels) * scale) for x, y in places]


def _sum(waves: Sequence[tuple[int, int, float]], x: float, y: float) -> float:
    return sum(2 * term * math.cos(math.pi * x * across) * math.cos(math.pi * y * down) for across, down, term in waves)


def _number(digits: Sequence[int]) -> int:
    number = 0
    for digit in digits:
        number = number * len(BLURHASH_DIGITS) + digit
    return number


def _byte(value: float) -> int:
    return round(255 * min(1, max(0, value)))


def _drawn(size: tuple[int, int], colour: Callable[[float, float], tuple[int, ...]]) -> Image.Image:
    width, height = (max(1, round(side * DRAWN_PX / max(size))) for side in size)
    picture = Image.new("RGB", (width, height))
    picture.putdata([colour((x + 0.5) / width, (y + 0.5) / height) for y in range(height) for x in range(width)])
    return picture.resize(size, Image.Resampling.BICUBIC)
