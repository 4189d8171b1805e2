"""One HTTP/1.1 connection: h11 writes requests and reads responses, a transport of the event loop carries the bytes."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, cast

import h11
import httpx

MAX_HEAD_BYTES = 32 * 1024
"""Of a response's status line and headers together."""
MAX_INFORMATIONAL = 100
"""Responses with a status 1xx before the final one. Reading them takes time from all other requests."""
READ_BYTES = 16 * 1024
"""How much the parser is given at a time; also the largest piece of a body."""
MAX_BUFFERED_BYTES = 64 * 1024
"""Received and not read yet; beyond it, nothing is taken from the socket until some is read."""
VERSION = b"HTTP/1."
"""A response begins with it. h11 looks at nothing before the head is complete."""
BODY_HEADERS = (b"content-length", b"transfer-encoding")
"""A 204 has no body, whatever these say; bytes that come all the same belong to no response."""
MANY_PIECES = 1_000
MIN_PIECE_BYTES = 64
"""A body of more than MANY_PIECES pieces that are smaller than this on average is refused: a chunk of one byte costs as
much CPU as one of 16 KB."""


Origin = tuple[str, str, int | None]
"""Scheme, host and port: a connection is used again for these alone."""


class Head(NamedTuple):
    """The status line and the headers of a response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    reason: bytes


class HttpConnection(asyncio.Protocol):
    """Carries requests one after the other.

    Args:
        origin: what it leads to.
        on_lost: called once with this connection when its transport has closed.
    """

    def __init__(self, origin: Origin, on_lost: "Callable[[HttpConnection], None]") -> None:
        self.origin = origin
        self._on_lost = on_lost
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._received = bytearray()
        self._status_line = b""
        self._waiter: asyncio.Future[None] | None = None
        self._ended = self._fed_end = False
        self._error: Exception | None = None
        self._paused = self._surplus = False
        self._pieces = self._body_bytes = 0
        self._transport: asyncio.Transport
        self.idle = False
        self.idle_since = 0.0

    async def send(self, request: httpx.Request) -> Head:
        """Write a request and wait for the head of its response.

        Args:
            request: its content has been read; `extensions["target"]`, if given, is sent instead of the URL's path
                and query.

        Returns:
            The head; `next_piece` gives the body.

        Raises:
            httpx.ReadError: the connection was closed or broke before the whole head came.
            httpx.RemoteProtocolError: what came is no HTTP/1.1, or its head is too large.
        """
        self._status_line = b""
        self._pieces = self._body_bytes = 0
        head = h11.Request(
            method=request.method.encode(),
            target=request.extensions.get("target", request.url.raw_path),
            headers=request.headers.raw,
        )
        content = request.content
        self._write(head, *([h11.Data(data=content)] if content else []), h11.EndOfMessage())
        for _ in range(MAX_INFORMATIONAL):
            try:
                event = await self._next_event()
            except httpx.RemoteProtocolError:
                if self._status_line[9:] != b"101":
                    raise
                return Head(101, [], b"")  # h11 refuses an upgrade that was not asked for
            if isinstance(event, h11.Response):
                if event.status_code == 204 and any(
                    name in BODY_HEADERS and value != b"0" for name, value in event.headers
                ):
                    self._surplus = True
                return Head(event.status_code, event.headers.raw_items(), event.reason)
        raise httpx.RemoteProtocolError("too many informational responses")

    async def next_piece(self) -> bytes:
        """The next bytes of the body, at most READ_BYTES; empty at its end.

        Raises:
            httpx.ReadError: the connection was closed or broke before the end.
            httpx.RemoteProtocolError: the body breaks its framing.
        """
        if self._parser.their_state is h11.ERROR:
            return b""  # after an upgrade
        event = await self._next_event()
        if not isinstance(event, h11.Data):
            return b""
        self._pieces += 1
        self._body_bytes += len(event.data)
        if self._pieces > MANY_PIECES and self._body_bytes < self._pieces * MIN_PIECE_BYTES:
            raise httpx.RemoteProtocolError("the body comes in too many small chunks")
        return bytes(event.data)

    @property
    def complete(self) -> bool:
        """Whether the response has been read to its end."""
        return self._parser.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: both sides keep it open, and nothing came after the response."""
        parser = self._parser
        surplus = self._surplus or self._received or parser.trailing_data[0]
        return parser.our_state is parser.their_state is h11.DONE and not (surplus or self._ended or self.closing)

    @property
    def closing(self) -> bool:
        """Whether it is on its way out, or has closed."""
        return self._ended or self._transport.is_closing()

    def rest(self) -> None:
        """Make ready for the next request. Bytes that come before it close the connection."""
        self._parser.start_next_cycle()
        self.idle, self.idle_since = True, time.monotonic()

    def close(self) -> None:
        """Close in order, with TLS's notice."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once, which fails a request that waits for its response."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self.idle:
            self.abort()
            return
        if len(self._status_line) < 12:
            self._status_line += data[: 12 - len(self._status_line)]
        self._received += data
        if len(self._received) > MAX_BUFFERED_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        self._wake()
        self._on_lost(self)

    def _write(self, *events: h11.Event) -> None:
        try:
            self._transport.write(b"".join(self._parser.send(event) or b"" for event in events))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Raises: httpx.ReadError, httpx.RemoteProtocolError."""
        parser = self._parser
        try:
            while (event := parser.next_event()) is h11.NEED_DATA:
                if not self._received and not self._ended:
                    await self._more()
                if not VERSION.startswith(self._status_line[: len(VERSION)]):
                    raise httpx.RemoteProtocolError("The response does not begin as one of HTTP/1.")
                self._feed()
        except h11.RemoteProtocolError as error:
            if self._fed_end:
                raise httpx.ReadError("The connection was closed before the response was whole.") from error
            raise httpx.RemoteProtocolError(str(error)) from error
        return event

    def _feed(self) -> None:
        """Give the parser what has come; the end only after all that came before it has been read."""
        if self._received:
            self._parser.receive_data(bytes(self._received[:READ_BYTES]))
            del self._received[:READ_BYTES]
        elif self._error is not None:
            raise httpx.ReadError("The connection broke before the response was whole.") from self._error
        elif self._ended:
            self._fed_end = True
            self._parser.receive_data(b"")
        if self._paused and len(self._received) < MAX_BUFFERED_BYTES and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    async def _more(self) -> None:
        """Wait until something comes, or the end."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
