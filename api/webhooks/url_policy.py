"""Check the URLs that a request names, so that a bad one is refused at once."""

from tasks.outbound.resolver import Resolver
from tasks.outbound.url_policy import check_reachable, check_url, own_hosts
from tasks.settings import Settings


class Addresses:
    """Judges addresses by the settings, as the client that will speak to them does with every connection."""

    def __init__(self, settings: Settings) -> None:
        self._networks = settings.outbound_networks
        self._http = settings.outbound_http
        self._own = own_hosts(settings.public_url)
        self._resolver = Resolver(timeout_s=settings.dns_timeout_s, networks=self._networks)

    def check(self, url: str) -> None:
        """Look at its form; no name is looked up. Raises: Refusal `invalid_url`, `address_refused`."""
        check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own)

    async def look_up(self, url: str) -> None:
        """Look at its form, and at where its name leads. Raises: Refusal as `check`, and `dns_failed`."""
        checked = check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own)
        await check_reachable(checked, self._resolver)

    async def close(self) -> None:
        await self._resolver.close()
