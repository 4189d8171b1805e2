"""The client that speaks to addresses that strangers named: the promises of `tasks.outbound.protocol`, kept."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from tasks.outbound.connector import GuardedConnector, tls_context
from tasks.outbound.failure import code_of, unreachable
from tasks.outbound.networks import Network
from tasks.outbound.protocol import Answer, Fetched, Outgoing, Unreachable
from tasks.outbound.resolver import Resolver
from tasks.outbound.timing import PASSAGE, Passage
from tasks.outbound.url_policy import check_url
from tasks.refusal import Refusal

VERSION = "0.1.0"
HEADERS = {"user-agent": f"Pressroom/{VERSION}", "accept": "*/*", "accept-encoding": "identity"}
EXCERPT_BYTES = 1024
DRAIN_BYTES = 64 * 1024
"""How much of an answer is read, so that its connection can be used again; one that says more is closed."""
STALE_S = 1.0
"""A connection that was open already, and breaks within this time, was closed while nobody looked."""
TRANSPORT_ERRORS = (httpx.TransportError, aiohttp.ClientError, TimeoutError)


class GuardedClient:
    """See `tasks.outbound.protocol.Outbound`. Opened by the first request, in its event loop.

    *_timeout_s: seconds for looking up a name, for a connection with its TLS, and for a POST or a fetch as a whole.
    networks: those that may be spoken to though they are not public. http: whether TLS may be missing. own_hosts: ours,
    see `guard.own_hosts`. nameservers: `address:port` each; the system's if they are not given.
    """

    def __init__(
        self,
        *,
        dns_timeout_s: float,
        connect_timeout_s: float,
        post_timeout_s: float,
        fetch_timeout_s: float,
        networks: tuple[Network, ...] = (),
        http: bool = False,
        own_hosts: tuple[str, ...] = (),
        nameservers: tuple[str, ...] | None = None,
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._post_timeout_s = post_timeout_s
        self._fetch_timeout_s = fetch_timeout_s
        self._networks = networks
        self._http = http
        self._own_hosts = own_hosts
        self._resolver = Resolver(timeout_s=dns_timeout_s, networks=networks, nameservers=nameservers)
        self._transports: tuple[AiohttpTransport, AiohttpTransport] | None = None

    async def post(self, outgoing: Outgoing) -> Answer:
        request = self._request("POST", outgoing.url, outgoing.headers, outgoing.content)
        pooled, single = self._open()
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._post_timeout_s) as limit:
                passage = Passage(limit, began)
                try:
                    return await _exchange(pooled, request, passage)
                except httpx.TransportError as error:
                    if not _stale(error, passage):
                        raise
                passage = Passage(limit, began)
                return await _exchange(single, request, passage)
        except TRANSPORT_ERRORS as error:
            raise unreachable(error, passage) from error

    async def fetch(self, url: str, into: Path, *, max_bytes: int) -> Fetched:
        request = self._request("GET", url, {})
        _, single = self._open()
        try:
            async with asyncio.timeout(self._fetch_timeout_s) as limit:
                passage = Passage(limit, time.monotonic())
                response = await _send(single, request, passage)
                async with aclosing(response):
                    _check_answer(response, max_bytes, passage)
                    size = await _write(response, into, max_bytes)
                return Fetched(size, response.headers.get("content-type"))
        except TRANSPORT_ERRORS as error:
            raise unreachable(error, passage) from error

    async def close(self) -> None:
        """Break off what is under way. The client opens anew with the next request."""
        if self._transports is not None:
            for transport in self._transports:
                await transport.aclose()
            self._transports = None
        await self._resolver.close()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Request:
        try:
            checked = check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own_hosts)
        except Refusal as refusal:
            raise Unreachable(refusal.code, refusal.message) from refusal
        return httpx.Request(method, checked, headers={**HEADERS, **headers}, content=content)

    def _open(self) -> tuple[AiohttpTransport, AiohttpTransport]:
        """What keeps its connections, and what uses each of them once."""
        if self._transports is None:
            tls = tls_context()
            self._transports = self._transport(tls, keep=True), self._transport(tls, keep=False)
        return self._transports

    def _transport(self, tls: ssl.SSLContext, *, keep: bool) -> AiohttpTransport:
        connector = GuardedConnector(
            self._resolver, networks=self._networks, connect_timeout_s=self._connect_timeout_s, tls=tls, keep=keep
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )
        return AiohttpTransport(verify=tls, trust_env=False, client=session)


async def _send(transport: AiohttpTransport, request: httpx.Request, passage: Passage) -> httpx.Response:
    """The head of the answer; whoever asked for it closes it."""
    token = PASSAGE.set(passage)
    try:
        response = await transport.handle_async_request(request)
    finally:
        PASSAGE.reset(token)
    passage.answered = time.monotonic()
    return response


def _body(response: httpx.Response) -> "aclosing[AsyncGenerator[bytes]]":
    """The body as it comes, to be read as far as one likes: httpx's own iterator cannot be closed half-way."""
    stream = cast("AsyncIterable[bytes]", response.stream)
    return aclosing(cast("AsyncGenerator[bytes]", aiter(stream)))


async def _exchange(transport: AiohttpTransport, request: httpx.Request, passage: Passage) -> Answer:
    response = await _send(transport, request, passage)
    async with aclosing(response):
        excerpt, size = b"", 0
        async with _body(response) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if len(excerpt) < EXCERPT_BYTES:
                    excerpt = (excerpt + chunk)[:EXCERPT_BYTES]
                if size > DRAIN_BYTES:
                    break
    address = None if passage.reused else passage.address
    return Answer(response.status_code, dict(response.headers), excerpt, passage.timing(), address)


def _stale(error: httpx.TransportError, passage: Passage) -> bool:
    """Whether the connection was closed while nobody looked, before any of this request's answer."""
    if passage.connected is None or not passage.reused or passage.answered is not None:
        return False
    return code_of(error, passage) == "connection_lost" and time.monotonic() - passage.connected < STALE_S


def _check_answer(response: httpx.Response, max_bytes: int, passage: Passage) -> None:
    status = response.status_code
    length = response.headers.get("content-length", "")
    if status == 200 and not (length.isdecimal() and int(length) > max_bytes):
        return
    if status == 200:
        raise _too_large(max_bytes)
    code, message = "bad_status", f"The address answered with status {status} instead of 200."
    if 300 <= status < 400:
        code, message = "redirected", f"The address redirects (status {status}); give the address that it leads to."
    raise Unreachable(code, message, timing=passage.timing(), address=passage.address, status=status)


async def _write(response: httpx.Response, into: Path, max_bytes: int) -> int:
    """Write the body to a file, whole or not at all. Returns its bytes. Raises: Refusal `too_large`."""
    size = 0
    async with _body(response) as chunks:
        with _whole(into) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                file.write(chunk)
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
    message = f"A fetched file has at most {max_bytes} bytes; this has more."
    return Refusal("too_large", message, field="url", limit=max_bytes)
