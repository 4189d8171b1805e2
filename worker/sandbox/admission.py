"""Who may start now: calls wait in order for a place and for memory."""

import asyncio
from collections import deque


class Admission:
    """At most `places` calls at once, and their expected memory at most `budget_mb` together.

    Strictly in order: a large call at the head is not overtaken for ever by small ones. A call larger than the whole
    budget runs alone, rather than never.
    """

    def __init__(self, places: int, budget_mb: int) -> None:
        self._places = places
        self._budget_mb = budget_mb
        self._running = 0
        self._taken_mb = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, memory_mb: int) -> None:
        """Wait for a place and `memory_mb`. Whoever entered must `leave` with the same number."""
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
        self._running -= 1
        self._taken_mb -= memory_mb
        self._admit()

    def refuse(self, reason: str) -> None:
        """Everyone who waits raises RuntimeError(reason)."""
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
