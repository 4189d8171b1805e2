"""Workers and the jobs that they run: `/v1/workers`, for admins."""

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import admin_of
from api.http.context import Context
from api.http.problems import documented
from api.http.shared import shared
from api.jobs.views import EXAMPLE_JOB
from tasks.clock import from_ms, maybe_from_ms
from tasks.queue.redis_keys import WORKER_MS, WORKER_RECORD_TTL_MS
from tasks.queue.watch import workers
from tasks.queue.watch.workers import MAX_RUNNING_JOBS, WorkerRegistry, read_workers

router = APIRouter(prefix="/v1/workers", tags=["operations"])


class Doing(BaseModel):
    """A job that a worker runs."""

    job: str = Field(description="The job's id.", examples=[EXAMPLE_JOB])
    kind: str = Field(description="The job's kind.", examples=["thumbnail"])
    queue: str = Field(description="The job's queue.", examples=["media"])
    attempt: int = Field(description="The number of the attempt, counted from 1.")
    since: datetime = Field(description="When the attempt started.")


class Worker(BaseModel):
    """A worker process, as of its last heartbeat."""

    id: str = Field(description="The worker's id.", examples=["worker.1:4:9f86d081"])
    alive: bool = Field(
        description=f"False if it sent no heartbeat for {WORKER_MS // 1000} s. Other workers run its jobs again by "
        f"then. It is listed for {WORKER_RECORD_TTL_MS // 1000} s."
    )
    host: str = Field(description="The name of its machine.")
    pid: int = Field(description="Its process id.")
    version: str = Field(description="The version of Pressroom that it runs.")
    queues: list[str] = Field(description="The queues that it serves.")
    patterns: list[str] | None = Field(
        None, description="Patterns of queues that it serves as soon as they are made.", examples=[["crm-*"]]
    )
    started_at: datetime = Field(description="When it started.")
    last_beat_at: datetime = Field(description="When it sent its last heartbeat.")
    running: int = Field(description="The number of jobs it runs.")
    doing: list[Doing] = Field(description=f"The {MAX_RUNNING_JOBS} jobs that have run longest.")
    rss_mb: float | None = Field(None, description="Resident memory (RSS) of it and its sandbox, in megabytes.")
    pss_mb: float | None = Field(
        None, description="Proportional memory (PSS) of it and its sandbox, in megabytes: shared pages count once."
    )
    loop_lag_ms: float = Field(
        description="The worst delay of its event loop since the previous heartbeat, in milliseconds."
    )
    storage_away_since: datetime | None = Field(
        None, description="Since when the storage has failed for it. Its jobs that need the storage wait."
    )
    sandbox_lacks: list[str] = Field(
        description="What its system lacks to keep its sandbox apart; empty where it has everything.",
        examples=[["landlock"]],
    )


class Workers(BaseModel):
    """All workers with a recent heartbeat."""

    workers: list[Worker] = Field(description="The workers.")


@router.get(
    "",
    operation_id="list_workers",
    summary="List workers",
    response_model=Workers,
    responses=documented("unauthorized", "forbidden"),
)
@requires("admin")
async def list_workers(request: Request) -> Response:
    """For admins. A worker that stops regularly disappears at once; one that died is listed for a while."""
    registry = await registry_of(request, admin_of(request).context)
    return uncached(Workers(workers=[_worker(registry, worker) for worker in registry.workers]))


async def registry_of(request: Request, context: Context) -> WorkerRegistry:
    """The workers of now; for the calls of one page they are read once."""
    return await shared(request, "workers", lambda: read_workers(context.redis))


def _worker(registry: WorkerRegistry, worker: workers.WorkerRecord) -> Worker:
    return Worker(
        id=worker.id,
        alive=registry.alive(worker),
        host=worker.host,
        pid=worker.pid,
        version=worker.version,
        queues=list(worker.queues),
        patterns=list(worker.patterns) or None,
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
        storage_away_since=maybe_from_ms(worker.storage_away_ms),
        sandbox_lacks=list(worker.sandbox_lacks),
    )
