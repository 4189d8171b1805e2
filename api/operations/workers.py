"""Workers, `/v1/workers`: who they are and what they run; for admins."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.caller import admin_of
from api.http.problems import documented
from api.http.times import from_ms
from api.jobs.views import EXAMPLE_JOB, uncached
from tasks.queue.redis_keys import WORKER_MS, WORKER_RECORD_TTL_MS
from tasks.queue.watch import workers
from tasks.queue.watch.workers import DOING_AT_MOST, WorkerRegistry, read_workers

router = APIRouter(prefix="/v1/workers", tags=["operations"])


class Doing(BaseModel):
    """A job that a worker runs."""

    job: str = Field(examples=[EXAMPLE_JOB])
    kind: str = Field(examples=["thumbnail"])
    queue: str = Field(examples=["media"])
    attempt: int
    since: datetime


class Worker(BaseModel):
    """A worker, as it was at its last beat."""

    id: str = Field(examples=["worker.1:4:9f86d081"])
    alive: bool = Field(
        description=f"False if it has not beaten for {WORKER_MS // 1000} s, and has died. Its jobs run elsewhere by "
        f"then; it is shown until {WORKER_RECORD_TTL_MS // 1000} s have passed."
    )
    host: str
    pid: int
    version: str
    queues: list[str] = Field(description="That it serves.")
    started_at: datetime
    last_beat_at: datetime
    running: int = Field(description="How many jobs it runs.")
    doing: list[Doing] = Field(description=f"Those that have run longest, {DOING_AT_MOST} at most.")
    rss_mb: float | None = Field(None, description="Megabytes in memory, of it and its sandbox.")
    pss_mb: float | None = Field(None, description="Likewise, what processes share counted once.")
    loop_lag_ms: float = Field(description="By how much its event loop was late, at worst, since the beat before.")


class Workers(BaseModel):
    """All workers that were seen lately."""

    workers: list[Worker]


@router.get(
    "",
    operation_id="list_workers",
    summary="Who works, and at what",
    response_model=Workers,
    responses=documented("unauthorized", "forbidden"),
)
async def list_workers(request: Request) -> Response:
    """For admins. A worker that stops says good-bye and is gone at once; one that dies fades."""
    registry = await read_workers(admin_of(request).context.redis)
    return uncached(Workers(workers=[_worker(registry, worker) for worker in registry.workers]))


def _worker(registry: WorkerRegistry, worker: workers.Worker) -> Worker:
    return Worker(
        id=worker.id,
        alive=registry.alive(worker),
        host=worker.host,
        pid=worker.pid,
        version=worker.version,
        queues=list(worker.queues),
        started_at=from_ms(worker.started_ms),
        last_beat_at=from_ms(worker.beat_ms),
        running=worker.running,
        doing=[
            Doing(job=one.job, kind=one.kind, queue=one.queue, attempt=one.attempt, since=from_ms(one.since_ms))
            for one in worker.doing
        ],
        rss_mb=worker.rss_mb,
        pss_mb=worker.pss_mb,
        loop_lag_ms=worker.lag_ms,
    )
