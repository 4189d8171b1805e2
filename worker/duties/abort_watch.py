"""Hears ARQ's sign that a job shall stop (`arq:abort`), given by `Job.abort()` and by our own cancellation alike."""

import asyncio

from arq.constants import abort_jobs_ss
from redis.asyncio import Redis

from tasks.queue.jobs.cancel import Canceller
from tasks.queue.redis_keys import ABORT_MS, SECOND_MS
from tasks.settings import Settings
from worker.attempts.running import Reason, Running
from worker.redis_health import RedisHealth

LOOK_S = 0.5
SIGNS_AT_MOST = 1_000


class AbortWatch:
    """Stops running jobs of this process, and closes waiting ones, whoever was asked to."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings, running: Running, redis_health: RedisHealth) -> None:
        self._redis = redis
        self._canceller = Canceller(redis, settings)
        self._running = running
        self._redis_health = redis_health

    async def loop(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._redis_health.retry_until_up(self._look)

    async def _look(self) -> None:
        signs = await self._redis.zrange(abort_jobs_ss, 0, SIGNS_AT_MOST - 1, desc=True)
        if not signs:
            return
        here = set(self._running.ids)
        for job_id in (sign.decode(errors="backslashreplace") for sign in signs):
            if job_id in here:
                self._running.cancel(job_id, Reason.CANCELLED)
            else:
                await self._canceller.cancel(job_id)
        # A sign for a job that nobody knows, or that ended first, would stay for ever.
        seconds, _ = await self._redis.time()
        await self._redis.zremrangebyscore(abort_jobs_ss, "-inf", seconds * SECOND_MS - ABORT_MS)
