"""The HTTP client for URLs that users named: it keeps the promises of `tasks.outbound.protocol`."""

import asyncio
import time
from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

import httpx

from tasks.outbound.connection import ResponseProgress
from tasks.outbound.dialer import Dialer, OutboundRoute
from tasks.outbound.failure import code_of, outbound_error
from tasks.outbound.networks import Network
from tasks.outbound.own_services import NO_SERVICES, OwnServices
from tasks.outbound.protocol import FetchedFile, OutboundError, OutboundRequest, OutboundResponse
from tasks.outbound.resolver import CachedLookups, Resolver
from tasks.outbound.timing import RequestTiming
from tasks.outbound.transport import GuardedTransport, raise_known
from tasks.outbound.url_policy import OutboundUrl, check_url
from tasks.refusal import Refusal

VERSION = "0.1.0"
HEADERS = {"user-agent": f"Pressroom/{VERSION}", "accept": "*/*", "accept-encoding": "identity"}
CLOSE = {"connection": "close"}
DRAIN_BYTES = 64 * 1024
"""How much of a response to a POST is read, so that its connection can be used again; a longer one is broken off."""
DRAIN_PIECES = 500
"""The same for a response in many small chunks, each of which costs CPU."""
STALE_S = 1.0
"""A connection that was used again, and breaks within this time, had been closed by the other side before."""
FAILURES = (httpx.TransportError, TimeoutError)


@dataclass(frozen=True, slots=True)
class OutboundTimeouts:
    """How long the steps of an outbound request may take, in seconds.

    Args:
        dns_s: Resolving a name.
        connect_s: A connection with its TLS.
        post_s: A POST as a whole.
        fetch_s: A fetch as a whole.
    """

    dns_s: float
    connect_s: float
    post_s: float
    fetch_s: float


