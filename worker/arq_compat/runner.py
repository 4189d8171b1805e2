"""Runs jobs that ARQ's own worker starts, and writes their records as the engine does."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from arq.constants import job_key_prefix
from arq.worker import Retry

from tasks.kind import Kind, io_bound
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.breaker import breaker
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.records.record import State
from tasks.queue.script import Script
from tasks.queue.wire import JobFailed
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from tasks.stopping import stop
from worker.attempts.outcome import Outcome
from worker.attempts.running import ClaimedJob, Running
from worker.duties.process_duties import ProcessDuties
from worker.executor import Executor
from worker.redis_health import RedisHealth
from worker.resources import WorkerResources

log = structlog.get_logger()

UNKNOWN_OR_ENDED = ("unknown", State.SUCCEEDED, State.FAILED, State.CANCELLED)
SPILL_S = 0.2
SPILL_AT_MOST = 100
"""Jobs that move from their lanes to ARQ's zset at once: few, since lanes take turns and the zset does not."""


class ArqJobRunner:
    """Runs jobs in a process of the `arq` command.

    Args:
        resources: Redis, storage, sandbox and outbound HTTP.
        settings: The settings that jobs see.
        kinds: The kinds by name.
        concurrency: The queue that this process serves, and how many of its jobs run at once.
        built_in: Schedules that come with the service.
        registry: Of this process.
    """

    def __init__(
        self,
        resources: WorkerResources,
        settings: Settings,
        kinds: Mapping[str, Kind[Any]],
        *,
        concurrency: dict[str, int],
        built_in: Sequence[BuiltInSchedule],
        registry: ProcessRegistry,
    ) -> None:
        self._redis = resources.redis
        (self._queue,) = concurrency
        self._worker_id = f"arq-worker:{socket.gethostname()}:{os.getpid()}"
        self._rules = {"worker": self._worker_id, "keep": keep_ms(settings), "breaker": breaker(settings)}
        self._io_bound = io_bound(kinds)
        self._spill = Script(self._redis, "run/spill")
        self._begin = Script(self._redis, "run/begin")
        self._finish = Script(self._redis, "run/finish")
        self._enqueuer = Enqueuer(self._redis, settings)
        self._redis_health = RedisHealth()
        self._executor = Executor(
            resources,
            settings,
            self._worker_id,
            kinds,
            redis_health=self._redis_health,
            stop_requested=_stop_requested,
        )
        # ARQ's worker itself keeps count of its slots; this tells the other processes of them.
        self._running = Running(concurrency, asyncio.Event())
        self._process_duties = ProcessDuties(
            resources,
            settings,
            kinds=kinds,
            built_in=built_in,
            worker_id=self._worker_id,
            running=self._running,
            redis_health=self._redis_health,
            registry=registry,
        )
        self._duties: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the duties that ARQ's worker does not have."""
        self._duties = [asyncio.create_task(self._spill_loop(), name="spill"), *self._process_duties.start()]
        for duty in self._duties:
            duty.add_done_callback(_stop_if_failed)

    async def stop(self) -> None:
        """Stop the duties, and remove the scratch folders and the worker's record."""
        await stop(*self._duties)
        self._executor.close()
        await self._process_duties.leave()

    async def run(self, job_id: str) -> Any:
        """Make one attempt at a job.

        Args:
            job_id: The job that ARQ's worker has started.

        Returns:
            The value of the job's result.

        Raises:
            arq.worker.Retry: The job will be tried again.
            JobFailed: The job has failed, or cannot be started.
            asyncio.CancelledError: The worker stops; the job was handed back.
        """
        job = await self._claim(job_id)
        outcome = await self._attempt(job)
        if outcome.verb in ("retrying", "postponed"):
            # The finish script has set the time of the next try; ARQ must add nothing to it.
            raise Retry(defer=0)
        if outcome.error is not None:
            raise JobFailed(*outcome.error)
        return outcome.result.value if outcome.result is not None else None

    async def _attempt(self, job: ClaimedJob) -> Outcome:
        """Make the attempt and write how it ended."""
        task, began = asyncio.current_task(), time.monotonic()
        assert task is not None  # noqa: S101 - ARQ's worker makes one for each job
        self._running.begin(job, task)
        try:
            outcome = await self._executor.attempt(job, began)
        except asyncio.CancelledError:
            await asyncio.shield(self._write(Outcome(job, "handed_back", time.monotonic() - began)))
            raise
        finally:
            self._running.end(job)
            self._running.release(job)
        await asyncio.shield(self._write(outcome))
        return outcome

    async def _claim(self, job_id: str) -> ClaimedJob:
        begun = await self._begin({"id": job_id, "io_bound": self._io_bound, **self._rules})
        if begun == "unknown":
            # It may come from ARQ's cron: then it is the run of a schedule, which the ticker records.
            await self._process_duties.ticker.tick()
            begun = await self._begin({"id": job_id, "io_bound": self._io_bound, **self._rules})
        body = await self._redis.get(job_key_prefix + job_id) if begun in UNKNOWN_OR_ENDED else None
        if body is not None:
            # Beside an ended job it is that of a new one, to which ARQ's client has given the same id.
            await self._enqueuer.adopt(job_id, self._queue, body, self._executor.kinds)
            begun = await self._begin({"id": job_id, "io_bound": self._io_bound, **self._rules})
        if begun == "unknown":
            raise JobFailed("cancelled", f"Job {job_id} was withdrawn before it started.")
        if isinstance(begun, str):
            raise JobFailed("invalid_request", f"Job {job_id} is {begun}; it cannot be started.")
        return ClaimedJob(**begun)

    async def _write(self, outcome: Outcome) -> None:
        outcomes = [outcome.payload(self._worker_id)]
        await self._finish({**self._rules, "outcomes": outcomes})

    async def _spill_loop(self) -> None:
        while True:
            await self._redis_health.retry_until_up(lambda: self._spill({"queue": self._queue, "limit": SPILL_AT_MOST}))
            self._redis_health.renewed.set()  # ARQ's worker has no leases to renew
            await asyncio.sleep(SPILL_S)


def _stop_if_failed(duty: "asyncio.Task[None]") -> None:
    """Stop ARQ's worker as its platform would: a duty ends by itself only when it fails, and nobody awaits it."""
    if not duty.cancelled() and (error := duty.exception()) is not None:
        log.critical("worker.duty_failed", duty=duty.get_name(), exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _stop_requested(_job: ClaimedJob) -> bool:
    """Whether ARQ's worker has cancelled the task of a job, as it does when it stops."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def start_arq_job(ctx: dict[str, Any], *_args: Any, **_kwargs: Any) -> Any:
    """Run any kind of job for ARQ's worker. The params are in the record, so ARQ's arguments are not read."""
    runner: ArqJobRunner = ctx["pressroom"]
    return await runner.run(ctx["job_id"])
