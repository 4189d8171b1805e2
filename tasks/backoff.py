"""Pauses between the tries of a call to a server that is away."""

import random
from collections.abc import Iterator
from typing import Final

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0
"""Short enough that leases are renewed within PATIENCE_MS after Redis is up again."""


def pauses_s() -> Iterator[float]:
    """Yield seconds, for ever: each pause is twice as long as the one before, up to the longest, and half more or less
    by chance, so that processes do not all come back at once."""
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
