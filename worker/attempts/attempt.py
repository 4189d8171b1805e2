"""What every attempt has around it, whatever it calls: its log lines, its span, and an end to cancellations."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from structlog.contextvars import bind_contextvars

from tasks.telemetry import tracing
from worker.attempts.outcome import Outcome
from worker.attempts.running import ClaimedJob

log = structlog.get_logger()


async def observed(job: ClaimedJob, attempt: Awaitable[Outcome]) -> Outcome:
    """Make an attempt with the job's facts in the task's log lines, in a span that fails with it.

    Args:
        job: The claimed job.
        attempt: Which makes it; it is awaited in this task.

    Returns:
        What it returns.
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
        outcome = await attempt
        if outcome.error is not None:
            step.fail(outcome.error[0])
    return outcome


async def forget_cancellation(stop_requested: Callable[[], bool]) -> None:
    """Let a cancellation that a function asked its own task for have no effect on what follows.

    Args:
        stop_requested: Whether the engine has asked for it.
    """
    task = asyncio.current_task()
    while task is not None and task.cancelling() and not stop_requested():
        task.uncancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
