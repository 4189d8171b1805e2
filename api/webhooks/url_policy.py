"""Check the URLs that a request names, so that a bad one is refused at once."""

from tasks.outbound.resolver import Resolver
from tasks.outbound.url_policy import check_reachable, check_url, own_hosts
from tasks.settings import Settings


class UrlPolicy:
    """Checks URLs against the settings. The outbound client checks them again with every connection."""

    def __init__(self, settings: Settings) -> None:
        self._networks = settings.outbound_networks
        self._http = settings.outbound_http
        self._own = own_hosts(settings.public_url)
        self._resolver = Resolver(timeout_s=settings.dns_timeout_s, networks=self._networks)

    def check(self, url: str) -> None:
        """Check the form of a URL, without a DNS lookup. Raises: Refusal `invalid_url`, `address_refused`."""
        check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own)

    async def check_reachable(self, url: str) -> None:
        """Check the form of a URL and the IP addresses of its host. Raises: Refusal as `check`, and `dns_failed`."""
        checked = check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own)
        await check_reachable(checked, self._resolver)

    async def close(self) -> None:
        await self._resolver.close()
