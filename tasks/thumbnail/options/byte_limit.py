"""Finds the best quality at which a picture has no more bytes than it may."""

from collections.abc import Callable
from typing import Final, NamedTuple

LOWEST_QUALITY: Final = 10
"""Below it a picture shows more blocks than picture, and saves few bytes."""


class Fitted(NamedTuple):
    """How a picture was encoded: its quality, and whether it has no more bytes than it may."""

    quality: int
    fits: bool


def fit_bytes(encode: Callable[[int], int], quality: int, max_bytes: int) -> Fitted:
    """Encode a picture at the best quality that fits, or at LOWEST_QUALITY where none does.

    Args:
        encode: Encodes it at a quality, in place of what it encoded before, and returns the number of bytes.
        quality: The quality to begin with, which is the highest.
        max_bytes: Bytes that it may have.
    """
    if encode(quality) <= max_bytes:
        return Fitted(quality, fits=True)
    lowest = min(LOWEST_QUALITY, quality)
    low, high, last, best = lowest, quality - 1, quality, 0
    while low <= high:
        last = (low + high) // 2
        if encode(last) <= max_bytes:
            best, low = last, last + 1
        else:
            high = last - 1
    quality = best or lowest
    if last != quality:
        encode(quality)
    return Fitted(quality, fits=bool(best))
