"""One try at a job, in named steps: find its kind, read its params, call its function within the limits, say how it
went."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import redis.exceptions
import structlog
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from structlog.contextvars import bind_contextvars

from tasks.kind import JobContext, Kind, Notes, Sandbox, TryAgain
from tasks.outbound.protocol import Outbound
from tasks.queue.script import Script
from tasks.queue.watch.reader import CoalescingReader
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.protocol import BlobMissing, Storage, StorageUnavailable
from tasks.telemetry import tracing
from worker.attempts.outcome import Outcome, SerializedResult, Verb
from worker.attempts.progress import ProgressReporter
from worker.attempts.running import Claimed
from worker.attempts.scratch import ScratchRoom

log = structlog.get_logger()

AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
AFTER_AT_MOST_S = 86_400
"""Seconds by which a receiver may put off the next try."""


class Executor:
    """The function that runs any kind, written once."""

    def __init__(
        self,
        redis: "Redis[bytes]",
        settings: Settings,
        worker_id: str,
        *,
        kinds: Mapping[str, Kind[Any]],
        storage: Storage,
        sandbox: Sandbox,
        outbound: Outbound,
    ) -> None:
        self._redis = redis
        self._reader = CoalescingReader(redis)
        self._outbound = outbound
        self._progress = Script(redis, "run/progress")
        self._settings = settings
        self._worker_id = worker_id
        self._kinds = kinds
        self._storage = storage
        self._sandbox = sandbox
        self._scratch = ScratchRoom()

    def close(self) -> None:
        self._scratch.remove()

    async def attempt(self, job: Claimed, began: float) -> Outcome:
        """One try at the job, in a task of its own. began: `time.monotonic()` at its start. Raises CancelledError
        alone."""
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

    async def _try(self, job: Claimed, began: float) -> Outcome:
        notes = Notes()

        def over(verb: Verb, **facts: Any) -> Outcome:
            return Outcome(job, verb, time.monotonic() - began, notes=notes, **facts)

        after_s = 0.0
        try:
            kind = self._kind(job)
            result = await self._call(kind, _params(kind, job), job, notes)
        except Refusal as refusal:
            return over("failed", error=(refusal.code, refusal.message), field=refusal.field)
        except BlobMissing:
            return over("failed", error=("expired", "A file that the job needs is no longer stored; upload it again."))
        except TryAgain as trouble:
            error, after_s = (trouble.code, trouble.message), trouble.after_s
        except AWAY as away:
            # Redis was away; that is not the job's fault. It runs again when Redis is back.
            log.warning("job.redis_away", job=job.id, kind=job.kind, error=str(away))
            return over("handed_back")
        except _TimedOut as overrun:
            error = ("job_timed_out", str(overrun))
        except Exception as broken:
            # Whatever a kind's function raises is its failure, not the worker's; the policy says whether it is tried
            # again.
            log.exception("job.raised")
            error = ("failed", _in_short(broken))
        else:
            return over("succeeded", result=result)
        tries = job.tries + 1
        if tries >= kind.retry.max_tries:
            return over("failed", error=error)
        delay_s = max(kind.retry.delay_s(tries), min(after_s, AFTER_AT_MOST_S))
        return over("retrying", error=error, delay_s=delay_s, last=kind.retries_last)

    def _kind(self, job: Claimed) -> Kind[Any]:
        kind = self._kinds.get(job.kind)
        if kind is None:
            raise Refusal(
                "unknown_kind", f"The kind {job.kind!r} does not exist. The kinds are {', '.join(sorted(self._kinds))}."
            )
        return kind

    async def _call(self, kind: Kind[Any], params: BaseModel, job: Claimed, notes: Notes) -> SerializedResult:
        scratch = self._scratch.open()
        progress = ProgressReporter(self._progress, self._worker_id, job)
        context = JobContext(
            job_id=job.id,
            owner=job.owner,
            attempt=job.attempt,
            params=params,
            scratch=scratch,
            redis=self._redis,
            reader=self._reader,
            storage=self._storage,
            sandbox=self._sandbox,
            outbound=self._outbound,
            settings=self._settings,
            progress=progress,
            notes=notes,
        )
        try:
            async with asyncio.timeout(kind.timeout_s) as limit:
                return SerializedResult.of(await kind.run(context), progress.said)
        except TimeoutError as error:
            if limit.expired():
                raise _TimedOut(f"The job took longer than {kind.timeout_s:g} s, the limit of its kind.") from error
            raise
        finally:
            progress.stop()
            scratch.remove()


class _TimedOut(Exception):  # noqa: N818 - an outcome
    """The attempt as a whole took longer than its kind allows; a TimeoutError of the function's own is something
    else."""


def _in_short(broken: Exception) -> str:
    """What the record says of an unforeseen failure: no trace and no address, which are for the log."""
    if isinstance(broken, StorageUnavailable):
        return "StorageUnavailable: the storage did not answer"
    lines = str(broken).strip().splitlines()
    return f"{type(broken).__name__}: {lines[-1] if lines else ''}"


def _params(kind: Kind[Any], job: Claimed) -> BaseModel:
    try:
        params: BaseModel = kind.params.model_validate_json(job.params)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refusal("invalid_params", f"{field}: {first['msg']}.", field=field) from error
    return params
