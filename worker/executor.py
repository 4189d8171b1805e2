"""One attempt at a job: find its kind, read its params, call its function within the limits, and return the outcome."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import redis.exceptions
import structlog
from pydantic import BaseModel, ValidationError
from structlog.contextvars import bind_contextvars

from tasks.kind import JobContext, Kind, Notes, TryAgain
from tasks.queue.script import Script
from tasks.queue.watch.reader import CoalescingReader
from tasks.refusal import NO_SPACE, Refusal
from tasks.settings import Settings
from tasks.storage.protocol import BlobMissing, StorageUnavailable
from tasks.telemetry import tracing
from tasks.validation import faults_of, refusal_of
from worker.attempts.outcome import Outcome, Postponement, SerializedResult, Verb
from worker.attempts.progress import ProgressReporter
from worker.attempts.running import ClaimedJob
from worker.attempts.scratch import ScratchRoot
from worker.resources import WorkerResources

log = structlog.get_logger()

REDIS_DOWN = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
MAX_RETRY_AFTER_S = 86_400
"""Seconds by which a receiver may postpone the next try."""


class Executor:
    """Runs the attempts of all kinds of jobs.

    Args:
        resources: Redis, storage, sandbox and outbound HTTP, which stay the caller's to close.
        settings: The settings that jobs see.
        worker_id: Names this worker in progress reports.
        kinds: The kinds by name.
    """

    def __init__(
        self,
        resources: WorkerResources,
        settings: Settings,
        worker_id: str,
        kinds: Mapping[str, Kind[Any]],
    ) -> None:
        self._resources = resources
        self._reader = CoalescingReader(resources.redis)
        self._progress = Script(resources.redis, "run/progress")
        self._settings = settings
        self._worker_id = worker_id
        self._kinds = kinds
        self._scratch = ScratchRoot()

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
            asyncio.CancelledError: The task was cancelled; nothing else is raised.
        """
        bind_contextvars(**job.facts)
        log.debug("job.started")
        about: tracing.About = {
            "messaging.system": "pressroom",
            "messaging.operation.type": "process",
            "messaging.destination.name": job.queue,
            "messaging.message.id": job.id,
            "pressroom.owner": job.owner,
            "pressroom.attempt": job.attempt,
        }
        with tracing.entry(job.traceparent, f"run {job.kind}", "consumer", about, tracestate=job.tracestate) as step:
            outcome = await self._try(job, began)
            if outcome.error is not None:
                step.fail(outcome.error[0])
        return outcome

    async def _try(self, job: ClaimedJob, began: float) -> Outcome:
        notes = Notes()

        def outcome(verb: Verb, **facts: Any) -> Outcome:
            return Outcome(job, verb, time.monotonic() - began, notes=notes, **facts)

        after_s = 0.0
        try:
            kind = self._kind(job)
            result = await self._call(kind, _params(kind, job), job, notes)
        except Refusal as refusal:
            return outcome("failed", error=(refusal.code, refusal.message), field=refusal.field)
        except TryAgain as again:
            error, after_s = (again.code, again.message), again.after_s
        except REDIS_DOWN as down:
            # Redis was down, which is not the job's fault: it runs again when Redis is up.
            log.warning("job.redis_away", job=job.id, kind=job.kind, error=str(down))
            return outcome("handed_back")
        except _TimedOut as overrun:
            error = ("job_timed_out", str(overrun))
        except Exception as broken:
            if wait := self._postponed(broken):
                return outcome("postponed", **wait)
            # Whatever a kind's function raises is its failure, not the worker's; its retry policy decides what follows.
            log.exception("job.raised")
            error = ("failed", _message_of(broken))
        else:
            return outcome("succeeded", result=result)
        tries = job.tries + 1
        if tries >= kind.retry.max_tries:
            return outcome("failed", error=error)
        delay_s = max(kind.retry.delay_s(tries), min(after_s, MAX_RETRY_AFTER_S))
        return outcome("retrying", error=error, delay_s=delay_s, last=kind.retries_last)

    def _postponed(self, broken: Exception) -> dict[str, Any] | None:
        """The error and the postponement of an attempt that lacked the storage or disk space; None for others."""
        if isinstance(broken, StorageUnavailable):
            code, fault = "storage_unavailable", f"The storage does not work. {broken.cure or ''}".strip()
        elif isinstance(broken, OSError) and broken.errno in NO_SPACE:
            log.warning("job.disk_full", error=str(broken))
            code, fault = "disk_full", "The temporary folder of the worker is full; free some space."
        else:
            return None
        settings = self._settings
        patience_s = settings.storage_patience_s
        postponement = Postponement(
            first_pause_s=settings.storage_first_pause_s,
            max_pause_s=settings.storage_max_pause_s,
            patience_s=patience_s,
            given_up=f"{fault} The job has waited for {patience_s} s (STORAGE_PATIENCE_S); retry it afterwards.",
        )
        return {"error": (code, f"{fault} The job waits, and uses up no try."), "postponement": postponement}

    def _kind(self, job: ClaimedJob) -> Kind[Any]:
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise Refusal(
                "unknown_kind", f"The kind {job.kind!r} does not exist. The kinds are {', '.join(sorted(self._kinds))}."
            )
        return kind

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
            sandbox=self._resources.sandbox,
            outbound=self._resources.outbound,
            settings=self._settings,
            progress=progress,
            notes=notes,
            kinds=self._kinds,
        )
        try:
            async with asyncio.timeout(kind.timeout_s) as limit:
                return SerializedResult.of(await kind.run(context), progress.last)
        except BlobMissing as error:
            raise Refusal("expired", "A file that the job needs is no longer stored; upload it again.") from error
        except TimeoutError as error:
            if limit.expired():
                raise _TimedOut(f"The job took longer than {kind.timeout_s:g} s, the limit of its kind.") from error
            raise
        finally:
            progress.stop()
            scratch.remove()


class _TimedOut(Exception):  # noqa: N818 - an outcome
    """The attempt took longer than its kind allows. A TimeoutError that the function itself raises is another case."""


def _message_of(broken: Exception) -> str:
    """The message in the record for an unforeseen failure. Traceback and URLs are in the log only."""
    lines = str(broken).strip().splitlines()
    return f"{type(broken).__name__}: {lines[-1] if lines else ''}"


def _params(kind: Kind[Any], job: ClaimedJob) -> BaseModel:
    try:
        params: BaseModel = kind.params.model_validate_json(job.params)
    except ValidationError as error:
        raise refusal_of(faults_of(error, whole="params"), "invalid_params") from error
    return params
