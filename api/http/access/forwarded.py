"""Whose address a request has, and by which scheme it came, where proxies stand before the service.

Each proxy of a chain adds one entry to X-Forwarded-For: the address that is connected to it. What stands left of
the entry that the first of our proxies (FORWARDED_HOPS) has added was written by the client, who may write what he
likes. RFC 7239's `Forwarded` is not read: no proxy sets both, so a client could write the other.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from tasks.settings import Settings

IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that name a connection: who has one may use all addresses that begin with them."""
PARSED_AT_MOST: Final = 64
"""Characters of an entry that may be an address."""


class Forwarding:
    """What is believed of the headers of proxies: settings FORWARDED_HOPS, FORWARDED_HOST and TRUSTED_PROXIES.

    Args:
        settings: The settings of the process.
    """

    def __init__(self, settings: Settings) -> None:
        self._hops = settings.proxy_hops
        self._reads_host = settings.forwarded_host
        self._proxies = settings.proxy_networks
        self._is_proxy = lru_cache(1_000)(self._is_proxy_address)

    def client_address(self, scope: Scope) -> str | None:
        """The IP address of the client, in its usual form; None if there is none, as at a socket of this machine."""
        entry = self._entry(scope, "x-forwarded-for")
        if entry is not None and (told := _address_of(_without_port(entry))) is not None:
            return str(told)
        peer = _address_of(_peer_of(scope) or "")
        return None if peer is None else str(peer)

    def scheme(self, scope: Scope) -> str:
        """`http` or `https`: how the client has sent the request."""
        entry = (self._entry(scope, "x-forwarded-proto") or "").lower()
        scheme: str = entry if entry in {"http", "https"} else scope["scheme"]
        return scheme

    def host(self, scope: Scope) -> str | None:
        """The host that a proxy has received, if it writes so; None without one, and without FORWARDED_HOST: many
        routers pass on what the client has written."""
        entry = self._entry(scope, "x-forwarded-host") if self._reads_host else None
        return entry.lower() if entry else None

    def _entry(self, scope: Scope, name: str) -> str | None:
        """What the first of our proxies has written into a header; a proxy that replaces a header writes one entry."""
        if not self._hops:
            return None
        values = Headers(scope=scope).getlist(name)
        peer = _peer_of(scope)
        if not values or (peer is not None and not self._is_proxy(peer)):
            return None
        entries = ",".join(values).rsplit(",", self._hops)
        return entries[-min(self._hops, len(entries))].strip()

    def _is_proxy_address(self, peer: str) -> bool:
        address = _address_of(peer)
        return address is not None and any(address in network for network in self._proxies)


def client_address(scope: Scope) -> str | None:
    """The IP address of the client of a request; see `Forwarding.client_address`."""
    forwarding: Forwarding = scope["state"]["context"].forwarding
    return forwarding.client_address(scope)


def network_of(address: str) -> str:
    """What one client has at least: an IPv4 address, or the /64 network of an IPv6 address."""
    return str(ip_network((address, IPV6_PREFIX), strict=False)) if ":" in address else address


def _peer_of(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _without_port(entry: str) -> str:
    """An address of `address`, `address:port`, `[address]` or `[address]:port`."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _address_of(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > PARSED_AT_MOST or "%" in text:  # a zone has no limit of its own
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
