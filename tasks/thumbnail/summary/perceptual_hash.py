"""pHash: 64 bits that are nearly the same for pictures that look the same, whatever their size, format or quality."""

import statistics
from typing import Final

from PIL import Image

from tasks.thumbnail.summary.cosines import rows_of, transform

BITS: Final = 64
_SIDE: Final = 32
_TERMS: Final = 8
_SAME: Final = 6
"""Decimals that count: without this, the bits of a picture of one colour would be those of rounding errors."""


def perceptual_hash(image: Image.Image) -> int:
    """Compute the pHash of a picture: which of the 8 × 8 lowest cosine terms are above their median.

    Two pictures whose hashes differ in few bits look alike. Those of `imagehash.phash` are of the same sort.

    Args:
        image: A copy of 32 pixels or more, in any mode without alpha.
    """
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    rows = transform(rows_of(grey.tobytes(), _SIDE), _TERMS, _TERMS)
    terms = [round(term, _SAME) for row in rows for term in row]
    median = statistics.median(terms)
    return int("".join("1" if term > median else "0" for term in terms), 2)
