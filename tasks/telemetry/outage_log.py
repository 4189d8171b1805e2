"""Outages in the log: one line when something begins to fail, and one when it has stopped failing."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger()

STEADY_S: Final = 3.0
"""Seconds without a failure after which an outage is over: longer than the pauses between two tries."""


class OutageLog:
    """Writes the two lines, however often it is told.

    Args:
        begins: The name of the line when it begins, with the error.
        ends: That when it ends, with how often it failed.
        is_over: Asked besides, after STEADY_S without a failure.
    """

    def __init__(self, begins: str, ends: str, is_over: Callable[[], bool] = lambda: True) -> None:
        self._begins = begins
        self._ends = ends
        self._is_over = is_over
        self._failures = 0
        self.failed_at = 0.0
        """`time.monotonic()` of the last failure."""
        self._looking: asyncio.TimerHandle | None = None

    def failed(self, error: BaseException) -> None:
        """Note a failure."""
        if not self._failures:
            log.warning(self._begins, error=f"{type(error).__name__}: {error}")
        self._failures += 1
        self.failed_at = time.monotonic()
        self._look_later()

    def _look_later(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(STEADY_S, self._look)

    def _look(self) -> None:
        if not self._is_over():
            self._look_later()
            return
        log.info(self._ends, failures=self._failures)
        self._failures = 0
