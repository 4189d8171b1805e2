"""The httpx transport behind the guarded client: keeps connections open, and dials through the guard."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

import httpx
import structlog

from tasks.outbound.connection import HttpConnection, Origin, ResponseProgress
from tasks.outbound.dialer import Dialer, DialError
from tasks.outbound.timing import RequestTiming
from tasks.outbound.url_policy import OutboundUrl

log = structlog.get_logger()

KEEP_ALIVE_S = 30.0
MAX_KEPT = 256
"""Open connections. Above this number, a connection is closed after its response: each takes a file descriptor, and
many hosts get one request only."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests whose content has been read. Follows no redirects, keeps no cookies, unpacks nothing.

    Reads of a request's `extensions`: `url` (OutboundUrl; the request's own URL is not used), `timing` and `progress`
    (RequestTiming and ResponseProgress, filled in on the way), `single` (true: over a connection of its own; the
    request says `Connection: close` too).
    """

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._open: set[HttpConnection] = set()
        self._idle: dict[Origin, list[HttpConnection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises: httpx.TransportError; `DialError` where no connection was made."""
        timing: RequestTiming = request.extensions["timing"]
        progress: ResponseProgress = request.extensions["progress"]
        timing.started = time.monotonic()
        url: OutboundUrl = request.extensions["url"]
        origin = url.scheme, url.host, url.port
        connection = None if request.extensions.get("single") else self._take(origin)
        if connection is None:
            try:
                connection = await self._dialer.dial(url, lambda: HttpConnection(origin, self._forget), timing)
            except Exception as error:
                raise_known(error)
            self._open.add(connection)
        timing.connected = time.monotonic()
        if self._closed:  # meanwhile
            connection.abort()
        try:
            head = progress.head = await connection.send(request)
        except BaseException as error:  # a time-out too
            progress.head = connection.head_so_far()
            refused = not timing.reused and _refused_in_tls(connection, error)
            connection.abort()
            if progress.head is None and refused:
                raise DialError("tls_failed") from error
            raise_known(error)
        timing.answered = time.monotonic()
        return httpx.Response(
            head.status,
            headers=head.headers,
            stream=_ResponseBody(connection, self._release),
            request=request,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        """Break off what is under way."""
        self._closed = True
        for connection in list(self._open):
            connection.abort()
        if self._sweep is not None:
            self._sweep.cancel()

    def _take(self, origin: Origin) -> HttpConnection | None:
        """The connection that was used last, so that those which are not needed grow old."""
        while idle := self._idle.get(origin):
            connection = idle.pop()
            if not idle:
                del self._idle[origin]
            if not connection.closing:
                connection.idle = False
                return connection
        return None

    def _release(self, connection: HttpConnection) -> None:
        """A response is done with. What was not read to its end cannot be used again."""
        if not connection.complete:
            connection.abort()
        elif not connection.reusable or self._closed or len(self._open) > MAX_KEPT:
            self._open.discard(connection)
            connection.close()
        else:
            connection.rest()
            self._idle.setdefault(connection.origin, []).append(connection)
            if self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._close_old)

    def _forget(self, connection: HttpConnection) -> None:
        """It has closed."""
        self._open.discard(connection)
        idle = self._idle.get(connection.origin, [])
        if connection in idle:
            idle.remove(connection)
            if not idle:
                del self._idle[connection.origin]

    def _close_old(self) -> None:
        """Close what was not used for KEEP_ALIVE_S, and come again when the next one will be as old."""
        self._sweep, now = None, time.monotonic()
        kept: list[float] = []
        for connection in [one for idle in self._idle.values() for one in idle]:
            if now - connection.idle_since >= KEEP_ALIVE_S:
                self._forget(connection)
                connection.close()
            else:
                kept.append(connection.idle_since)
        if kept:
            delay_s = min(kept) + KEEP_ALIVE_S - now
            self._sweep = asyncio.get_running_loop().call_later(delay_s, self._close_old)


class UnexpectedError(httpx.TransportError):
    """An exception that no part of a request is known to raise, of a library or our own."""


def _refused_in_tls(connection: HttpConnection, error: BaseException) -> bool:
    """Whether a server has ended a new connection because it accepts no such client. With TLS 1.3 that comes after the
    client has seen the handshake succeed: as an alert, or without a word."""
    if not isinstance(error, httpx.ReadError):
        return False
    return isinstance(error.__cause__, ssl.SSLError) or connection.asks_for_certificate


def raise_known(error: BaseException) -> NoReturn:
    """Raise an exception again; as an UnexpectedError if it is one that callers do not expect.

    So no exception of a library escapes, and each failure counts as one of its receiver.
    """
    if isinstance(error, Exception) and not isinstance(error, httpx.TransportError | TimeoutError):
        log.error("outbound.failed", exc_info=error)
        raise UnexpectedError(f"{type(error).__name__}: {error}") from error
    raise error


class _ResponseBody(httpx.AsyncByteStream):
    """The body of a response as it comes. Closing it gives the connection back."""

    def __init__(self, connection: HttpConnection, release: Callable[[HttpConnection], None]) -> None:
        self._connection = connection
        self._release = release
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._connection.next_piece()
        except Exception as error:
            raise_known(error)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._release(self._connection)
