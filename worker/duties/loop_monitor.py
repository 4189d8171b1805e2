"""Watches the main event loop from another thread: says which job holds it up, and ends a process that stands still."""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

import structlog

from worker.attempts.running import Running
from worker.duties.loop_watch import LoopWatch

log = structlog.get_logger()

LOOK_S = 0.5
"""Seconds between two looks."""
WARN_S = 2.0
"""Seconds that the loop stands still before there is a line about it; the next comes after twice as long."""
SUSPENDED_S = 1.0
"""A look that is later by this says that the whole process stood still, which says nothing about the loop."""
JOBS_NAMED = 10
"""Running jobs that a line names if it is not known which of them holds up the loop."""
FRAMES_NAMED = 3
EXIT_STALLED = 70
"""Exit status of a process whose event loop stood still for LOOP_STALL_S."""


class LoopMonitor:
    """Looks from another thread whether the event loop of the thread that made it still turns.

    Args:
        loop_watch: Counts its turns.
        running: The jobs of this process.
        stall_s: Seconds after which the process is ended.
    """

    def __init__(self, loop_watch: LoopWatch, running: Running, stall_s: float) -> None:
        self._loop_watch = loop_watch
        self._running = running
        self._stall_s = stall_s
        self._main_loop = asyncio.get_running_loop()
        self._main_thread = threading.get_ident()
        self._stopping = False

    def stop(self) -> None:
        """Look no more, from any thread: a loop that is about to end stands still by itself."""
        self._stopping = True

    async def loop(self) -> None:
        """Look until stopped or cancelled."""
        turns, since, warn_s = self._loop_watch.turns, time.monotonic(), WARN_S
        while True:
            before = time.monotonic()
            await asyncio.sleep(min(LOOK_S, self._stall_s / 4))
            now = time.monotonic()
            if self._stopping:
                return
            if self._loop_watch.turns != turns or now - before > LOOK_S + SUSPENDED_S:
                turns, since, warn_s = self._loop_watch.turns, now, WARN_S
            elif now - since >= self._stall_s:
                self._end_process(now - since)
            elif now - since >= warn_s:
                hint = "a function that computes or blocks belongs in job.sandbox or a thread"
                log.warning("loop.blocked", seconds=round(now - since, 1), hint=hint, **self._culprit())
                warn_s *= 2

    def _end_process(self, seconds: float) -> NoReturn:
        hint = "LOOP_STALL_S is over: this process ends, and its jobs run again when their leases lapse"
        log.critical("loop.stalled", seconds=round(seconds, 1), hint=hint, **self._culprit())
        for handler in logging.getLogger().handlers:
            handler.flush()
        sys.stderr.flush()
        # The event loop cannot be asked to end, and neither can the function that holds it.
        os._exit(EXIT_STALLED)

    def _culprit(self) -> dict[str, Any]:
        """The job whose task runs now, or all that might be it; and the place in the code."""
        facts: dict[str, Any] = {}
        job = self._running.job_of(asyncio.current_task(self._main_loop))
        if job is not None:
            facts |= job.facts
        else:
            facts["jobs"] = [job.id for job in list(self._running.leases.values())[:JOBS_NAMED]]
        frame = sys._current_frames().get(self._main_thread)  # noqa: SLF001 - documented, in spite of its name
        if frame is not None:
            stack = traceback.extract_stack(frame)[-FRAMES_NAMED:]
            facts["at"] = [f"{one.filename}:{one.lineno} {one.name}" for one in stack]
        return facts
