"""The worker's end of the line to one child."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from worker.sandbox.frames import Inbox, is_answer
from worker.sandbox.progress import ProgressPage

# Stands for whatever a child said that is no answer: the file that it read may have taken it over.
NONSENSE: Final = ["nonsense"]


class Connection(asyncio.Protocol):
    """Carries one call at a time to a child.

    gone: settled with the child's exit status (negative: the signal that killed it) once it is reaped, or with None if
    the zygote went first and nobody knows. calls: how many it was given.
    """

    def __init__(self, page: ProgressPage, kill: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.page = page
        self.calls = 0
        self.gone: asyncio.Future[int | None] = loop.create_future()
        self._kill = kill
        self._transport: asyncio.Transport | None = None
        self._open = True
        self._inbox = Inbox()
        self._answer: asyncio.Future[list[Any] | None] = loop.create_future()
        self._answer.set_result(None)

    @property
    def alive(self) -> bool:
        return self._open and not self.gone.done()

    @property
    def began(self) -> bool:
        """Whether the child took up the last call it was given."""
        return self.page.begun == self.calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, frame: bytes) -> asyncio.Future[list[Any] | None]:
        """Send a call. Its answer, or None if the child died instead; then `gone` is done and tells how."""
        self.calls += 1
        self.page.forget()
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is not None:
            self._transport.write(frame)
        self._settle_death()
        return self._answer

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._inbox.feed(data)
        except ValueError:
            answer = NONSENSE
        if answer is None:
            return
        if not is_answer(answer):
            answer = NONSENSE
        if self._answer.done():
            self.kill()  # it speaks out of turn: its next word could be taken for another call's answer
        else:
            self._answer.set_result(answer)

    def connection_lost(self, _: Exception | None) -> None:
        self._open = False
        # A child that hung up in the middle of a call is dying; killing it now would hide of what. If it is not dying,
        # its time limit ends it.
        if self._answer.done():
            self._kill()
        self._settle_death()

    def exited(self, status: int | None) -> None:
        """The zygote's word on how the child ended."""
        self.gone.set_result(status)
        self._settle_death()

    def kill(self) -> None:
        """End the child at once, whatever it does."""
        self._kill()
        if self._transport is not None:
            self._transport.abort()

    def _settle_death(self) -> None:
        # Both, since what the child said with its last breath may still be on the line when its exit is known.
        if self.gone.done() and not self._open and not self._answer.done():
            self._answer.set_result(None)