class GuardedClient:
    """See `tasks.outbound.protocol.Outbound`. Opened by the first request, in its event loop.

    Args:
        timeouts: how long each step may take.
        networks: allowed although they are not public.
        http: whether TLS may be missing.
        own_hosts: of this service, see `url_policy.own_hosts`.
        own: servers of this installation, to which no request goes.
        nameservers: `ip:port` each; the system's if they are not given.
        route: how connections leave, and whom they trust.
    """

    def __init__(
        self,
        *,
        timeouts: OutboundTimeouts,
        networks: tuple[Network, ...] = (),
        http: bool = False,
        own_hosts: tuple[str, ...] = (),
        own: OwnServices = NO_SERVICES,
        nameservers: tuple[str, ...] | None = None,
        route: OutboundRoute | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._networks = networks
        self._http = http
        self._own_hosts = own_hosts
        self._lookups = CachedLookups(Resolver(timeout_s=timeouts.dns_s, networks=networks, nameservers=nameservers))
        self._dialer = Dialer(
            self._lookups, networks=networks, connect_timeout_s=timeouts.connect_s, own=own, route=route
        )
        self._transport: GuardedTransport | None = None

    async def post(self, request: OutboundRequest) -> OutboundResponse:
        """See `Outbound.post`."""
        timing, progress = RequestTiming(), ResponseProgress(excerpt_bytes=request.excerpt_bytes)
        sent: Mapping[str, str] = request.headers
        try:
            prepared = self._request(request.method, request.url, request.headers, timing, progress, request.content)
            sent = prepared.headers
            async with asyncio.timeout(request.timeout_s or self._timeouts.post_s):
                try:
                    return await self._exchange(prepared, timing, progress)
                except httpx.TransportError as error:
                    if progress.head is not None or not _was_stale(error, timing):
                        raise
                timing = RequestTiming(timing.began)
                prepared.headers.update(CLOSE)
                prepared.extensions |= {"timing": timing, "single": True}
                return await self._exchange(prepared, timing, progress)
        except FAILURES as error:
            if progress.head is None:
                raise outbound_error(error, timing, sent=sent) from error
            # The receiver has answered: whatever is wrong with the rest of its response, the status counts.
            return _answer(progress.head.status, httpx.Headers(progress.head.headers), progress.excerpt, timing, sent)

    async def fetch(self, url: str, into: Path, *, max_bytes: int) -> FetchedFile:
        """See `Outbound.fetch`."""
        timing, progress = RequestTiming(), ResponseProgress()
        try:
            request = self._request("GET", url, CLOSE, timing, progress)
            request.extensions["single"] = True
            async with asyncio.timeout(self._timeouts.fetch_s):
                response = await self._open().handle_async_request(request)
                async with aclosing(response):
                    _check_status(response.status_code, timing)
                    _check_length(response.headers.get("content-length", ""), max_bytes)
                    size = await _write(response, into, max_bytes)
                return FetchedFile(size, response.headers.get("content-type"))
        except FAILURES as error:
            status = progress.head and progress.head.status
            if status is not None:
                _check_status(status, timing)
            raise outbound_error(error, timing, status) from error

    async def close(self) -> None:
        """Break off what is under way. The client opens again with the next request."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None
        await self._lookups.close()

    async def _exchange(
        self, request: httpx.Request, timing: RequestTiming, progress: ResponseProgress
    ) -> OutboundResponse:
        response = await self._open().handle_async_request(request)
        async with aclosing(response):
            size, pieces = 0, 0
            async for piece in _body(response):
                size += len(piece)
                pieces += 1
                if len(progress.excerpt) < progress.excerpt_bytes:
                    progress.excerpt = (progress.excerpt + piece)[: progress.excerpt_bytes]
                if size > DRAIN_BYTES or pieces > DRAIN_PIECES:
                    break
        return _answer(response.status_code, response.headers, progress.excerpt, timing, request.headers)

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timing: RequestTiming,
        progress: ResponseProgress,
        content: bytes | None = None,
    ) -> httpx.Request:
        try:
            checked = check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own_hosts)
        except Refusal as refusal:
            raise OutboundError(refusal.code, refusal.message) from refusal
        try:
            return httpx.Request(
                method,
                _httpx_url(checked),
                headers={"Host": checked.authority, **HEADERS, **headers},
                content=content,
                extensions={"url": checked, "timing": timing, "progress": progress},
            )
        except Exception as error:
            raise_known(error)

    def _open(self) -> GuardedTransport:
        if self._transport is None:
            self._transport = GuardedTransport(self._dialer)
        return self._transport


@lru_cache(maxsize=4096)
def _httpx_url(url: OutboundUrl) -> httpx.URL:
    """For httpx's own sake: `GuardedTransport` goes by the URL that was checked."""
    return httpx.URL(scheme=url.scheme, host=url.host, port=url.port, path="/")


def _body(response: httpx.Response) -> AsyncIterable[bytes]:
    """The body as it comes, to be read as far as one likes: httpx's own iterator cannot be closed half-way."""
    return cast("AsyncIterable[bytes]", response.stream)


def _was_stale(error: httpx.TransportError, timing: RequestTiming) -> bool:
    """Whether an open connection was used again that the other side had closed: none of the response came."""
    if timing.connected is None or not timing.reused or timing.answered is not None:
        return False
    return code_of(error, timing) == "connection_lost" and time.monotonic() - timing.connected < STALE_S


def _answer(
    status: int, headers: httpx.Headers, excerpt: bytes, timing: RequestTiming, sent: Mapping[str, str]
) -> OutboundResponse:
    ip = None if timing.reused else timing.ip
    return OutboundResponse(status, dict(headers), excerpt, timing.parts_ms(), ip, sent)


def _check_status(status: int, timing: RequestTiming) -> None:
    if status == 200:
        return
    code, message = "bad_status", f"The URL responded with status {status} instead of 200."
    if 300 <= status < 400:
        code, message = "redirected", f"The URL redirects (status {status}). Send the URL that it redirects to."
    raise OutboundError(code, message, timing=timing.parts_ms(), ip=timing.ip, status=status)


def _check_length(length: str, max_bytes: int) -> None:
    if length.isdecimal() and int(length) > max_bytes:
        raise _too_large(max_bytes)


async def _write(response: httpx.Response, into: Path, max_bytes: int) -> int:
    """Write the body to a file, whole or not at all. Returns its bytes. Raises: Refusal `too_large`."""
    size = 0
    with _whole(into) as file:
        async for piece in _body(response):
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            file.write(piece)
    return size


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write; removed if that fails."""
    try:
        with path.open("wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _too_large(max_bytes: int) -> Refusal:
    message = f"The file at the URL is larger than the limit of {max_bytes} bytes. Use a smaller file."
    return Refusal("too_large", message, field="url", limit=max_bytes)
