"""One HTTP/1.1 connection: h11 writes requests and reads responses, a transport of the event loop carries the bytes."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import h11
import httpx

from tasks.outbound.protocol import EXCERPT_BYTES
from tasks.outbound.tls import asks_for_certificate

MAX_HEAD_BYTES = 72 * 1024
"""Of a response's status line and headers together. Of a longer one the status and the headers that came count."""
MAX_INFORMATIONAL = 100
"""Responses with a status 1xx before the final one. Reading them takes time from all other requests."""
READ_BYTES = 16 * 1024
"""How much the parser is given at a time; also the largest piece of a body."""
MAX_BUFFERED_BYTES = 64 * 1024
"""Received and not read yet; beyond it, nothing is taken from the socket until some is read."""
VERSION = b"HTTP/1."
"""A response begins with it. h11 looks at nothing before the head is complete."""
STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?:[ \t][^\n]*)?\r?\n")
HEADER_LINE = re.compile(rb"^([-!#$%&'*+.^_`|~0-9a-zA-Z]+)[ \t]*:([^\0\n]*)\n", re.MULTILINE)
"""A line that means the same to every reader. A space before the colon is removed, as RFC 9112 section 5.1 asks."""
BLANK_LINE = re.compile(rb"\n\r?\n")
BODY_HEADERS = (b"content-length", b"transfer-encoding")
"""A 204 has no body, whatever these say; bytes that come all the same belong to no response."""
MANY_PIECES = 1_000
MIN_PIECE_BYTES = 64
"""A body of more than MANY_PIECES pieces that are smaller than this on average is refused: a chunk of one byte costs as
much CPU as one of 16 KB."""


Origin = tuple[str, str, int]
"""Scheme, host and port: a connection is used again for these alone."""


