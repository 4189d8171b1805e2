"""Runs the functions of an ARQ application: adopts its clients' jobs, and makes attempts as ARQ documents them."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from arq.constants import job_key_prefix, result_key_prefix
from arq.cron import CronJob
from arq.jobs import SerializationError, Serializer, deserialize_result, serialize_result
from arq.utils import ms_to_datetime, timestamp_ms
from arq.worker import Function, JobExecutionFailed, Retry, RetryJob
from redis.asyncio import Redis

from tasks.kind import Kind, Result, io_bound
from tasks.queue.jobs.adopt_call import adopt_call
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.foreign_job import MAX_SHOWN_CHARS, UNREADABLE, read_foreign_job
from tasks.queue.records.indexes import BATCH
from tasks.queue.redis_keys import JOB, QUEUES, arq_queue
from tasks.queue.script import Script
from tasks.settings import Settings
from tasks.telemetry.error_text import message_of
from worker.application.application import ArqApplication
from worker.application.call import NO_CALL, ArqCall, read_call
from worker.application.shown import shown_call, shown_result
from worker.application.worker_settings import call_hook
from worker.attempts.attempt import forget_cancellation, observed
from worker.attempts.outcome import Outcome, SerializedResult, Verb
from worker.attempts.running import ClaimedJob, Reason
from worker.duties.served import LeftJobs
from worker.redis_health import REDIS_ERRORS

log = structlog.get_logger()

EXHAUSTED: Final = "max %d retries exceeded"  # ARQ's words
MAX_READS: Final = 2
"""Workers that may die as they open a job's body; then nobody opens it any more."""
POISON: Final = json.dumps({"repr": "(not opened: workers have died of it)"})
POISONOUS: Final = f"{MAX_READS} workers have died as they opened the job's body, so it was not opened again."
LATER_AT_MOST: Final = 100
"""Jobs that wait for their time, of which a burst looks whose they are."""
MIN_LOOK_S: Final = 0.05
"""Seconds between two looks at an idle queue at least, whatever `poll_delay` says."""
UNSERVED_MS: Final = 60_000
"""A job whose function this worker does not have is left to others for this long; then it has a record that says so."""
CANCELLED_MESSAGE: Final = "Cancelled while it ran."
NO_BODY: Final = "The job's time to live (ARQ's `_expires`) was over before it was begun."
UNWRITABLE: Final = "unable to serialize result"  # ARQ's words


