"""Receivers on loopback, polite and rude: real sockets, each with one behaviour.

    async with Receiver("reset") as receiver:
        ... receiver.url ... await receiver.wait_for(2) ... receiver.requests[0].body

The constructor names the behaviour; a request may name another by the first part of its path (`/drip`, `/status/503`).
In a process of its own, `python -m tests.support.receivers [behaviour] [port]` prints its address and serves.
"""

import asyncio
import contextlib
import ssl
import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import uvloop

from tests.support.receiver_behaviours import BEHAVIOURS, Exchange, HangUp

PATIENCE_S = 10.0
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What came. headers: lower-case names. at: `time.time()` when it was whole. connection: the how-manieth it came
    on, from 1."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    connection: int


@dataclass(slots=True)
class Receiver:
    """Listens on a free port of 127.0.0.1, unless told otherwise, until its block ends.

    times, content: for the behaviours that use them. tls: what it shows
    (`tests.support.network.certificates`). requests: as they came.
    connections: how many were accepted.
    """

    behaviour: str = "fast"
    times: int = 0
    content: bytes = b""
    tls: ssl.SSLContext | None = None
    port: int = 0
    address: str = "127.0.0.1"
    host: str | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return self.at("/")

    def at(self, path: str) -> str:
        """The URL of a path. Its host is the address, unless `host` names it."""
        return f"{'http' if self.tls is None else 'https'}://{self.host or self.address}:{self.port}{path}"

    async def wait_for(self, number: int, seconds: float = PATIENCE_S) -> list[Request]:
        """The requests, once there are so many."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: len(self.requests) >= number)
        return self.requests

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.address, self.port, ssl=self.tls, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)  # those that have just been accepted begin
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            turn = 0
            while True:
                request = await _read(reader, number)
                turn += 1
                await self._note(request)
                behave = BEHAVIOURS.get(request.path.split("/")[1], BEHAVIOURS[self.behaviour])
                await behave(Exchange(self, request, writer, turn))
        except (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the sender went, or is left alone; a receiver has nobody to tell
        finally:
            writer.close()
            try:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            finally:
                self._tasks.discard(task)

    async def _note(self, request: Request) -> None:
        self.requests.append(request)
        async with self._came:
            self._came.notify_all()


async def _read(reader: asyncio.StreamReader, connection: int) -> Request:
    """The next request. Raises: IncompleteReadError once the sender has closed."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body, time.time(), connection)


async def main(chosen: str = "fast", port: str = "0") -> None:
    async with Receiver(chosen, port=int(port)) as receiver:
        print(receiver.url, flush=True)  # noqa: T201 - the parent process reads the URL
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
