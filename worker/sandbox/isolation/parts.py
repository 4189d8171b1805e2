"""The parts of the isolation that a system may lack, and how the zygote sends the worker which of them it does."""

from collections.abc import Collection
from typing import Final

SECCOMP, LANDLOCK, NETWORK = "seccomp", "landlock", "network namespace"
PARTS: Final = (SECCOMP, LANDLOCK, NETWORK)


def bits_of(lacking: Collection[str]) -> int:
    """The number that stands for a set of PARTS: bit 0 is the first of them."""
    return sum(1 << bit for bit, part in enumerate(PARTS) if part in lacking)


def parts_of(bits: int) -> tuple[str, ...]:
    """Those of PARTS that a number of `bits_of` stands for."""
    return tuple(part for bit, part in enumerate(PARTS) if bits >> bit & 1)
