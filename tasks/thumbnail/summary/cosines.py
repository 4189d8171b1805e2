"""The cosine transform of a small picture, which ThumbHash, BlurHash and pHash are made of.

In plain Python, since a picture of 32 × 32 values takes a tenth of a millisecond when rows are projected before
columns.
"""

import functools
import math
import sys
from collections.abc import Sequence
from operator import mul

if sys.version_info >= (3, 12):
    from math import sumprod
else:

    def sumprod(one: Sequence[float], other: Sequence[float]) -> float:
        """Sum the products of two sequences of equal length."""
        return sum(map(mul, one, other), 0.0)


Rows = Sequence[Sequence[float]]
"""One channel of a picture: rows of values."""


def transform(channel: Rows, across: int, down: int, *, shift: float = 0.5) -> list[list[float]]:
    """Compute the lowest terms of the two-dimensional cosine transform, as sums without any factor.

    Args:
        channel: Rows of equal length.
        across: How many terms along the rows.
        down: How many terms along the columns.
        shift: Where in a pixel its value is taken: 0.5 for its middle.

    Returns:
        `down` rows of `across` terms.
    """
    columns = _projected(channel, _waves(len(channel[0]), across, shift))
    return _projected(columns, _waves(len(channel), down, shift))


def _projected(rows: Rows, waves: Rows) -> list[list[float]]:
    """For each wave, the sum of its products with each row. The first wave is 1 all over."""
    return [list(map(sum, rows)), *([sumprod(row, wave) for row in rows] for wave in waves[1:])]


def rows_of(values: Sequence[float], width: int) -> list[Sequence[float]]:
    """Cut the values of a channel into rows of this width."""
    return [values[start : start + width] for start in range(0, len(values), width)]


@functools.lru_cache(maxsize=64)
def _waves(length: int, terms: int, shift: float) -> list[list[float]]:
    return [[math.cos(math.pi / length * term * (x + shift)) for x in range(length)] for term in range(terms)]
