"""Listens for wake signals, so that an idle worker starts a job within a millisecond of its submit."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from tasks.queue.redis_keys import WAKE
from worker.redis_health import RedisHealth

LISTEN_S = 1.0
"""Signals are hints: after this long without one the queues are looked at all the same."""


class Waker:
    """Blocks on the wake lists of the queues that could start something.

    A signal of a queue that has no free slot here is left alone: it may be meant for another worker.
    """

    def __init__(self, redis: "Redis[bytes]", redis_health: RedisHealth, wake_event: asyncio.Event) -> None:
        self._redis = redis
        self._wake_event = wake_event
        self._redis_health = redis_health
        self.heard = False
        """A signal was heard since this was last set to False."""
        self._queues: Sequence[str] = ()
        self._aimed = asyncio.Event()
        self._blocked: tuple[int, Sequence[str]] | None = None

    async def aim(self, queues: Sequence[str]) -> None:
        """Listen for these queues from now on (none: do not listen)."""
        self._queues = queues
        if queues:
            self._aimed.set()
        else:
            self._aimed.clear()
        if self._blocked is not None and self._blocked[1] != queues:
            await self._redis.client_unblock(self._blocked[0])

    async def loop(self) -> None:
        while True:
            await self._redis_health.retry_until_up(self._listen)

    async def _listen(self) -> None:
        async with self._redis.client() as connection:
            client_id = await connection.client_id()
            while True:
                await self._aimed.wait()
                queues = self._queues
                self._blocked = (client_id, queues)
                try:
                    heard = await connection.blpop([WAKE + queue for queue in queues], timeout=LISTEN_S)
                finally:
                    self._blocked = None
                if heard is not None:
                    self.heard = True
                    self._aimed.clear()
                    self._wake_event.set()
