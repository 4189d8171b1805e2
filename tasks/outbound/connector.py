"""What aiohttp dials by: names through our resolver, and once more a look at the very address that is dialled."""

import asyncio
import socket
import ssl
import time
from functools import cache
from ipaddress import ip_address

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace

from tasks.outbound.networks import Network, objection
from tasks.outbound.resolver import AddressRefused, Resolver
from tasks.outbound.timing import PASSAGE, Passage

KEEP_ALIVE_S = 30.0
MAX_KEPT = 256
"""Connections, from which on a further one is closed after its answer: each takes a descriptor, and many hosts are
spoken to once."""
DNS_CACHE_S = 10


@cache
def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or later, with verification. Trusts the system's authorities, or those of `SSL_CERT_FILE` in their place,
    and certifi's. One for all: reading them takes some 30 ms."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class GuardedConnector(aiohttp.TCPConnector):
    """Opens connections to addresses that may be spoken to. To be made in the event loop.

    networks: those that may be spoken to though they are not public. connect_timeout_s: seconds from the first packet
    to the end of the TLS handshake. keep: whether a connection is used again.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        networks: tuple[Network, ...],
        connect_timeout_s: float,
        tls: ssl.SSLContext,
        keep: bool,
    ) -> None:
        self._networks = networks
        self._connect_timeout_s = connect_timeout_s
        self._open = 0
        super().__init__(
            resolver=_Addresses(resolver),
            ttl_dns_cache=DNS_CACHE_S,
            ssl=tls,
            limit=0,
            force_close=not keep,
            keepalive_timeout=KEEP_ALIVE_S if keep else None,
            socket_factory=self._socket,
        )

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's word
    ) -> Connection:
        passage = PASSAGE.get()
        passage.asked = time.monotonic()
        ends = passage.limit.when()
        connection = await super().connect(req, traces, timeout)
        passage.connected = time.monotonic()
        if passage.dialled is not None:
            _move(passage, ends)
            if connection.transport is not None and (peer := connection.transport.get_extra_info("peername")):
                passage.address = peer[0]
            if connection.protocol is not None:
                self._count(connection.protocol)
        return connection

    def _socket(self, dialled: AddrInfoType) -> socket.socket:
        """aiohttp's `socket_factory`, called with each address right before it is dialled."""
        family, kind, protocol, _, (address, *_) = dialled
        passage = PASSAGE.get()
        if objection(ip_address(address), self._networks) is not None:
            passage.refused = True
            raise AddressRefused
        passage.address = address
        if passage.dialled is None:
            passage.dialled = time.monotonic()
            ends, now = passage.limit.when(), asyncio.get_running_loop().time()
            _move(passage, min(ends or now, now + self._connect_timeout_s))
        return socket.socket(family, kind, protocol)

    def _count(self, protocol: ResponseHandler) -> None:
        if (closed := protocol.closed) is None:
            return  # it has been lost already
        closed.add_done_callback(self._closed_one)
        self._open += 1
        if self._open > MAX_KEPT:
            protocol.force_close()

    def _closed_one(self, closed: "asyncio.Future[None]") -> None:
        self._open -= 1
        if not closed.cancelled():
            closed.exception()  # told to whoever used the connection


class _Addresses(AbstractResolver):
    """Our resolver as aiohttp calls it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolver.addresses(host)
        return [
            ResolveResult(hostname=host, host=str(one), port=port, family=family, proto=0, flags=0) for one in addresses
        ]

    async def close(self) -> None:
        """The resolver is its maker's to close."""


def _move(passage: Passage, when: float | None) -> None:
    """Let the limit end the passage at another time of the event loop's clock, unless it is ending it already."""
    if not passage.limit.expired():
        passage.limit.reschedule(when)
