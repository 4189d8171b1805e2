"""One attempt at a job: find its kind, read its params, call its function within the limits, and return the outcome."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import redis.exceptions
import structlog
from pydantic import BaseModel, ValidationError

from tasks.destinations.copying import DestinationUnavailable, OutputCopier
from tasks.history.store import History
from tasks.kind import JobContext, Kind, Notes, Result, TryAgain
from tasks.queue.jobs import foreign_job
from tasks.queue.script import Script
from tasks.queue.watch.reader import CoalescingReader
from tasks.refusal import NO_SPACE, Refusal
from tasks.settings import DAY_S, Settings
from tasks.storage.protocol import BlobMissing, StorageUnavailable
from tasks.telemetry.error_text import message_of
from tasks.validation import faults_of, refusal_of
from tasks.workflow.references import with_results
from worker.attempts.attempt import forget_cancellation, observed
from worker.attempts.outcome import Outcome, Postponement, SerializedResult, Verb
from worker.attempts.progress import ProgressReporter
from worker.attempts.running import ClaimedJob
from worker.attempts.scratch import ScratchRoot
from worker.redis_health import REDIS_ERRORS, RedisHealth
from worker.resources import WorkerResources

log = structlog.get_logger()

REDIS_DOWN = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.ReadOnlyError)
PING_S = 5.0
"""Seconds that Redis has to answer when a function says that it does not."""
FULL_PATIENCE_S = 7 * DAY_S
"""Seconds for which a job waits for room in Redis: an event that was accepted is delivered once there is some."""
MAX_RETRY_AFTER_S = 86_400
"""Seconds by which a receiver may postpone the next try."""


class Executor:
    """Runs the attempts of all kinds of jobs.

    Args:
        resources: Redis, storage, sandbox and outbound HTTP, which stay the caller's to close.
        settings: The settings that jobs see.
        worker_id: Names this worker in progress reports.
        kinds: The kinds by name.
        redis_health: Shared by the duties.
        stop_requested: Whether the engine itself has cancelled the task of a job, which no function can be asked.
    """

    def __init__(
        self,
        resources: WorkerResources,
        settings: Settings,
        worker_id: str,
        kinds: Mapping[str, Kind[Any]],
        *,
        redis_health: RedisHealth,
        stop_requested: Callable[[ClaimedJob], bool],
    ) -> None:
        self._resources = resources
        self._redis_health = redis_health
        self._stop_requested = stop_requested
        self._reader = CoalescingReader(resources.redis)
        self._progress = Script(resources.redis, "run/progress")
        self._settings = settings
        self._worker_id = worker_id
        self.kinds = kinds
        self._scratch = ScratchRoot()
        self._copier = OutputCopier(settings)

    def close(self) -> None:
        """Remove the scratch folders of this process."""
        self._scratch.remove()

    async def attempt(self, job: ClaimedJob, began: float) -> Outcome:
        """Make one attempt at a job. Call it in a task of its own: it binds the job to the task's log lines.

        Args:
            job: The claimed job.
            began: `time.monotonic()` at the start of the attempt.

        Returns:
            How the attempt ended. What the kind's function raises is part of it.

        Raises:
            asyncio.CancelledError: The engine has cancelled the task; nothing else is raised. One that the function
                raises by itself, or asks its own task for, is a failed try.
        """
        outcome = await observed(job, self._try(job, began))
        await forget_cancellation(lambda: self._stop_requested(job))
        return outcome

    async def _try(self, job: ClaimedJob, began: float) -> Outcome:
        notes = Notes()

        def outcome(verb: Verb, **facts: Any) -> Outcome:
            return Outcome(job, verb, time.monotonic() - began, notes=notes, **facts)

        after_s = 0.0
        try:
            kind = self._kind(job)
            result = await self._call(kind, await self._params(kind, job), job, notes)
        except Refusal as refusal:
            wait = await self._postponed(refusal, began)
            failed = {"error": (refusal.code, refusal.message), "field": refusal.field}
            return outcome("postponed" if wait else "failed", **(wait or failed))
        except TryAgain as again:
            error, after_s = (again.code, again.message), again.after_s
        except _TimedOut as overrun:
            error = ("job_timed_out", str(overrun))
        except BaseException as broken:
            if wait := await self._postponed(broken, began):
                return outcome("postponed", **wait)
            error = self._unforeseen(broken, job)
        else:
            return outcome("succeeded", result=result)
        tries = job.tries + 1
        if tries >= min(job.max_tries or kind.retry.max_tries, kind.retry.max_tries):
            return outcome("failed", error=error)
        delay_s = max(kind.retry.delay_s(tries), min(after_s, MAX_RETRY_AFTER_S))
        return outcome("retrying", error=error, delay_s=delay_s, last=kind.retries_last)

    async def _postponed(self, broken: BaseException, began: float) -> dict[str, Any] | None:
        """The error and the postponement of an attempt that lacked the storage, its destination, Redis, room in it or
        disk space; None for others."""
        settings = self._settings
        patience_s, patience_of = settings.storage_patience_s, " (STORAGE_PATIENCE_S)"
        if isinstance(broken, Refusal) and broken.code == "redis_full":
            code, fault = "redis_full", "Redis is full, so nothing can be added."
            patience_s, patience_of = FULL_PATIENCE_S, ""
        elif isinstance(broken, StorageUnavailable):
            code, fault = "storage_unavailable", f"The storage does not work. {broken.cure or ''}".strip()
        elif isinstance(broken, DestinationUnavailable):
            code, fault = "destination_unavailable", str(broken)
        elif isinstance(broken, OSError) and broken.errno in NO_SPACE:
            log.warning("job.disk_full", error=str(broken))
            code, fault = "disk_full", "The temporary folder of the worker is full; free some space."
        elif isinstance(broken, REDIS_DOWN) and await self._redis_was_down(began):
            log.warning("job.redis_away", error=message_of(broken))
            code, fault = "unavailable", "Redis did not answer while the job ran."
        else:
            return None
        postponement = Postponement(
            first_pause_s=settings.storage_first_pause_s,
            max_pause_s=settings.storage_max_pause_s,
            patience_s=patience_s,
            given_up=f"{fault} The job has waited for {patience_s} s{patience_of}; retry it afterwards.",
        )
        return {"error": (code, f"{fault} The job waits, and uses up no try."), "postponement": postponement}

    def _unforeseen(self, broken: BaseException, job: ClaimedJob) -> tuple[str, str]:
        """Code and message of whatever a kind's function raises, sys.exit() included: that is its failure, not the
        worker's, and its retry policy decides what follows.

        Raises:
            asyncio.CancelledError: The engine has asked for it.
        """
        if isinstance(broken, asyncio.CancelledError) and self._stop_requested(job):
            raise broken
        log.exception("job.raised")
        return "failed", message_of(broken)

    async def _redis_was_down(self, since: float) -> bool:
        """Tell an outage of our Redis from the failure of a client of the function's own.

        Args:
            since: `time.monotonic()` at the start of the attempt.
        """
        if self._redis_health.down_at >= since:
            return True
        try:
            async with asyncio.timeout(PING_S):
                await self._resources.redis.ping()
        except REDIS_ERRORS as error:
            self._redis_health.mark_down(error)
            return True
        return False

    async def _copied(self, context: JobContext[Any], job: ClaimedJob, result: Result) -> Result:
        """The result, once its files are in the destination that the submit named."""
        if job.destination is None or not result.files:
            return result
        copied = await self._copier.copy(context, job.destination, result.files, job.created_at)
        return replace(result, value={**result.value, "destination": copied})

    def _kind(self, job: ClaimedJob) -> Kind[Any]:
        if job.kind == foreign_job.UNREADABLE:
            raise foreign_job.refusal_of(job.params)
        kind = self.kinds.get(job.kind)
        if kind is None:
            raise Refusal(
                "unknown_kind", f"The kind {job.kind!r} does not exist. The kinds are {', '.join(sorted(self.kinds))}."
            )
        return kind

    async def _params(self, kind: Kind[Any], job: ClaimedJob) -> BaseModel:
        redis, settings = self._resources.redis, self._settings
        find_moved = History(redis, self._resources.storage, settings).find
        text = await with_results(redis, job.id, job.params, settings.max_params_bytes, find_moved)
        try:
            params: BaseModel = kind.params.model_validate_json(text)
        except ValidationError as error:
            raise refusal_of(faults_of(error, whole="params"), "invalid_params") from error
        return params

    async def _call(self, kind: Kind[Any], params: BaseModel, job: ClaimedJob, notes: Notes) -> SerializedResult:
        scratch = self._scratch.open()
        progress = ProgressReporter(self._progress, self._worker_id, job)
        context = JobContext(
            job_id=job.id,
            owner=job.owner,
            attempt=job.attempt,
            params=params,
            scratch=scratch,
            redis=self._resources.redis,
            reader=self._reader,
            storage=self._resources.storage,
            sandbox=self._resources.sandbox.of(job.owner, scratch, notes),
            outbound=self._resources.outbound,
            settings=self._settings,
            progress=progress,
            notes=notes,
            kinds=self.kinds,
        )
        try:
            if job.destination is not None:
                self._copier.check(job.owner, job.destination, job.id)
            async with asyncio.timeout(_timeout_s(kind, job)) as limit:
                result = await kind.run(context)
            return SerializedResult.of(await self._copied(context, job, result), progress.last)
        except BlobMissing as error:
            raise Refusal("expired", "A file that the job needs is no longer stored; upload it again.") from error
        except TimeoutError as error:
            if limit.expired():
                whose = "of its kind" if job.timeout_s is None else "that its submit set"
                raise _TimedOut(f"The job took longer than {_timeout_s(kind, job):g} s, the limit {whose}.") from error
            raise
        finally:
            progress.stop()
            notes.progress = progress.last
            scratch.remove()


class _TimedOut(Exception):  # noqa: N818 - an outcome
    """The attempt took longer than its kind allows. A TimeoutError that the function itself raises is another case."""


def _timeout_s(kind: Kind[Any], job: ClaimedJob) -> float:
    return min(job.timeout_s or kind.timeout_s, kind.timeout_s)
