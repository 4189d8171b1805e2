"""Resolves names. A name with any blocked IP address is refused as a whole."""

import asyncio
import socket
import time
from functools import partial
from ipaddress import ip_address

import aiodns
import pycares

from tasks.outbound.networks import Address, Network, blocked_reason

TRIES = 2
RENEW_S = 10.0
"""c-ares caches answers, and those without addresses for an hour. A new resolver has an empty cache."""
CACHE_S = 10.0
MAX_CACHED = 1_000
"""Names in the cache; the oldest are dropped first."""
_FLAGS = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_NOALIASES | pycares.ARES_FLAG_EDNS


class NameNotFound(Exception):  # noqa: N818 - an outcome
    """The name has no address, or the name server did not answer in time."""


class AddressRefused(OSError):  # noqa: N818 - an outcome
    """An address is blocked. The exception does not say which."""


class Resolver:
    """Asks name servers, without threads. Opened by the first lookup, in its event loop.

    Args:
        timeout_s: seconds for a name.
        networks: allowed although they are not public.
        nameservers: `ip:port` each; the system's if they are not given.
    """

    def __init__(
        self, *, timeout_s: float, networks: tuple[Network, ...] = (), nameservers: tuple[str, ...] | None = None
    ) -> None:
        self._timeout_s = timeout_s
        self._networks = networks
        self._nameservers = nameservers
        self._resolver: aiodns.DNSResolver | None = None
        self._renewed = 0.0

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """Every address of a name. No search domain is added.

        One blocked address refuses them all: whoever controls the name could choose which of them is dialled.

        Raises:
            NameNotFound: the name has no address, or there was no answer in time.
            AddressRefused: an address is blocked.
        """
        if host.rpartition(".")[2].isdecimal():
            raise NameNotFound  # c-ares reads numbers such as 0177.0.0.1 as addresses, and not as others do
        resolver = self._asking()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await resolver.getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except (aiodns.error.DNSError, TimeoutError) as error:
            raise NameNotFound from error
        found = tuple(dict.fromkeys(ip_address(node.addr[0].decode()) for node in answer.nodes))
        if not found:
            raise NameNotFound
        if any(blocked_reason(address, self._networks) is not None for address in found):
            raise AddressRefused
        return found

    def _asking(self) -> aiodns.DNSResolver:
        """The current resolver. A replaced one closes with the last lookup that uses it."""
        now = time.monotonic()
        if self._resolver is None or now >= self._renewed + RENEW_S:
            # The second try starts after a third of the time and has the rest.
            self._resolver = aiodns.DNSResolver(
                self._nameservers, timeout=self._timeout_s / (TRIES + 1), tries=TRIES, flags=_FLAGS
            )
            self._renewed = now
        return self._resolver

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None


class CachedLookups:
    """Caches the addresses of a name for CACHE_S, and asks once for all requests that need them at the same time.

    Failures are not cached. Used in one event loop at a time.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._lookups: dict[str, tuple[float, asyncio.Task[tuple[Address, ...]]]] = {}

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """As `Resolver.addresses`."""
        until, lookup = self._lookups.get(host, (0.0, None))
        if lookup is None or time.monotonic() >= until:
            lookup = asyncio.create_task(self._resolver.addresses(host))
            lookup.add_done_callback(partial(self._done, host))
            self._lookups.pop(host, None)
            self._lookups[host] = time.monotonic() + CACHE_S, lookup
            if len(self._lookups) > MAX_CACHED:
                del self._lookups[next(iter(self._lookups))]
        return await asyncio.shield(lookup)  # a cancelled request does not cancel it for the others

    async def close(self) -> None:
        """Cancel running lookups. The resolver opens again with the next lookup."""
        tasks = [lookup for _, lookup in self._lookups.values()]
        self._lookups.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._resolver.close()

    def _done(self, host: str, lookup: asyncio.Task[tuple[Address, ...]]) -> None:
        failed = lookup.cancelled() or lookup.exception() is not None
        if failed and self._lookups.get(host, (0.0, None))[1] is lookup:
            del self._lookups[host]
