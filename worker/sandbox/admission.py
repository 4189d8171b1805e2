"""Admission of sandbox calls: they wait for a place and for memory, and owners take turns."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

LONG_WAIT_S = 30.0
"""Seconds after which a call that still waits is logged."""


@dataclass(slots=True)
class Room:
    """Places and megabytes, and how many of them are taken."""

    places: int
    budget_mb: int
    running: int = 0
    taken_mb: int = 0

    def has(self, memory_mb: int) -> bool:
        """Whether a call would fit beside those that run."""
        return self.running < self.places and self.taken_mb + memory_mb <= self.budget_mb


@dataclass(slots=True)
class Grant:
    """The place and the memory of one call, from `Admission.enter` to `Admission.leave`.

    Attributes:
        owner: Whose call it is.
        memory_mb: Megabytes that it is expected to take.
        room: Where it runs; None while it waits, and after it has left.
    """

    owner: str
    memory_mb: int
    room: Room | None = None
    turn: "asyncio.Future[None] | None" = field(default=None, repr=False)


class Admission:
    """Limits how many calls run at once, and their expected memory together.

    Owners are admitted in turns, those with the fewest running calls first, and the calls of one owner in order. A call
    that is the next but does not fit yet is not overtaken, so that small calls cannot delay a large one for ever. One
    place more, with memory of its own, is kept for owners that have no running call: it lets in who would have to wait.
    A call that is larger than the other memory has the reserved one too, and runs alone.

    Args:
        places: Calls at once, besides the one in the reserved place.
        budget_mb: Expected memory of all calls at once, in megabytes.
        reserved_mb: How much of it belongs to the reserved place; 0 means that there is no such place.
    """

    def __init__(self, places: int, budget_mb: int, reserved_mb: int = 0) -> None:
        self._common = Room(places, budget_mb - reserved_mb)
        self._reserved = Room(1 if reserved_mb else 0, reserved_mb)
        self._running: Counter[str] = Counter()
        # Owner → its waiting calls; the owner whose turn it is comes first.
        self._waiting: dict[str, deque[Grant]] = {}

    @property
    def largest_mb(self) -> int:
        """Megabytes that one call may ask for while it runs."""
        return self._common.budget_mb + self._reserved.budget_mb

    async def enter(self, owner: str, memory_mb: int) -> Grant:
        """Wait for a place and for memory. Every grant needs a call to `leave`.

        Args:
            owner: Whose call it is.
            memory_mb: Megabytes that the work is expected to take.

        Raises:
            RuntimeError: `refuse` was called meanwhile.
        """
        grant = Grant(owner, memory_mb)
        self._waiting.setdefault(owner, deque()).append(grant)
        await self._turn_of(grant)
        return grant

    async def extend(self, grant: Grant, memory_mb: int) -> None:
        """Wait until a running call may take more memory. It gives back its place meanwhile, and is its owner's next.

        Args:
            grant: That of the call.
            memory_mb: Megabytes that it is expected to take in all.

        Raises:
            RuntimeError: `refuse` was called meanwhile.
        """
        room = grant.room
        more_mb = memory_mb - grant.memory_mb
        if room and room.taken_mb + more_mb <= room.budget_mb and (room is self._reserved or not self._waiting):
            room.taken_mb += more_mb
            grant.memory_mb = memory_mb
            return
        self._take_back(grant)
        grant.memory_mb = memory_mb
        self._waiting.setdefault(grant.owner, deque()).appendleft(grant)
        await self._turn_of(grant)

    def is_alone(self) -> bool:
        """Whether one call runs, and none waits."""
        return sum(self._running.values()) == 1 and not self._waiting

    def is_only(self, grant: Grant) -> bool:
        """Whether no other call of its owner runs."""
        return self._running[grant.owner] == 1

    def leave(self, grant: Grant) -> None:
        """Give back a place and its memory. It may be called again, which has no effect."""
        self._take_back(grant)
        self._admit()

    def refuse(self, reason: str) -> None:
        """Let every waiting call raise RuntimeError(reason)."""
        waiting, self._waiting = self._waiting, {}
        for grants in waiting.values():
            for grant in grants:
                if grant.turn is not None and not grant.turn.done():
                    grant.turn.set_exception(RuntimeError(reason))

    async def _turn_of(self, grant: Grant) -> None:
        self._admit()
        if grant.room is not None:
            return
        loop = asyncio.get_running_loop()
        turn = grant.turn = loop.create_future()
        late = loop.call_later(LONG_WAIT_S, _log_wait, grant)
        try:
            await turn
        except asyncio.CancelledError:
            self._forget(grant)
            self.leave(grant)
            raise
        finally:
            grant.turn = None
            late.cancel()

    def _admit(self) -> None:
        while (found := self._next()) is not None:
            owner, room = found
            grants = self._waiting.pop(owner)
            grant = grants.popleft()
            if grants:
                self._waiting[owner] = grants  # last again: the others have their turn first
            grant.room = room
            room.running += 1
            room.taken_mb += grant.memory_mb
            self._running[owner] += 1
            if grant.turn is not None and not grant.turn.done():
                grant.turn.set_result(None)

    def _next(self) -> tuple[str, Room] | None:
        """The owner whose first call may run now, and where."""
        if not self._waiting:
            return None
        first = min(self._waiting, key=lambda owner: self._running[owner])
        wanted_mb = self._waiting[first][0].memory_mb
        if self._fits(wanted_mb):
            return first, self._common
        if max(wanted_mb, self._common.taken_mb) > self._common.budget_mb:
            return None  # one that waits, or runs, has the reserved memory too
        for owner, grants in self._waiting.items():
            if not self._running[owner] and self._reserved.has(grants[0].memory_mb):
                return owner, self._reserved
        return None

    def _fits(self, memory_mb: int) -> bool:
        if memory_mb <= self._common.budget_mb:
            return self._common.has(memory_mb)
        return not self._common.running and not self._reserved.running

    def _take_back(self, grant: Grant) -> None:
        room, grant.room = grant.room, None
        if room is None:
            return
        room.running -= 1
        room.taken_mb -= grant.memory_mb
        self._running[grant.owner] -= 1
        if not self._running[grant.owner]:
            del self._running[grant.owner]

    def _forget(self, grant: Grant) -> None:
        grants = self._waiting.get(grant.owner)
        if grants and any(one is grant for one in grants):
            self._waiting[grant.owner] = deque(one for one in grants if one is not grant)
            if not self._waiting[grant.owner]:
                del self._waiting[grant.owner]


def _log_wait(grant: Grant) -> None:
    log.info("sandbox.waiting", owner=grant.owner, memory_mb=grant.memory_mb, seconds=LONG_WAIT_S)
