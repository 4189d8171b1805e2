"""Says that this process is alive, what it serves, and what it runs."""

import asyncio
import os
import socket
import time

from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks import clock
from tasks.outbound.client import VERSION
from tasks.queue.redis_keys import BEAT_MS, SECOND_MS, WORKER, WORKER_MS, WORKER_RECORD_TTL_MS, WORKERS, arq_queue
from tasks.queue.watch.workers import DOING_AT_MOST, Doing, Worker
from worker.attempts.memory import measure
from worker.attempts.running import Running
from worker.redis_health import RedisHealth

LOOK_S = 0.25
"""Between two looks at whether the event loop is late."""


class Heartbeat:
    """One beat every BEAT_MS: what `/v1/workers`, `/readyz` and `arq --check` go by."""

    def __init__(self, redis: "Redis[bytes]", worker_id: str, running: Running, redis_health: RedisHealth) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._running = running
        self._redis_health = redis_health
        self._started_at = clock.now_ms()
        self._lag_s = 0.0

    async def loop(self) -> None:
        while True:
            await self._redis_health.retry_until_up(self._beat)
            self._lag_s = await self._until_the_next()

    async def leave(self) -> None:
        """Say good-bye, so that nobody waits for this worker's beat to grow old."""
        await self._redis.delete(WORKER + self._worker_id)
        await self._redis.zrem(WORKERS, self._worker_id)

    async def _beat(self) -> None:
        seconds, micros = await self._redis.time()
        now = seconds * SECOND_MS + micros // 1000
        about = (await self._about(now)).to_json()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(WORKER + self._worker_id, about, px=WORKER_RECORD_TTL_MS)
            pipe.zadd(WORKERS, {self._worker_id: now})
            pipe.zremrangebyscore(WORKERS, "-inf", now - WORKER_RECORD_TTL_MS)
            for queue in self._running.queues:
                pipe.set(arq_queue(queue) + health_check_key_suffix, about, px=WORKER_MS)
            await pipe.execute()

    async def _about(self, now: int) -> Worker:
        memory = await asyncio.to_thread(measure)
        leases = sorted(self._running.leases.values(), key=lambda job: job.started_at)[:DOING_AT_MOST]
        return Worker(
            id=self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            queues=tuple(self._running.queues),
            started_ms=self._started_at,
            beat_ms=now,
            running=len(self._running.ids),
            doing=tuple(Doing(job.id, job.kind, job.queue, job.attempt, job.started_at) for job in leases),
            rss_mb=memory.rss_mb,
            pss_mb=memory.pss_mb,
            lag_ms=round(self._lag_s * 1000, 1),
        )

    async def _until_the_next(self) -> float:
        """Seconds by which the event loop was late meanwhile, at worst."""
        worst, end = 0.0, time.monotonic() + BEAT_MS / 1000
        while (before := time.monotonic()) < end:
            await asyncio.sleep(LOOK_S)
            worst = max(worst, time.monotonic() - before - LOOK_S)
        return worst