class ServedFunctions:
    """The functions of an ARQ application.

    Args:
        redis: Connection.
        settings: Of the process.
        application: The application.
        reason_of: Why this process has cancelled the attempt at a job, if it has.
        kinds: The kinds of the service, whose jobs in a queue that both use are left to it.
    """

    def __init__(
        self,
        redis: "Redis[bytes]",
        settings: Settings,
        application: ArqApplication,
        *,
        reason_of: Callable[[ClaimedJob], Reason | None],
        kinds: Mapping[str, Kind[Any]],
    ) -> None:
        self._redis = redis
        self._application = application
        self._options = application.settings
        self._watch = application.watch
        self._is_shared = self._options.queue_name in map(arq_queue, QUEUES)
        self._reason_of = reason_of
        self._kinds = kinds
        self._enqueuer = Enqueuer(redis, settings)
        self._left = LeftJobs(redis)
        self._reading = Script(redis, "application/reading")
        self._forever_ms = 1000 * (settings.max_keep_s or settings.keep_succeeded_s)
        self._ends = _writable_ends(self._options.job_serializer)
        names = dict.fromkeys([*self._options.functions, UNREADABLE], True)
        # Functions take turns, so none has a cap; and each may kill a worker.
        caps = {"lane_cap": 0, "auto": False, "receiver_cap": 0, "owner_cap": 0}
        # Kinds are run by others, but their leases may lapse in a queue that both use.
        self.rules: Mapping[str, Any] = {**caps, "io_bound": io_bound(kinds), "functions": names}
        self.look_s = max(self._options.poll_delay_s, MIN_LOOK_S)

    def left(self) -> dict[str, Any]:
        """As `Served`."""
        return self._left.payload()

    def close(self) -> None:
        """As `Served`: attempts leave nothing."""

    async def has_later(self) -> bool:
        """As `Served`: a burst of ARQ's goes on until its queue is empty. In a queue that the service uses too, jobs of
        the service may stay."""
        if not self._is_shared:
            return True
        ids = await self._redis.zrange(self._options.queue_name, 0, LATER_AT_MOST - 1)
        async with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hget(JOB + job_id.decode(errors="backslashreplace"), "queue")
            queues = await pipe.execute()
        return any(queue in (None, self._options.queue.encode()) for queue in queues)

    async def adopt(self, job_id: str, queue: str, body: bytes | None, *, score: int) -> None:
        """As `Served`. A function that nobody has after UNSERVED_MS waits for a worker that has it, with a record."""
        about = await self._reading({"id": job_id})
        if about["elsewhere"]:
            await self._left.leave(job_id, queue, score)
            return
        call, has_killed = NO_CALL, about["times"] > MAX_READS
        with contextlib.suppress(SerializationError):
            call = NO_CALL if has_killed or body is None else read_call(body, self._options.job_deserializer)
        name = UNREADABLE if call is NO_CALL else call.function
        if name not in self._options.functions:
            kind = read_foreign_job(body).kind if self._is_shared else UNREADABLE
            is_ours = kind in self._options.functions  # but written by another serializer
            is_new = body is not None and not (is_ours or has_killed) and timestamp_ms() - score < UNSERVED_MS
            if kind in self._kinds or (is_new and {kind, name} != {UNREADABLE}):
                await self._left.leave(job_id, queue, score)
                return
        if about["aborted"]:  # a claim ends it, which says so to no worker
            self._watch.aborted_before_start(job_id, call)
        await adopt_call(
            self._enqueuer,
            job_id,
            queue,
            function=name,
            kind=name if name not in self._kinds and name != BATCH else f"function:{name}",
            params=POISON if has_killed else shown_call(call.args, call.kwargs),
            fields=self._fields_of(job_id, call, score),
        )

    def _fields_of(self, job_id: str, call: ArqCall, score: int) -> list[str | bytes]:
        """What the record has besides: how an end is told that no worker of the application writes."""
        kept_ms = self._options.keep_result_ms(call.function)
        fields: list[str | bytes] = ["due_at", str(score)]
        if kept_ms < 0:
            # A result that no record names could neither be found nor be deleted, so the record is kept as long.
            kept_ms = self._forever_ms
            fields += ["keep_ms", str(kept_ms)]
        fields += ["arq", str(kept_ms)]
        for name, end in self._ends.items():
            packed = self._packed(job_id, replace(call, args=(), kwargs={}), end, job_try=1, started_ms=score)
            fields += [name, packed] if packed is not None else []
        return fields

    async def attempt(self, job: ClaimedJob, began: float) -> Outcome:
        """Make one attempt, as `Executor.attempt`."""
        return await observed(job, self._watched(job, began))

    async def _watched(self, job: ClaimedJob, began: float) -> Outcome:
        self._watch.begun(job.id)
        try:
            return await self._try(job, began)
        finally:
            self._watch.ended(job.id)

    async def _try(self, job: ClaimedJob, began: float) -> Outcome:
        body = await self._body(job, began)
        if isinstance(body, Outcome):
            return body
        try:
            call = read_call(body, self._options.job_deserializer)
        except SerializationError as error:
            reason = f"The job cannot be read by the application's job_deserializer: {error.__cause__!r}"
            return self._not_called(job, began, NO_CALL, error, ("unreadable_job", reason))
        function = self._options.functions.get(call.function)
        if function is None:  # it was adopted under another name, by an earlier version of the application
            gone = JobExecutionFailed(f"function {call.function!r} not found")
            told = ("unknown_kind", f"The function {call.function!r} is gone.")
            return self._not_called(job, began, call, gone, told)
        job_try = job.tries + max(call.job_try or 1, 1)
        if job_try > self._options.tries(function):
            return self._exhausted(job, began, call, function, job_try)
        ctx = {
            **self._application.ctx,
            "job_id": job.id,
            "job_try": job_try,
            "enqueue_time": ms_to_datetime(call.enqueued_ms),
            "score": job.due_at,
        }
        try:
            outcome = await self._called(job, began, call, function, ctx)
        finally:
            await forget_cancellation(lambda: self._reason_of(job) is not None)
            await self._hook("on_job_end", ctx)
        written = asyncio.Event()
        self._application.after(ctx, written)
        return replace(outcome, written=written)

    async def _body(self, job: ClaimedJob, began: float) -> bytes | Outcome:
        """What ARQ's client has written, or how the job ends without it."""
        if job.params == POISON:
            return self._not_called(job, began, NO_CALL, JobExecutionFailed(POISONOUS), ("poison", POISONOUS))
        try:
            body, done = await self._redis.mget(job_key_prefix + job.id, result_key_prefix + job.id)
        except REDIS_ERRORS:  # the function has not begun: that is to use up no try, and to end no worker
            return self._outcome(job, "handed_back", began)
        if body is None and done is not None:
            return self._done_elsewhere(job, began, done)
        if body is None:
            return self._not_called(job, began, NO_CALL, JobExecutionFailed("job expired"), ("expired", NO_BODY))
        return bytes(body)

    def _done_elsewhere(self, job: ClaimedJob, began: float, done: bytes) -> Outcome:
        """ARQ's own worker has run the job between its adoption and its start here: what it has written stays."""
        with contextlib.suppress(SerializationError):
            info = deserialize_result(done, deserializer=self._options.job_deserializer)
            if not info.success:
                told = ("failed", message_of(info.result)[: MAX_SHOWN_CHARS * 10])
                return replace(self._outcome(job, "failed", began), error=told, arq_result=done)
            shown = SerializedResult.of(Result(shown_result(info.result)))
            return replace(self._outcome(job, "succeeded", began), result=shown, arq_result=done)
        unknown = SerializedResult.of(Result({}))
        return replace(self._outcome(job, "succeeded", began), result=unknown, arq_result=done)

    async def _called(
        self, job: ClaimedJob, began: float, call: ArqCall, function: Function | CronJob, ctx: dict[Any, Any]
    ) -> Outcome:
        """Call the function, and return how that ended.

        Raises:
            asyncio.CancelledError: This process stops, or has lost the job.
        """
        job_try, seconds = ctx["job_try"], self._options.timeout_s(function)
        limit = asyncio.timeout(seconds)
        try:
            await call_hook(self._options.on_job_start, ctx)
            self._watch.calling(job, call, function, job_try)
            async with limit:
                result = await function.coroutine(ctx, *call.args, **call.kwargs)
        except TimeoutError as error:
            if not limit.expired():
                return self._raised(job, began, call, function, error, job_try)
            self._watch.raised(job, call, function, error)
            message = f"The job took longer than {seconds:g} s, the limit of its function."
            return self._failed(job, began, call, error, ("job_timed_out", message), job_try)
        except (asyncio.CancelledError, Retry, RetryJob) as again:
            return self._again(job, began, call, function, job_try, again)
        except BaseException as error:  # sys.exit() included: that is the function's failure, not the worker's
            return self._raised(job, began, call, function, error, job_try)
        self._watch.returned(job, call, function, result)
        packed = self._packed(job.id, call, result, job_try=job_try, started_ms=job.started_at, success=True)
        try:
            shown = SerializedResult.of(Result(shown_result(result)))
        except (TypeError, ValueError, OverflowError, RecursionError):
            shown = SerializedResult.of(Result({}))
        return replace(self._outcome(job, "succeeded", began), result=shown, arq_result=packed)

    def _again(
        self,
        job: ClaimedJob,
        began: float,
        call: ArqCall,
        function: Function | CronJob,
        job_try: int,
        again: BaseException,
    ) -> Outcome:
        """What follows when a function was cancelled, or asks for another try."""
        reason = self._reason_of(job) if isinstance(again, asyncio.CancelledError) else None
        if reason is Reason.CANCELLED:
            packed = self._packed(job.id, call, again, job_try=job_try, started_ms=job.started_at)
            self._watch.aborted(job, call, function)
            ended = self._outcome(job, "cancelled", began)
            return replace(ended, error=("cancelled", CANCELLED_MESSAGE), arq_result=packed)
        if reason is Reason.LOST:
            raise again
        if not self._options.retry_jobs:
            return self._raised(job, began, call, function, again, job_try)
        self._watch.again(job, call, function, again)
        if reason is Reason.HANDED_BACK and self._options.tries(function) > 1:
            raise again
        if job_try >= self._options.tries(function):
            return self._exhausted(job, began, call, function, job_try)
        delay_s = (again.defer_score or 0) / 1000 if isinstance(again, Retry) else 0.0
        message = f"The function asked for another try: {again!r}"
        return replace(self._outcome(job, "retrying", began), error=("failed", message), delay_s=delay_s)

    async def _hook(self, name: str, ctx: dict[Any, Any]) -> None:
        """Call a hook whose failure changes nothing of the job's outcome."""
        try:
            await call_hook(getattr(self._options, name), ctx)
        except Exception:
            log.exception("arq.hook_failed", hook=name, job=ctx["job_id"])

    def _outcome(self, job: ClaimedJob, verb: Verb, began: float) -> Outcome:
        return Outcome(job, verb, time.monotonic() - began)

    def _failed(
        self,
        job: ClaimedJob,
        began: float,
        call: ArqCall,
        error: BaseException,
        told: tuple[str, str],
        job_try: int | None = None,
    ) -> Outcome:
        tries = job.tries + 1 if job_try is None else job_try
        packed = self._packed(job.id, call, error, job_try=tries, started_ms=job.started_at)
        return replace(self._outcome(job, "failed", began), error=told, arq_result=packed)

    def _not_called(
        self, job: ClaimedJob, began: float, call: ArqCall, error: BaseException, told: tuple[str, str]
    ) -> Outcome:
        self._watch.not_called(job.id, call, error)
        return self._failed(job, began, call, error, told)

    def _raised(
        self,
        job: ClaimedJob,
        began: float,
        call: ArqCall,
        function: Function | CronJob,
        error: BaseException,
        job_try: int,
    ) -> Outcome:
        self._watch.raised(job, call, function, error)
        log.error("job.raised", exc_info=error)
        return self._failed(job, began, call, error, ("failed", message_of(error)[: MAX_SHOWN_CHARS * 10]), job_try)

    def _exhausted(
        self, job: ClaimedJob, began: float, call: ArqCall, function: Function | CronJob, job_try: int
    ) -> Outcome:
        most = self._options.tries(function)
        self._watch.exhausted(job, call, function, most)
        error = JobExecutionFailed(EXHAUSTED % most)
        message = f"The function may be tried {most} times (max_tries), and has not succeeded."
        return self._failed(job, began, call, error, ("failed", message), job_try)

    def _packed(
        self, job_id: str, call: ArqCall, result: Any, *, job_try: int, started_ms: int, success: bool = False
    ) -> bytes | None:
        """What ARQ's client reads of an end; None if results of the function are not kept, or cannot be written."""
        if self._options.keep_result_ms(call.function) == 0:
            return None
        return serialize_result(
            call.function,
            call.args,
            call.kwargs,
            job_try,
            call.enqueued_ms,
            success,
            result,
            started_ms,
            timestamp_ms(),
            f"{job_id}:{call.function}",
            self._options.queue_name,
            job_id,
            serializer=self._options.job_serializer,
        )


def _writable_ends(serializer: Serializer | None) -> dict[str, Any]:
    """The results of ends that no worker of the application writes, by the field of the record. A serializer that
    cannot write exceptions gets the text that ARQ writes then, without a warning for each job."""
    ends = {
        "arq_cancelled": asyncio.CancelledError(),
        "arq_failed": JobExecutionFailed("the job ended without a result; its record says why"),
    }
    try:
        if serializer is not None:
            serializer({"r": [*ends.values()]})
    except Exception:  # whatever the application's function does
        return dict.fromkeys(ends, UNWRITABLE)
    return ends
