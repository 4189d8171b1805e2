"""Listens for wake signals, so that an idle worker starts a job within a millisecond after its submission."""

import asyncio
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from tasks.queue.redis_keys import WAKE
from worker.redis_health import RedisHealth

log = structlog.get_logger()

LISTEN_S = 1.0
"""Seconds without a signal after which the queues are looked at anyway: a signal may be lost."""


class Waker:
    """Blocks on the wake lists of the queues that could start a job.

    A signal of a queue that has no free slot here is not read: it may be meant for another worker.

    Args:
        redis: Connection.
        redis_health: Shared by the duties.
        wake_event: Set when a signal arrives.
    """

    def __init__(self, redis: "Redis[bytes]", redis_health: RedisHealth, wake_event: asyncio.Event) -> None:
        self._redis = redis
        self._wake_event = wake_event
        self._redis_health = redis_health
        self.heard = False
        """Whether a signal has arrived since this was last set to False."""
        self._queues: Sequence[str] = ()
        self._aimed = asyncio.Event()
        self._blocked: tuple[int, Sequence[str]] | None = None
        self._may_unblock = True

    async def aim(self, queues: Sequence[str]) -> None:
        """Listen for the signals of these queues from now on; with none, do not listen."""
        self._queues = queues
        if queues:
            self._aimed.set()
        else:
            self._aimed.clear()
        if self._blocked is not None and self._blocked[1] != queues:
            await self._unblock(self._blocked[0])

    async def _unblock(self, client_id: int) -> None:
        if not self._may_unblock:
            return
        try:
            await self._redis.client_unblock(client_id)
        except NoPermissionError:
            # It goes on without: the signals are then listened to within LISTEN_S.
            self._may_unblock = False
            log.warning("waker.may_not_unblock", hint="grant +client|unblock, and idle workers start jobs sooner")

    async def loop(self) -> None:
        """Listen until cancelled."""
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
