"""Workers that are only said to be there."""

import time

from arq.connections import ArqRedis

from tasks.queue.redis_keys import QUEUES, WORKER, WORKER_RECORD_TTL_MS, WORKERS
from tasks.queue.watch.workers import RunningJob, WorkerRecord


async def beat(
    redis: ArqRedis,
    host: str = "one",
    *,
    queues: tuple[str, ...] = QUEUES,
    ago_ms: int = 0,
    doing: tuple[RunningJob, ...] = (),
    storage_away_ms: int | None = None,
    sandbox_lacks: tuple[str, ...] = (),
) -> None:
    """The last beat of a worker that serves these queues."""
    now = int(time.time() * 1000)
    worker = WorkerRecord(
        id=f"{host}:7:ab",
        host=host,
        pid=7,
        version="0.1.0",
        queues=queues,
        started_ms=now - 60_000,
        beat_ms=now - ago_ms,
        running=len(doing),
        doing=doing,
        rss_mb=91.5,
        pss_mb=60.25,
        lag_ms=3.5,
        storage_away_ms=storage_away_ms,
        sandbox_lacks=sandbox_lacks,
    )
    await redis.set(WORKER + worker.id, worker.to_json(), px=WORKER_RECORD_TTL_MS)
    await redis.zadd(WORKERS, {worker.id: worker.beat_ms})
