"""Writing small files to a disk, several in one turn of a thread.

A disk takes such a file in less time than it takes to hand the GIL from the event loop to a thread and back. So files
that come while others are being written are written one after the other by one thread, and all of them come back to the
loop at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

MOST: Final = 32
"""Calls that one thread makes in one turn."""
LONG_S: Final = 0.005
"""A turn that takes longer says that the disk is slow: what is left of it, and what waits, gets a thread each."""


class _Write(NamedTuple):
    call: Callable[[], Any]
    answer: "asyncio.Future[Any]"


class _Turn:
    """Calls that one thread makes. Both ends are shared with the loop, so each call is taken once.

    Attributes:
        left: Those that are not begun.
        made: Those that are made, with what they returned or raised, and that their senders do not know yet.
    """

    def __init__(self, writes: Iterable[_Write], began_s: float) -> None:
        self.began_s = began_s
        self.left = deque(writes)
        self.made: deque[tuple[_Write, Any, BaseException | None]] = deque()

    def take(self) -> _Write | None:
        """The next call; None if all are taken."""
        try:
            return self.left.popleft()
        except IndexError:
            return None

    def answer(self) -> None:
        """Let the senders of what is made know."""
        while self.made:
            write, result, error = self.made.popleft()
            if write.answer.done():
                continue
            if error is None:
                write.answer.set_result(result)
            else:
                write.answer.set_exception(error)


class SmallWrites:
    """Makes short blocking calls, those that come together in one turn of a thread.

    Args:
        threads: Where they run.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reset()

    def _reset(self) -> None:
        self._waiting: deque[_Write] = deque()
        self._turns: set[_Turn] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call. If this is cancelled before the call begins, the call is left out.

        Args:
            call: What to do. It blocks.

        Returns:
            What the call returns.

        Raises:
            Exception: Whatever the call raises; a RuntimeError if no thread can be started.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # of another loop nothing comes back
            self._loop = loop
            self._reset()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Write(call, answer))
        if not self._turns:
            self._begin(loop, MOST)
        self._watch(loop)
        return await answer

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look after a while whether a turn is long, if anything waits for one."""
        if self._timer is None and (self._waiting or any(turn.left for turn in self._turns)):
            self._timer = loop.call_later(LONG_S, self._help, loop)

    def _help(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give what is left of long turns a thread each; and what waits, as long as all turns are long."""
        self._timer = None
        now_s = loop.time()
        late = [turn for turn in self._turns if now_s - turn.began_s >= LONG_S / 2]
        for turn in late:
            turn.answer()
            while write := turn.take():
                self._waiting.append(write)
        if late:
            self._begin(loop, 1)
        self._watch(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        """Begin turns for all that wait, of so many calls each."""
        while self._waiting:
            count = min(len(self._waiting), most)
            turn = _Turn((self._waiting.popleft() for _ in range(count)), loop.time())
            self._turns.add(turn)
            try:
                self._threads.submit(self._make, loop, turn)
            except RuntimeError as error:  # no thread can be started: some limit of the system
                self._turns.discard(turn)
                while write := turn.take():
                    turn.made.append((write, None, error))
                turn.answer()

    def _make(self, loop: asyncio.AbstractEventLoop, turn: _Turn) -> None:
        """Make the calls of a turn one after the other, in a thread."""
        while write := turn.take():
            try:
                turn.made.append((write, None if write.answer.cancelled() else write.call(), None))
            except Exception as error:
                turn.made.append((write, None, error))
        loop.call_soon_threadsafe(self._end, loop, turn)

    def _end(self, loop: asyncio.AbstractEventLoop, turn: _Turn) -> None:
        turn.answer()
        self._turns.discard(turn)
        if not self._turns:
            self._begin(loop, MOST)
        self._watch(loop)
