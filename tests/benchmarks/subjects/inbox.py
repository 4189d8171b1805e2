"""A receiver that costs next to nothing: it notes each request and answers 200, or does neither."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self, cast

import httptools

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Arrival(NamedTuple):
    """One request. event: its `webhook-id`; empty if it had none. at: seconds since 1970, when it was whole."""

    path: bytes
    event: bytes
    at: float


@dataclass(slots=True)
class Inbox:
    """Listens on one port of all 127.x.y.z until its block ends. silent: paths that are never answered.

    arrivals: requests that were answered, as they came. unanswered: how many were not.
    """

    silent: Collection[bytes] = ()
    arrivals: list[Arrival] = field(default_factory=list)
    unanswered: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _wanted: int = 0
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, number: int) -> str:
        """A URL for each number below 65,536, at a host of its own, so that no two share a connection."""
        return f"http://127.0.{number // 256}.{number % 256}:{self.port}/{number}"

    async def until(self, count: int, seconds: float) -> None:
        """Wait until so many requests were answered. Raises: TimeoutError."""
        self._wanted = count
        self._there.clear()
        if len(self.arrivals) < count:
            async with asyncio.timeout(seconds):
                await self._there.wait()

    def takes(self, path: bytes, event: bytes) -> bool:
        """Note a request. Whether it is to be answered."""
        if path in self.silent:
            self.unanswered += 1
            return False
        self.arrivals.append(Arrival(path, event, time.time()))
        if len(self.arrivals) == self._wanted:
            self._there.set()
        return True

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "0.0.0.0", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()


class _Connection(asyncio.Protocol):
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._event = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path, self._event = url, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"webhook-id":
            self._event = value

    def on_message_complete(self) -> None:
        if self._inbox.takes(self._path, self._event):
            self._transport.write(ANSWER)
