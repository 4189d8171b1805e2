"""Check the URLs that a request names, so that a bad one is refused at once."""

from tasks.outbound.own_services import own_services
from tasks.outbound.resolver import Resolver
from tasks.outbound.url_policy import OutboundUrl, check_own_service, check_reachable, check_url, own_hosts
from tasks.settings import Settings


class UrlPolicy:
    """Checks URLs against the settings. The outbound client checks them again with every connection."""

    def __init__(self, settings: Settings) -> None:
        self._networks = settings.outbound_networks
        self._http = settings.outbound_http
        self._own = own_hosts(settings.public_url)
        self._own_services = own_services(settings)
        self._resolver = Resolver(timeout_s=settings.dns_timeout_s, networks=self._networks)

    def check(self, url: str) -> str:
        """Check the form of a URL, without a DNS lookup.

        Returns:
            The URL as it is sent: with its host in ASCII, and percent-encoded where that was necessary.

        Raises:
            Refusal: `invalid_url`, `address_refused`.
        """
        return str(self._checked(url))

    async def check_reachable(self, url: str) -> str:
        """Check the form of a URL and the IP addresses of its host. Returns and raises as `check`, and `dns_failed`."""
        checked = self._checked(url)
        await check_reachable(checked, self._resolver, self._own_services)
        return str(checked)

    async def close(self) -> None:
        await self._resolver.close()

    def _checked(self, url: str) -> OutboundUrl:
        checked = check_url(url, http_allowed=self._http, networks=self._networks, own_hosts=self._own)
        check_own_service(checked, self._own_services)
        return checked
