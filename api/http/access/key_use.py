"""Notes when keys were last used, in the background: no request waits for it."""

import asyncio
import contextlib
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tasks.queue.script import Script

AT_ONCE: Final = 500
"""Keys of one script."""
LAST_NOTE_S: Final = 2.0
"""Seconds for which a process that stops waits for Redis to take its last notes."""


class KeyUse:
    """The keys that this process was used with since it last noted them. Each is noted once in KEY_USE_S at most.

    Args:
        redis: Connection.
        every_s: Seconds between two notes.
    """

    def __init__(self, redis: "Redis[bytes]", every_s: float) -> None:
        self._script = Script(redis, "accounts/keys_used")
        self._every_s = every_s
        self._used: set[str] = set()

    def add(self, key_id: str) -> None:
        """A live key was used."""
        self._used.add(key_id)

    async def loop(self) -> None:
        """Note them from time to time, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await self._flush()

    async def close(self) -> None:
        """Note them a last time, once the loop has ended. What Redis does not take in LAST_NOTE_S is lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_NOTE_S):
                await self._flush()

    async def _flush(self) -> None:
        # While Redis is away they wait for the next time; they are as many as the keys that were found in Redis.
        with contextlib.suppress(RedisError, OSError):
            while self._used:
                some = sorted(self._used)[:AT_ONCE]
                await self._script({"ids": some})
                self._used.difference_update(some)