class Head(NamedTuple):
    """The status line and the headers of a response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    reason: bytes


@dataclass(slots=True)
class ResponseProgress:
    """How much of a response has come, should the rest never come.

    Attributes:
        head: from the moment that its status line is whole, with the headers that came.
        excerpt: the first bytes of its body, at most `excerpt_bytes`.
    """

    head: Head | None = None
    excerpt: bytes = b""
    excerpt_bytes: int = EXCERPT_BYTES


class HttpConnection(asyncio.Protocol):
    """Carries requests one after the other.

    Args:
        origin: what it leads to.
        on_lost: called once with this connection when its transport has closed.
    """

    def __init__(self, origin: Origin, on_lost: "Callable[[HttpConnection], None]") -> None:
        self.origin = origin
        self._on_lost = on_lost
        self._parser = _new_parser()
        self._sent: tuple[h11.Event, ...] = ()
        self._received = bytearray()
        self._head_parts: list[bytes] | None = []
        self._unreadable: httpx.TransportError | None = None
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
            request: its content has been read; `extensions["url"]` is the URL.

        Returns:
            The head; `next_piece` gives the body.

        Raises:
            httpx.ReadError: the connection was closed or broke before the whole head came.
            httpx.RemoteProtocolError: what came is no HTTP/1.1, or its head is too large.
        """
        self._head_parts = []
        self._pieces = self._body_bytes = 0
        content = request.content
        head = h11.Request(
            method=request.method.encode(),
            target=request.extensions["url"].target,
            headers=request.headers.raw,
        )
        self._sent = (head, *([h11.Data(data=content)] if content else []), h11.EndOfMessage())
        self._transport.write(b"".join(self._parser.send(event) or b"" for event in self._sent))
        for _ in range(MAX_INFORMATIONAL):
            try:
                event = await self._next_event()
            except httpx.TransportError as error:
                return self._read_leniently(error)
            if isinstance(event, h11.Response):
                self._head_parts = None
                return self._head_of(event)
            self._head_parts = list(filter(None, [self._parser.trailing_data[0]]))
        raise httpx.RemoteProtocolError("too many informational responses")

    async def next_piece(self) -> bytes:
        """The next bytes of the body, at most READ_BYTES; empty at its end.

        Raises:
            httpx.ReadError: the connection was closed or broke before the end.
            httpx.RemoteProtocolError: the body breaks its framing, or the head does not tell it.
        """
        if self._unreadable is not None:
            raise self._unreadable
        event = await self._next_event()
        if not isinstance(event, h11.Data):
            return b""
        self._pieces += 1
        self._body_bytes += len(event.data)
        if self._pieces > MANY_PIECES and self._body_bytes < self._pieces * MIN_PIECE_BYTES:
            raise httpx.RemoteProtocolError("the body comes in too many small chunks")
        return bytes(event.data)

    def head_so_far(self) -> Head | None:
        """The head of the response that is awaited, as far as it has come; None before its status line is whole."""
        came = b"".join(self._head_parts or ()) + self._received
        line = STATUS_LINE.match(came)
        if line is None or (line[1].startswith(b"1") and line[1] != b"101"):
            return None
        end = BLANK_LINE.search(came, line.end() - 1)
        lines = came[line.end() : end.start() + 1 if end else None]
        return Head(int(line[1]), [(name, value.strip()) for name, value in HEADER_LINE.findall(lines)], b"")

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
    def asks_for_certificate(self) -> bool:
        """Whether its server has asked for a client certificate, and got none."""
        return asks_for_certificate(self._transport.get_extra_info("ssl_object"))

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

    def _head_of(self, event: h11.Response) -> Head:
        if event.status_code == 204 and any(name in BODY_HEADERS and value != b"0" for name, value in event.headers):
            self._surplus = True
        return Head(event.status_code, event.headers.raw_items(), event.reason)

    def _read_leniently(self, error: httpx.TransportError) -> Head:
        """The head of a response that h11 refuses.

        A receiver that sent a status has said what it thinks of the request, whatever is wrong with the rest. The body
        is read where the lines that can be read leave no doubt where it ends. The connection is not used again.

        Raises:
            error: not even the status line came.
        """
        came = b"".join(self._head_parts or ())
        head = self.head_so_far()
        if head is None:
            raise error
        self._surplus = True
        self._unreadable = error
        end = BLANK_LINE.search(came)
        if end is None or head.status == 101:
            return head
        parser = _new_parser()
        for event in self._sent:
            parser.send(event)
        lines = [b"HTTP/1.1 %d" % head.status, *(b"%s: %s" % line for line in head.headers), b"", b""]
        parser.receive_data(b"\r\n".join(lines) + came[end.end() :])
        try:
            parser.next_event()
        except h11.RemoteProtocolError:
            return head
        self._parser, self._unreadable = parser, None
        return head

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Raises: httpx.ReadError, httpx.RemoteProtocolError."""
        parser = self._parser
        try:
            while (event := parser.next_event()) is h11.NEED_DATA:
                if not self._received and not self._ended:
                    await self._more()
                self._feed()
        except h11.RemoteProtocolError as error:
            if self._fed_end:
                raise httpx.ReadError("The connection was closed before the response was whole.") from error
            raise httpx.RemoteProtocolError(str(error)) from error
        return event

    def _feed(self) -> None:
        """Give the parser what has come; the end only after all that came before it has been read."""
        if self._received:
            fed = bytes(self._received[:READ_BYTES])
            del self._received[:READ_BYTES]
            if self._head_parts is not None:
                if not self._head_parts:
                    fed = fed.lstrip(b"\r\n")  # empty lines before the head, as some servers leave of the last body
                    if not VERSION.startswith(fed[: len(VERSION)]):
                        raise httpx.RemoteProtocolError("The response does not begin as one of HTTP/1.")
                self._head_parts += [fed] if fed else []
            if fed:  # h11 takes nothing for the end
                self._parser.receive_data(fed)
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


def _new_parser() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
