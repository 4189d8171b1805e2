"""How full Redis is. Every process looks by itself, every second, so that this is known whether or not a worker runs.

From REDIS_FULL_PERCENT of `maxmemory` on nothing is added: submits are refused, and what a worker adds waits. The rest
is for scripts that end, renew, cancel, delete or clean up, which go on beyond `maxmemory` too (`tasks.queue.script`).
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from tasks.refusal import Refusal
from tasks.settings import MiB, Settings

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""Seconds between two looks. One takes Redis 6 µs."""
RELIEF_PERCENT: Final = 2
"""By so many points of a percent the share must sink below the limit before anything is added again; without this, the
log would tell of both in every second."""
BLIND_PAUSE_S: Final = 5.0
"""Where the share is unknown, Redis itself refuses when it is full: after that nothing is added for so many seconds."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The memory of Redis in bytes, as far as it counts against `maxmemory`.

    limit: `maxmemory`; 0 for none. policy: what Redis does when it is full. known: False where INFO is forbidden.
    """

    used: int = 0
    limit: int = 0
    policy: str = ""
    known: bool = True

    @classmethod
    def of(cls, info: Mapping[str, Any] | Exception) -> Self:
        """Read the answer to INFO memory. An error means that the user may not call it, or that the plan renamed it."""
        if isinstance(info, Exception):
            return cls(known=False)
        # Some plans leave a part of it out.
        used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
        known = "used_memory" in info and "maxmemory" in info
        return cls(used, int(info.get("maxmemory", 0)), str(info.get("maxmemory_policy", "")), known)

    @property
    def percent(self) -> float | None:
        """The share of `maxmemory`; None if it is unknown, or there is no limit."""
        return 100 * self.used / self.limit if self.limit else None


class RedisMemory:
    """What this process knows of the memory of its Redis."""

    def __init__(self) -> None:
        self.use: MemoryUse | None = None
        """As the last look found it; None before the first."""
        self._full = False
        self._blind_until = 0.0

    @property
    def full(self) -> bool:
        """Whether nothing is to be added."""
        return self._full and (self._sighted or time.monotonic() < self._blind_until)

    @property
    def _sighted(self) -> bool:
        return self.use is not None and self.use.known

    def note(self, use: MemoryUse, full_percent: float) -> None:
        """Note what a look has found.

        Args:
            use: The memory.
            full_percent: The share of `maxmemory` from which on Redis counts as full.
        """
        self.use = use
        percent = use.percent
        if percent is not None and percent >= full_percent:
            self._begin(full_percent)
        elif use.known and (percent is None or percent < full_percent - RELIEF_PERCENT):
            self._end()

    def note_refused(self) -> None:
        """Note that Redis itself had no room for a script."""
        self._blind_until = time.monotonic() + BLIND_PAUSE_S
        self._begin(None)

    def note_added(self) -> None:
        """Note that Redis had room for a script that adds."""
        if self._full and not self._sighted and time.monotonic() >= self._blind_until:
            self._end()

    def _begin(self, full_percent: float | None) -> None:
        if not self._full:
            hint = "Submits are refused. Delete ended jobs or give Redis more memory; docs/operations.md says how."
            log.warning("redis.full", **self._facts, full_percent=full_percent, hint=hint)
        self._full = True

    def _end(self) -> None:
        if self._full:
            log.info("redis.room", **self._facts)
        self._full = False

    @property
    def _facts(self) -> dict[str, Any]:
        if self.use is None or self.use.percent is None:
            return {"percent": None}
        return {
            "percent": round(self.use.percent, 1),
            "used_mb": round(self.use.used / MiB, 1),
            "maxmemory_mb": round(self.use.limit / MiB, 1),
        }


_KNOWN: "WeakKeyDictionary[Redis[Any], RedisMemory]" = WeakKeyDictionary()


def memory_of(redis: "Redis[Any]") -> RedisMemory:
    """What this process knows of the memory of a client's Redis. Without a `MemoryWatch` nobody looks."""
    return _KNOWN.setdefault(redis, RedisMemory())


async def read_memory(redis: "Redis[Any]") -> MemoryUse:
    """Ask Redis for its memory.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    try:
        return MemoryUse.of(await redis.info("memory"))
    except ResponseError as error:
        return MemoryUse.of(error)


async def observe_memory(redis: "Redis[Any]", settings: Settings) -> MemoryUse:
    """Read the memory, and note it for the scripts of this client.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    use = await read_memory(redis)
    memory_of(redis).note(use, settings.redis_full_percent)
    return use


class MemoryWatch:
    """Looks at the memory of Redis all the time.

    Args:
        redis: The client whose scripts go by it.
        settings: Of which REDIS_FULL_PERCENT is read.
    """

    def __init__(self, redis: "Redis[Any]", settings: Settings) -> None:
        self._redis = redis
        self._settings = settings

    async def loop(self) -> None:
        """Look every LOOK_S, until cancelled. A Redis that is away is told by others."""
        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await observe_memory(self._redis, self._settings)
            await asyncio.sleep(LOOK_S)


def is_out_of_memory(error: ResponseError) -> bool:
    """Whether Redis refused a command because it is full. Its versions wrap this differently when a script ran it."""
    return "command not allowed when used memory > 'maxmemory'" in str(error)


def redis_full() -> Refusal:
    """The refusal of what would add to a full Redis."""
    return Refusal(
        "redis_full",
        "Redis is full, so nothing is accepted until ended jobs have expired or were deleted. What was accepted before "
        "goes on. Try again later.",
    )
