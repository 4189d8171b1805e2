"""The parts of the isolation that a system may lack, and how the zygote sends the worker which of them it does."""

from collections.abc import Collection
from typing import Final

from worker.sandbox.isolation import landlock, seccomp

SECCOMP, LANDLOCK, NETWORK = "seccomp", "landlock", "network namespace"
PARTS: Final = (SECCOMP, LANDLOCK, NETWORK)


def lacking_here() -> tuple[str, ...]:
    """Those of PARTS that this system lacks, as far as one can ask without trying: not whether a network namespace is
    allowed, which seccomp makes nearly superfluous."""
    works = {SECCOMP: seccomp.is_available(), LANDLOCK: landlock.version() > 0}
    return tuple(part for part, there in works.items() if not there)


def bits_of(lacking: Collection[str]) -> int:
    """The number that stands for a set of PARTS: bit 0 is the first of them."""
    return sum(1 << bit for bit, part in enumerate(PARTS) if part in lacking)


def parts_of(bits: int) -> tuple[str, ...]:
    """Those of PARTS that a number of `bits_of` stands for."""
    return tuple(part for bit, part in enumerate(PARTS) if bits >> bit & 1)
