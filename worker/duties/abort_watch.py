"""Watches ARQ's list of jobs to abort (`arq:abort`), which `Job.abort()` and Pressroom's cancellation both write to."""

import asyncio

from arq.constants import abort_jobs_ss
from redis.asyncio import Redis

from tasks import clock
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import ABORT_MS
from tasks.settings import Settings
from worker.attempts.running import Reason, Running
from worker.redis_health import RedisHealth

LOOK_S = 0.5
"""Seconds between two looks."""
MAX_ABORTS = 1_000
"""Entries that one look reads, the newest first."""


class AbortWatch:
    """Cancels the jobs that ARQ's list names: those of this process, and those that wait.

    Args:
        redis: Connection.
        settings: Of which the retention times of cancelled jobs are read.
        running: The jobs of this process.
        redis_health: Shared by the duties.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, running: Running, redis_health: RedisHealth) -> None:
        self._redis = redis
        self._job_store = JobStore(redis, settings)
        self._running = running
        self._redis_health = redis_health

    async def loop(self) -> None:
        """Look every LOOK_S, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self._redis_health.retry_until_up(self._look)

    async def _look(self) -> None:
        entries = await self._redis.zrange(abort_jobs_ss, 0, MAX_ABORTS - 1, desc=True)
        if not entries:
            return
        here = set(self._running.ids)
        for job_id in (entry.decode(errors="backslashreplace") for entry in entries):
            if job_id in here:
                self._running.cancel(job_id, Reason.CANCELLED)
            else:
                await self._job_store.cancel(job_id)
        # An entry for a job that is unknown, or that ended first, would stay for ever.
        now = clock.of_redis(await self._redis.time())
        await self._redis.zremrangebyscore(abort_jobs_ss, "-inf", now - ABORT_MS)
