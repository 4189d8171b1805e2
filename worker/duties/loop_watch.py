"""Notes each turn of the event loop, for those who must know whether it still turns, and how late it is."""

import asyncio
import time

LOOK_S = 0.25
"""Seconds between two turns that are noted."""


class LoopWatch:
    """Counts turns, and measures how late they come."""

    def __init__(self) -> None:
        self.turns = 0
        """Grows while the event loop turns; may be read from any thread."""
        self._worst_s = 0.0

    async def loop(self) -> None:
        """Count until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOK_S)
            self.turns += 1
            self._worst_s = max(self._worst_s, time.monotonic() - before - LOOK_S)

    def take_worst_s(self) -> float:
        """Return the longest delay of the event loop since the last call, in seconds."""
        worst, self._worst_s = self._worst_s, 0.0
        return worst
