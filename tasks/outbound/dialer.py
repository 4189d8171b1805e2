"""Opens connections: the host's name is resolved, each IP address is checked, and that very address is dialled."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import aiohappyeyeballs
import httpx
from aiohappyeyeballs import AddrInfoType

from tasks.outbound.connection import HttpConnection
from tasks.outbound.networks import Address, Network, blocked_reason
from tasks.outbound.own_services import NO_SERVICES, OwnServices
from tasks.outbound.proxy import ConnectRefused, EgressProxy, ProxyFailed
from tasks.outbound.resolver import AddressRefused, CachedLookups, NameNotFound
from tasks.outbound.timing import RequestTiming
from tasks.outbound.tls import tls_context
from tasks.outbound.url_policy import OutboundUrl

NEXT_ADDRESS_S = 0.25
"""How long one address of a host may take before the next one is tried beside it (RFC 8305)."""
TLS_CLOSE_S = 1.0
"""How long a connection that is closed in order waits for the other side's notice."""


class DialError(httpx.ConnectError):
    """No connection was made. code: a key of `tasks.outbound.failure.MESSAGES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class OutboundRoute:
    """How connections leave, and whom they trust.

    Args:
        proxy: that they go through.
        ca_file: see `tls_context`.
        rsa_key_exchange: see `tls_context`.
    """

    proxy: EgressProxy | None = None
    ca_file: str | None = None
    rsa_key_exchange: bool = False

    def tls(self) -> ssl.SSLContext:
        """Raises: ValueError as `tls_context`."""
        return tls_context(self.ca_file, self.rsa_key_exchange)


class Dialer:
    """Opens connections to allowed IP addresses.

    Args:
        lookups: resolves names.
        networks: allowed although they are not public.
        connect_timeout_s: from the first packet to the end of the TLS handshake.
        route: how they leave, and whom they trust.
        own: servers of this installation, to which no connection is opened.
    """

    def __init__(
        self,
        lookups: CachedLookups,
        *,
        networks: tuple[Network, ...],
        connect_timeout_s: float,
        route: OutboundRoute | None = None,
        own: OwnServices = NO_SERVICES,
    ) -> None:
        self._lookups = lookups
        self._networks = networks
        self._own = own
        self._connect_timeout_s = connect_timeout_s
        self._route = route or OutboundRoute()

    async def dial(self, url: OutboundUrl, make: Callable[[], HttpConnection], timing: RequestTiming) -> HttpConnection:
        """Open a connection to the URL's host and port.

        Raises:
            DialError: `dns_failed`, `address_refused`, `connect_failed`, `connect_timed_out`, `tls_failed`,
                `proxy_failed`.
        """
        host, tls = url.host, url.scheme == "https"
        addresses = await self._resolve(host)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                if self._route.proxy is not None:
                    sock = await self._connect_through(self._route.proxy, addresses, url.port, timing)
                else:
                    sock = await self._connect(addresses, url.port, timing)
                    timing.ip = sock.getpeername()[0]
                try:
                    _, connection = await asyncio.get_running_loop().create_connection(
                        make,
                        sock=sock,
                        ssl=self._route.tls() if tls else None,
                        server_hostname=host if tls else None,
                        ssl_shutdown_timeout=TLS_CLOSE_S if tls else None,
                    )
                except OSError as error:  # a connection that is made and broken again was in its handshake
                    raise DialError("tls_failed" if tls else "connect_failed") from error
        except TimeoutError as error:
            raise DialError("connect_timed_out") from error
        return connection

    async def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        try:
            return await self._lookups.addresses(host)
        except NameNotFound as error:
            raise DialError("dns_failed") from error
        except AddressRefused as error:
            raise DialError("address_refused") from error

    def _blocks(self, address: Address, port: int) -> bool:
        return blocked_reason(address, self._networks) is not None or self._own.has_address(address, port)

    async def _connect(self, addresses: tuple[Address, ...], port: int, timing: RequestTiming) -> socket.socket:
        refused = False

        def checked_socket(dialled: AddrInfoType) -> socket.socket:
            """The guard's last word, called with each address right before it is dialled."""
            nonlocal refused
            family, kind, protocol, _, (ip, *_) = dialled
            address = ip_address(ip)
            if self._blocks(address, port):
                refused = True
                raise AddressRefused
            timing.dialling(ip)
            return socket.socket(family, kind, protocol)

        try:
            return await aiohappyeyeballs.start_connection(
                [_addr_info(address, port) for address in addresses],
                happy_eyeballs_delay=NEXT_ADDRESS_S,
                socket_factory=checked_socket,
            )
        except TimeoutError as error:  # the kernel's own, an OSError too
            raise DialError("connect_timed_out") from error
        except (OSError, RuntimeError) as error:
            raise DialError("address_refused" if refused else "connect_failed") from error

    async def _connect_through(
        self, proxy: EgressProxy, addresses: tuple[Address, ...], port: int, timing: RequestTiming
    ) -> socket.socket:
        """One address after the other, IPv4 first: a proxy that lacks IPv6 may take long to say so."""
        if any(self._blocks(address, port) for address in addresses):
            raise DialError("address_refused")
        for address in sorted(addresses, key=lambda one: one.version):
            timing.dialling(str(address))
            try:
                return await proxy.connect(address, port, timeout_s=self._connect_timeout_s / 2)
            except ProxyFailed as error:
                raise DialError("proxy_failed") from error
            except ConnectRefused as error:
                refused = error
        raise DialError("connect_failed") from refused


def _addr_info(address: Address, port: int) -> AddrInfoType:
    ip = str(address)
    if address.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port, 0, 0)
