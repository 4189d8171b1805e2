"""Renews the leases of this process's running jobs."""

import asyncio
import contextlib

import structlog
from redis.asyncio import Redis

from tasks.queue.redis_keys import RENEW_MS
from tasks.queue.script import Script
from worker.attempts.running import Reason, Running
from worker.redis_health import RedisHealth

log = structlog.get_logger()


class LeaseKeeper:
    """Renews all leases every RENEW_MS in one round trip, and at once when Redis is up again.

    Args:
        redis: Connection.
        worker_id: The worker that holds the leases.
        running: The jobs of this process.
        redis_health: Shared by the duties.
    """

    def __init__(self, redis: "Redis[bytes]", worker_id: str, running: Running, redis_health: RedisHealth) -> None:
        self._renew = Script(redis, "run/renew")
        self._worker_id = worker_id
        self._running = running
        self._redis_health = redis_health

    async def loop(self) -> None:
        """Renew the leases until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_MS / 1000):
                    await self._redis_health.renewal_wanted.wait()
            self._redis_health.renewal_wanted.clear()
            await self._redis_health.retry_until_up(self._renew_all)

    async def _renew_all(self) -> None:
        leases = [{"id": job.id, "queue": job.queue, "attempt": job.attempt} for job in self._running.leases.values()]
        lost: list[str] = await self._renew({"worker": self._worker_id, "leases": leases})
        for job_id in lost:
            log.warning("job.lost", job=job_id)
            self._running.cancel(job_id, Reason.LOST)
        self._redis_health.mark_up()
