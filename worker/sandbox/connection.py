"""The worker's end of the socket to one child."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from worker.sandbox.child_folder import ChildFolder
from worker.sandbox.frames import Inbox, encode, is_answer
from worker.sandbox.progress import ProgressPage

# Stands for anything a child sends that is not an answer: untrusted input may control the child.
INVALID_ANSWER: Final = ["invalid"]
GO_ON: Final = encode(True)


class Connection(asyncio.Protocol):
    """Carries one call at a time to a child.

    Args:
        page: The child's progress page.
        kill: Kills the child.
        give_way: Lowers its priority, which cannot be taken back.
        folder: The child's folder.

    Attributes:
        gone: Resolved with the child's exit status (negative: the signal that killed it) once the child has ended, or
            with None if the zygote ended first, so that the status is unknown.
        calls: How many calls the child was given.
        has_given_way: Whether it has asked for memory, and so runs with a lower priority from then on.
    """

    def __init__(
        self, page: ProgressPage, kill: Callable[[], None], give_way: Callable[[], None], folder: ChildFolder
    ) -> None:
        loop = asyncio.get_running_loop()
        self.page = page
        self.folder = folder
        self.calls = 0
        self.has_given_way = False
        self.gone: asyncio.Future[int | None] = loop.create_future()
        self._kill = kill
        self._give_way = give_way
        self._transport: asyncio.Transport | None = None
        self._open = True
        self._inbox = Inbox()
        self._answer: asyncio.Future[list[Any] | None] = loop.create_future()
        self._answer.set_result(None)

    @property
    def alive(self) -> bool:
        """Whether the child can take another call."""
        return self._open and not self.gone.done()

    @property
    def began(self) -> bool:
        """Whether the child began the last call that it was given."""
        return self.page.begun == self.calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, frame: bytes) -> asyncio.Future[list[Any] | None]:
        """Send a call to the child.

        Args:
            frame: The encoded request.

        Returns:
            A future of the answer, or of None if the child died instead: then `gone` is resolved.
        """
        self.calls += 1
        self.page.skip_reported()
        return self._send(frame)

    def resume(self) -> asyncio.Future[list[Any] | None]:
        """Let the child go on, which waits for the memory that it asked for. Returns as `ask`."""
        # What needs more than its call began with takes long, and gives way to others from now on.
        if not self.has_given_way:
            self.has_given_way = True
            self._give_way()
        return self._send(GO_ON)

    def _send(self, frame: bytes) -> asyncio.Future[list[Any] | None]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is not None:
            self._transport.write(frame)
        self._settle_death()
        return self._answer

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            answer = self._inbox.feed(data)
        except ValueError:
            answer = INVALID_ANSWER
        if answer is None:
            return
        if not is_answer(answer):
            answer = INVALID_ANSWER
        if self._answer.done():
            self.kill()  # it sent an answer without a call, which could be taken for the answer to another call
        else:
            self._answer.set_result(answer)

    def connection_lost(self, _: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._open = False
        # A child that closes the socket during a call is dying; killing it now would hide the cause. If it is not
        # dying, its time limit ends it.
        if self._answer.done():
            self._kill()
        self._settle_death()

    def exited(self, status: int | None) -> None:
        """Take the child's exit status from the zygote; None if it is unknown."""
        self.gone.set_result(status)
        self._settle_death()

    def kill(self) -> None:
        """Kill the child at once."""
        self._kill()
        if self._transport is not None:
            self._transport.abort()

    def _settle_death(self) -> None:
        # Wait for both: the child's last answer may still be in the socket when its exit status arrives.
        if self.gone.done() and not self._open and not self._answer.done():
            self._answer.set_result(None)
