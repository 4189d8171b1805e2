"""Writing small files to a disk, several in one turn of a thread.

A disk takes such a file in less time than it takes to hand the GIL from the event loop to a thread and back. So files
that come while others are being written are written one after the other by one thread, and all of them come back to the
loop at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

MOST: Final = 32
"""Calls that one thread makes in one turn."""
LONG_S: Final = 0.005
"""A turn that takes longer says that the disk is slow: what waits then is written by a thread each, at once."""


class _Write(NamedTuple):
    call: Callable[[], Any]
    answer: "asyncio.Future[Any]"


class SmallWrites:
    """Makes short blocking calls, those that come together in one turn of a thread.

    Args:
        threads: Where they run.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._waiting: deque[_Write] = deque()
        self._turns = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call. If this is cancelled before the call begins, the call is left out.

        Args:
            call: What to do. It blocks.

        Returns:
            What the call returns.

        Raises:
            BaseException: Whatever the call raises.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Write(call, answer))
        if not self._turns:
            self._begin(loop, MOST)
        elif self._timer is None:
            self._timer = loop.call_later(LONG_S, self._stop_waiting, loop)
        return await answer

    def _stop_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._begin(loop, 1)

    def _begin(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        """Begin turns for all that wait, of so many calls each."""
        while self._waiting:
            writes = [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]
            self._turns += 1
            self._threads.submit(self._make, loop, writes)

    def _make(self, loop: asyncio.AbstractEventLoop, writes: list[_Write]) -> None:
        """Make calls one after the other, in a thread, as long as the turn is not long."""
        made: list[tuple[_Write, Any, BaseException | None]] = []
        until_s = time.monotonic() + LONG_S
        for write in writes:
            if made and time.monotonic() > until_s:
                break
            try:
                made.append((write, None if write.answer.cancelled() else write.call(), None))
            except BaseException as error:
                made.append((write, None, error))
        loop.call_soon_threadsafe(self._end, loop, made, writes[len(made) :])

    def _end(
        self,
        loop: asyncio.AbstractEventLoop,
        made: list[tuple[_Write, Any, BaseException | None]],
        left: list[_Write],
    ) -> None:
        self._turns -= 1
        self._waiting.extendleft(reversed(left))
        self._begin(loop, 1 if left else MOST)
        for write, result, error in made:
            if write.answer.cancelled():
                continue
            if error is None:
                write.answer.set_result(result)
            else:
                write.answer.set_exception(error)
