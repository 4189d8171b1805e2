"""What a worker of an ARQ application notes of each try: ARQ's counts, and its lines in the log `arq.worker`."""

import asyncio
import logging
from typing import Any, Final, Protocol

from arq.cron import CronJob
from arq.jobs import SerializationError
from arq.utils import args_to_string, timestamp_ms, truncate
from arq.worker import Function, Retry

from worker.application.call import UNKNOWN, ArqCall
from worker.attempts.running import ClaimedJob

log = logging.getLogger("arq.worker")
LATE_MS: Final = 1200
"""A start that is later is said to be delayed."""


class Counts(Protocol):
    """What ARQ's worker counts."""

    jobs_complete: int
    jobs_failed: int
    jobs_retried: int


class JobWatch:
    """Counts tries as ARQ's worker does, and logs what it logs: monitoring of applications reads both.

    Args:
        counts: Where they are counted.
        log_results: Whether results are in the log.
    """

    def __init__(self, counts: Counts, *, log_results: bool = True) -> None:
        self._counts = counts
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        """The tries that are under way, by job."""
        self._log_results = log_results

    def begun(self, job_id: str) -> None:
        """A try is under way, in the task that calls this."""
        task = asyncio.current_task()
        if task is not None:
            self.tasks[job_id] = task

    def ended(self, job_id: str) -> None:
        """The try of this task is over."""
        if self.tasks.get(job_id) is asyncio.current_task():
            del self.tasks[job_id]

    def calling(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob, job_try: int) -> None:
        """The function is about to be called."""
        late_ms = job.started_at - (job.due_at or job.started_at)
        again = f" try={job_try}" if job_try > 1 else ""
        late = f" delayed={late_ms / 1000:0.2f}s" if late_ms > LATE_MS else ""
        since = max(timestamp_ms() - call.enqueued_ms, 0) / 1000
        given = _text(lambda: args_to_string(call.args, call.kwargs))
        log.info("%6.2fs → %s(%s)%s%s", since, _ref(job.id, call, function), given, again, late)

    def returned(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob, result: Any) -> None:
        """The function has returned."""
        self._counts.jobs_complete += 1
        shown = "" if result is None or not self._log_results else _text(lambda: truncate(repr(result)))
        log.info("%6.2fs ← %s ● %s", _seconds(job), _ref(job.id, call, function), shown)

    def again(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob, error: BaseException) -> None:
        """The function has asked for another try, or was cancelled."""
        self._counts.jobs_retried += 1
        ref = _ref(job.id, call, function)
        if isinstance(error, Retry):
            log.info("%6.2fs ↻ %s retrying job in %0.2fs", _seconds(job), ref, (error.defer_score or 0) / 1000)
        else:
            log.info("%6.2fs ↻ %s cancelled, will be run again", _seconds(job), ref)

    def aborted(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob) -> None:
        """The job was aborted while it ran."""
        self._counts.jobs_failed += 1
        log.info("%6.2fs ⊘ %s aborted", _seconds(job), _ref(job.id, call, function))

    def aborted_before_start(self, job_id: str, call: ArqCall) -> None:
        """The job was aborted while it waited."""
        self._counts.jobs_failed += 1
        since = max(timestamp_ms() - call.enqueued_ms, 0) / 1000
        log.info("%6.2fs ⊘ %s:%s aborted before start", since, job_id, call.function)

    def exhausted(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob, tries: int) -> None:
        """The function has had its last try."""
        self._counts.jobs_failed += 1
        log.warning("%6.2fs ! %s max retries %d exceeded", _seconds(job), _ref(job.id, call, function), tries)

    def raised(self, job: ClaimedJob, call: ArqCall, function: Function | CronJob, error: BaseException) -> None:
        """The function has raised, or took too long."""
        self._counts.jobs_failed += 1
        about = getattr(error, "extra", None)
        extra = {"extra": about() if callable(about) else about}
        name, ref = type(error).__name__, _ref(job.id, call, function)
        log.error(
            "%6.2fs ! %s failed, %s: %s",
            _seconds(job),
            ref,
            name,
            _text(lambda: str(error)),
            exc_info=error,
            extra=extra,
        )

    def not_called(self, job_id: str, call: ArqCall, error: BaseException) -> None:
        """The job has failed without a call: its body is gone, cannot be read, or names no function of the worker."""
        self._counts.jobs_failed += 1
        if isinstance(error, SerializationError):
            log.error("deserializing job %s failed", job_id, exc_info=error)
        elif call.function == UNKNOWN:
            log.warning("job %s expired", job_id)
        else:
            log.warning("job %s, function %r not found", job_id, call.function)


def _ref(job_id: str, call: ArqCall, function: Function | CronJob) -> str:
    return call.function if isinstance(function, CronJob) else f"{job_id}:{call.function}"


def _seconds(job: ClaimedJob) -> float:
    return max(timestamp_ms() - job.started_at, 0) / 1000


def _text(make: Any) -> str:
    """A text that code of the application makes; whatever that raises changes nothing of the job."""
    try:
        return str(make())
    except Exception as error:  # as it says
        return f"<{type(error).__name__}>"
