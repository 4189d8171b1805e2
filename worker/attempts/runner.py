"""Starts claimed jobs as tasks of this process, and passes on how they went."""

import asyncio
import time

from worker.attempts.outcome import Outcome, Verb
from worker.attempts.running import Claimed, Reason, Running
from worker.duties.finisher import Finisher
from worker.executor import Executor


class Runner:
    """One task a job."""

    def __init__(self, executor: Executor, running: Running, finisher: Finisher) -> None:
        self._executor = executor
        self._running = running
        self._finisher = finisher

    def start(self, job: Claimed) -> None:
        began = time.monotonic()
        task = asyncio.create_task(self._executor.attempt(job, began))
        self._running.begin(job, task)
        task.add_done_callback(lambda task: self._over(job, began, task))

    def _over(self, job: Claimed, began: float, task: asyncio.Task[Outcome]) -> None:
        reason = self._running.end(job)
        if not task.cancelled() and task.exception() is None:
            self._finisher.put(task.result())
        elif task.cancelled() and reason is not Reason.LOST:
            verb: Verb = "cancelled" if reason is Reason.CANCELLED else "handed_back"
            error = ("cancelled", "Cancelled while it ran.") if reason is Reason.CANCELLED else None
            self._finisher.put(Outcome(job, verb, time.monotonic() - began, error=error))
        else:
            # Lost to another worker, or our own fault: nothing is written, and a lease that is still ours lapses.
            self._running.release(job)
            if not task.cancelled():
                task.result()
