"""Admission of sandbox calls: they wait in order for a free child and for memory."""

import asyncio
from collections import deque


class Admission:
    """Limits how many calls run at once, and their expected memory together.

    Calls are admitted strictly in order, so that small ones cannot delay a large one for ever. A call that is larger
    than the whole budget runs alone.

    Args:
        places: Calls at once.
        budget_mb: Expected memory of all calls at once, in megabytes.
    """

    def __init__(self, places: int, budget_mb: int) -> None:
        self._places = places
        self._budget_mb = budget_mb
        self._running = 0
        self._taken_mb = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, memory_mb: int) -> None:
        """Wait for a place and for memory. Each call to `enter` needs a call to `leave` with the same number.

        Args:
            memory_mb: Megabytes that the work is expected to take.

        Raises:
            RuntimeError: `refuse` was called meanwhile.
        """
        if not self._waiting and self._fits(memory_mb):
            self._take(memory_mb)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((memory_mb, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit()
            elif turn.exception() is None:
                self.leave(memory_mb)
            raise

    def leave(self, memory_mb: int) -> None:
        """Give back a place and its memory."""
        self._running -= 1
        self._taken_mb -= memory_mb
        self._admit()

    def refuse(self, reason: str) -> None:
        """Let every waiting call raise RuntimeError(reason)."""
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(RuntimeError(reason))
        self._waiting.clear()

    def _admit(self) -> None:
        while self._waiting:
            memory_mb, turn = self._waiting[0]
            if not turn.done():
                if not self._fits(memory_mb):
                    return
                self._take(memory_mb)
                turn.set_result(None)
            self._waiting.popleft()

    def _fits(self, memory_mb: int) -> bool:
        return self._running == 0 or (self._running < self._places and self._taken_mb + memory_mb <= self._budget_mb)

    def _take(self, memory_mb: int) -> None:
        self._running += 1
        self._taken_mb += memory_mb
