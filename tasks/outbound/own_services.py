"""The servers of this installation: no outbound request goes to them, wherever OUTBOUND_NETWORKS allows it to go."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from tasks.outbound.networks import Address, blocked_reason, is_loopback
from tasks.queue.redis_url import read_redis_url
from tasks.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OwnServices:
    """Redis, the storage and the web process.

    places: host and port of each.
    redis_ports: of Redis, or of its sentinels.
    """

    places: frozenset[tuple[str, int]] = frozenset()
    redis_ports: frozenset[int] = frozenset()

    def has(self, host: str, port: int) -> bool:
        """Whether one of them has this name, or this text of an IP address, and this port."""
        return (host.lower(), port) in self.places

    def has_address(self, address: Address, port: int) -> bool:
        """Whether one of them may be reached at this IP address and port. On this machine the port alone decides, and
        so it does for Redis in private networks, whose address may have any name."""
        if self.has(str(address), port) or (port in self.redis_ports and blocked_reason(address) is not None):
            return True
        return is_loopback(address) and any(port == taken for _, taken in self.places)


NO_SERVICES = OwnServices()


def own_services(settings: Settings) -> OwnServices:
    """Those that the settings name.

    Raises:
        ValueError: REDIS_URL cannot be used.
    """
    redis = read_redis_url(settings.redis_url.get_secret_value())
    named = (
        settings.storage_endpoint,
        settings.storage_public_endpoint,
        settings.public_url,
        settings.public_files_url,
    )
    urls = map(urlsplit, filter(None, named))
    places = {(url.hostname or "", url.port or DEFAULT_PORTS.get(url.scheme, 0)) for url in urls}
    everything = frozenset({*redis.hosts, *places, ("localhost", settings.port)})
    return OwnServices(everything, frozenset(port for _, port in redis.hosts))
