"""The client for outbound HTTP that the settings describe."""

from tasks.outbound.client import GuardedClient, OutboundTimeouts
from tasks.outbound.url_policy import own_hosts
from tasks.settings import Settings


def open_outbound(settings: Settings, *, nameservers: tuple[str, ...] | None = None) -> GuardedClient:
    """Create the client. Nothing is connected before its first request.

    Args:
        settings: The settings of the process.
        nameservers: `ip:port` each; the system's if they are not given.
    """
    timeouts = OutboundTimeouts(
        dns_s=settings.dns_timeout_s,
        connect_s=settings.connect_timeout_s,
        post_s=settings.delivery_timeout_s,
        fetch_s=settings.import_timeout_s,
    )
    return GuardedClient(
        timeouts=timeouts,
        networks=settings.outbound_networks,
        http=settings.outbound_http,
        own_hosts=own_hosts(settings.public_url),
        nameservers=nameservers,
    )
