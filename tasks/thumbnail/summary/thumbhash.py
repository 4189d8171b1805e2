"""ThumbHash: a placeholder of about 25 bytes with colours, proportions and transparency.

It follows the reference implementation (https://evanw.github.io/thumbhash/), byte by byte.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image

from tasks.thumbnail.summary.cosines import rows_of, sumprod, transform

_TERMS: Final = 7
"""Terms of lightness along the longer side; fewer with transparency, whose terms take their place."""
_TERMS_BESIDE_ALPHA: Final = 5
_COLOUR_TERMS: Final = 3
_ALPHA_TERMS: Final = 5
_FEWEST_TERMS: Final = 3
_NOISE: Final = 1e-9
"""Below it a term is the error of its computation, as in a picture of one colour."""


class _ChannelTerms(NamedTuple):
    """Terms of a channel. mean: the first one. others: the rest, 0 to 1 within the scale, which is the largest."""

    mean: float
    others: list[float]
    scale: float


def thumbhash(image: Image.Image) -> bytes:
    """Compute the ThumbHash of a picture.

    Args:
        image: A small copy in RGB or RGBA, at most 100 pixels wide and high.

    Returns:
        Its bytes, 10 to 25.
    """
    width, height = image.size
    *colours, last = bands = [band.tobytes() for band in image.split()]
    has_alpha = image.mode == "RGBA" and min(last) < 255
    pixels = list(zip(*(_over_mean(colours, last) if has_alpha else bands[:3]), strict=True))
    longest = max(width, height)
    terms = _TERMS_BESIDE_ALPHA if has_alpha else _TERMS
    across, down = (max(1, _half_up(terms * side / longest)) for side in image.size)
    lightness = _channel(
        [(red + green + blue) / 765 for red, green, blue in pixels],
        width,
        max(_FEWEST_TERMS, across),
        max(_FEWEST_TERMS, down),
    )
    yellow = _channel([(red + green - 2 * blue) / 510 for red, green, blue in pixels], width, _COLOUR_TERMS)
    red_green = _channel([(red - green) / 255 for red, green, _ in pixels], width, _COLOUR_TERMS)
    channels = [lightness, yellow, red_green]
    head = (
        _half_up(63 * lightness.mean)
        | _half_up(31.5 + 31.5 * yellow.mean) << 6
        | _half_up(31.5 + 31.5 * red_green.mean) << 12
        | _half_up(31 * lightness.scale) << 18
        | has_alpha << 23
    )
    shape = (
        (down if width > height else across)
        | _half_up(63 * yellow.scale) << 3
        | _half_up(63 * red_green.scale) << 9
        | (width > height) << 15
    )
    hashed = head.to_bytes(3, "little") + shape.to_bytes(2, "little")
    if has_alpha:
        alpha = _channel([value / 255 for value in last], width, _ALPHA_TERMS)
        hashed += bytes([_half_up(15 * alpha.mean) | _half_up(15 * alpha.scale) << 4])
        channels.append(alpha)
    levels = [_half_up(15 * other) for channel in channels for other in channel.others]
    levels += [0] * (len(levels) % 2)
    return hashed + bytes(low | high << 4 for low, high in zip(levels[::2], levels[1::2], strict=True))


def _over_mean(colours: list[bytes], alphas: bytes) -> list[list[float]]:
    """Draw over the mean colour."""
    weights = [alpha / 255 for alpha in alphas]
    total = sum(weights)
    result = []
    for values in colours:
        mean = sumprod(weights, values) / total if total else 0.0
        result.append([mean + (value - mean) * weight for value, weight in zip(values, weights, strict=True)])
    return result


def _channel(values: Sequence[float], width: int, across: int, down: int | None = None) -> _ChannelTerms:
    down = down or across
    rows = transform(rows_of(values, width), across, down)
    pixels = len(values)
    terms = [rows[y][x] / pixels for y in range(down) for x in range(across) if x * down < across * (down - y)]
    mean, others = terms[0], terms[1:]
    scale = max(map(abs, others))
    if scale < _NOISE:
        return _ChannelTerms(mean, [0.0] * len(others), 0)
    return _ChannelTerms(mean, [0.5 + 0.5 / scale * other for other in others], scale)


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)
