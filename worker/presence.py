"""Says that this process is alive, and what it serves."""

import asyncio
import json
import os
import socket
import time

from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks.queue.redis_keys import BEAT_MS, SECOND_MS, WORKER, WORKER_MS, WORKERS, arq_queue
from worker.running import Running
from worker.weather import Weather


class Presence:
    """One beat every BEAT_MS: what `/readyz` and `arq --check` go by."""

    def __init__(self, redis: "Redis[bytes]", worker_id: str, running: Running, weather: Weather) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._running = running
        self._weather = weather
        self._started_at = int(time.time() * 1000)

    async def loop(self) -> None:
        while True:
            await self._weather.brave(self._beat)
            await asyncio.sleep(BEAT_MS / 1000)

    async def leave(self) -> None:
        """Say good-bye, so that nobody waits for this worker's beat to grow old."""
        await self._redis.delete(WORKER + self._worker_id)
        await self._redis.zrem(WORKERS, self._worker_id)

    async def _beat(self) -> None:
        seconds, micros = await self._redis.time()
        now = seconds * SECOND_MS + micros // 1000
        about = {
            "id": self._worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": self._running.queues,
            "running": len(self._running.ids),
            "started_at": self._started_at,
        }
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(WORKER + self._worker_id, json.dumps(about), px=WORKER_MS)
            pipe.zadd(WORKERS, {self._worker_id: now})
            pipe.zremrangebyscore(WORKERS, "-inf", now - 10 * WORKER_MS)
            for queue in self._running.queues:
                pipe.set(arq_queue(queue) + health_check_key_suffix, json.dumps(about), px=WORKER_MS)
            await pipe.execute()
