"""The client for outbound HTTP that the settings describe."""

from tasks.outbound.client import GuardedClient, OutboundTimeouts
from tasks.outbound.dialer import OutboundRoute
from tasks.outbound.own_services import own_services
from tasks.outbound.proxy import EgressProxy
from tasks.outbound.url_policy import own_hosts
from tasks.settings import Settings


def open_outbound(settings: Settings, *, nameservers: tuple[str, ...] | None = None) -> GuardedClient:
    """Create the client. Nothing is connected before its first request.

    Args:
        settings: The settings of the process.
        nameservers: `ip:port` each; the system's if they are not given.

    Raises:
        ValueError: OUTBOUND_CA_FILE or OUTBOUND_PROXY cannot work; the message says why.
    """
    timeouts = OutboundTimeouts(
        dns_s=settings.dns_timeout_s,
        connect_s=settings.connect_timeout_s,
        post_s=settings.delivery_timeout_s,
        fetch_s=settings.import_timeout_s,
    )
    url = settings.outbound_proxy
    route = OutboundRoute(
        proxy=EgressProxy.parse(url.get_secret_value()) if url is not None else None,
        ca_file=settings.outbound_ca_file,
        rsa_key_exchange=settings.outbound_rsa_key_exchange,
    )
    if route.ca_file is not None:
        route.tls()
    return GuardedClient(
        timeouts=timeouts,
        networks=settings.outbound_networks,
        http=settings.outbound_http,
        own_hosts=own_hosts(settings.public_url),
        own=own_services(settings),
        nameservers=nameservers,
        route=route,
    )
