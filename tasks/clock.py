"""The wall clock, in the unit of every stored time."""

import time


def now_ms() -> int:
    """Return the time of this machine's clock in milliseconds since 1970."""
    return int(time.time() * 1000)
