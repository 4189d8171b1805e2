"""Names to addresses, all of which may be spoken to, or none is given."""

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
"""c-ares keeps answers, and one without addresses for an hour, whatever the zone says; a new one has forgotten them."""
CACHE_S = 10.0
MAX_CACHED = 1_000
"""Names whose addresses are remembered; the oldest are forgotten first."""
_FLAGS = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_NOALIASES | pycares.ARES_FLAG_EDNS


class NameNotFound(Exception):  # noqa: N818 - an outcome
    """The name has no address, or nobody said so in time."""


class AddressRefused(OSError):  # noqa: N818 - an outcome
    """An address is not one that we speak to. Carries no word of which."""


class Resolver:
    """Asks name servers, without threads. Opened by the first look-up, in its event loop.

    timeout_s: seconds for a name. networks: those that may be spoken to though they are not public. nameservers:
    `address:port` each; the system's if they are not given.
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
        """Every address of a name, which is whole: no search domain is added.

        One bad address among good ones spoils them: who controls the name chooses which of them is dialled.

        Raises: NameNotFound, AddressRefused.
        """
        if host.rpartition(".")[2].isdecimal():
            raise NameNotFound  # c-ares reads an address even where others read another, as in 0177.0.0.1
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
        """The one to ask. One that has gone old closes with the last look-up that uses it."""
        now = time.monotonic()
        if self._resolver is None or now >= self._renewed + RENEW_S:
            # The second try comes after a third of the time, and has the rest.
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
    """Remembers the addresses of a name for CACHE_S, and asks once for all who want them at the same time. Failures are
    not remembered. Used in one event loop at a time."""

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
        return await asyncio.shield(lookup)  # one that gives up does not end it for the others

    async def close(self) -> None:
        """End what is under way. The resolver opens anew with the next look-up."""
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
