"""Checks of a URL that need no DNS lookup: its form, scheme, host, port, and a literal IP address."""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address
from string import printable
from urllib.parse import quote

import httpx

from tasks.outbound.networks import Address, Network, blocked_reason
from tasks.outbound.resolver import AddressRefused, NameNotFound, Resolver
from tasks.refusal import Refusal

MAX_URL_CHARS = 2_000
MIN_PORT = 1024
STANDARD_PORTS = {"http": 80, "https": 443}
SERVICE_PORTS = frozenset(
    {
        1433,  # SQL Server
        1521,  # Oracle
        1883,  # MQTT
        2049,  # NFS
        2181,  # ZooKeeper
        2375,  # Docker
        2376,
        2379,  # etcd
        2380,
        3306,  # MySQL
        3389,  # Remote Desktop
        4369,  # Erlang's port mapper
        5432,  # PostgreSQL
        5672,  # AMQP
        5900,  # VNC
        5984,  # CouchDB
        5985,  # Windows Remote Management
        5986,
        6000,  # X11
        6379,  # Redis
        6380,
        6443,  # Kubernetes
        8086,  # InfluxDB
        8500,  # Consul
        9042,  # Cassandra
        9092,  # Kafka
        9200,  # Elasticsearch
        9300,
        10250,  # kubelet
        10255,
        11211,  # memcached
        15672,  # RabbitMQ
        26257,  # CockroachDB
        26379,  # Redis Sentinel
        27017,  # MongoDB
        27018,
        27019,
    }
)
"""Ports of services that are no web servers and often trust every client that reaches them."""
LOCAL_ENDINGS = ("internal", "local", "localhost", "home.arpa")

_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://([^/?]*)", re.IGNORECASE)
_PORT = re.compile(r":[0-9]+$")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
MAX_NAME_CHARS = 253


def check_url(
    url: str, *, http_allowed: bool, networks: tuple[Network, ...] = (), own_hosts: tuple[str, ...] = ()
) -> httpx.URL:
    """Check a URL without a DNS lookup.

    Args:
        http_allowed: whether `http://` is allowed.
        networks: allowed although they are not public; with any, names of the local network are allowed too.
        own_hosts: of this service, see `own_hosts`.

    Returns:
        The URL with the scheme, host and port that the client dials.

    Raises:
        Refusal: `invalid_url` or `address_refused`, on the field `url`.
    """
    return _checked(url, http_allowed, networks, own_hosts)


@lru_cache(maxsize=4096)
def request_target(url: str) -> bytes:
    """The path and query of a URL that `check_url` accepts, byte for byte; what is not ASCII is percent-encoded."""
    match = _AUTHORITY.match(url)
    if match is None:
        raise _invalid("The URL must begin with https:// and a host.")
    target = url[match.end() :]
    return quote(target if target.startswith("/") else f"/{target}", safe=printable).encode()


def own_hosts(public_url: str | None) -> tuple[str, ...]:
    """The hosts of this service, to which no request is sent. A literal IP address has its own check."""
    host = "" if public_url is None else httpx.URL(public_url).raw_host.decode()
    return (host,) if "." in host and _literal(host) is None else ()


async def check_reachable(url: httpx.URL, resolver: Resolver) -> None:
    """Resolve the host of a URL, so that a user learns at once that it cannot be reached.

    The client checks again with every connection, and may refuse a host that is allowed now.

    Raises:
        Refusal: `address_refused` or `dns_failed`, on the field `url`.
    """
    host = url.raw_host.decode()
    if _literal(host) is not None:
        return
    try:
        await resolver.addresses(host)
    except AddressRefused as error:
        raise _address_refused() from error
    except NameNotFound as error:
        message = "The host of the URL could not be resolved. Check its spelling and that it is in the DNS."
        raise Refusal("dns_failed", message, field="url") from error


@lru_cache(maxsize=4096)
def _checked(url: str, http_allowed: bool, networks: tuple[Network, ...], own: tuple[str, ...]) -> httpx.URL:
    _check_text(url)
    try:
        parsed = httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise _invalid("The URL is not valid. Write it as https://host/path.") from error
    if parsed.scheme not in STANDARD_PORTS or (parsed.scheme == "http" and not http_allowed):
        raise _invalid("The URL must begin with https://.")
    host = parsed.raw_host.decode("ascii")
    literal = _literal(host)
    port = STANDARD_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    _check_port(port)
    if literal is None:
        _check_name(host, local=bool(networks), own=own)
    elif blocked_reason(literal, networks) is not None:
        raise _address_refused()
    return parsed


def _check_text(url: str) -> None:
    """Refuse what URL parsers read in different ways, before one of them sees it."""
    if len(url) > MAX_URL_CHARS:
        raise Refusal(
            "invalid_url",
            f"The URL is longer than the limit of {MAX_URL_CHARS} characters.",
            field="url",
            limit=MAX_URL_CHARS,
        )
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise _invalid("The URL must not contain spaces, control characters or backslashes. Percent-encode them.")
    if "#" in url:
        raise _invalid("The URL must not have a fragment (#…). Leave it out.")
    match = _AUTHORITY.match(url)
    if match is None:
        raise _invalid("The URL must begin with https:// and a host.")
    authority = match[1]
    if "@" in authority:
        raise _invalid("The URL must not contain a user or password. Put a key into a header or into the path.")
    if "%" in authority:
        raise _invalid("The URL's host must not be percent-encoded or have a zone.")
    if not _PORT.sub("", authority):
        raise _invalid("The URL must have a host.")
    if ":" in authority.rpartition("]")[2] and not _PORT.search(authority):
        raise _invalid("The URL's port must be a number.")


def _check_port(port: int) -> None:
    if port in STANDARD_PORTS.values() or (MIN_PORT <= port <= 65535 and port not in SERVICE_PORTS):
        return
    raise _invalid("The URL's port must be 443, or a port from 1024 up that no database or similar service uses.")


def _check_name(host: str, *, local: bool, own: Collection[str]) -> None:
    labels = host.split(".")
    if len(host) > MAX_NAME_CHARS or not all(map(_LABEL.fullmatch, labels)):
        raise _invalid("The URL's host is not a valid DNS name.")
    if _NUMERIC.fullmatch(labels[-1]):
        raise _invalid("The URL's host must be a DNS name, or an IPv4 address of four numbers from 0 to 255.")
    if host in own:
        raise _invalid("The URL points to this service itself. Use a host of your own.")
    if not local and (len(labels) == 1 or host.endswith(tuple(f".{ending}" for ending in LOCAL_ENDINGS))):
        raise _invalid("The URL's host is a name of a local network. Use a public DNS name.")


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _invalid(message: str) -> Refusal:
    return Refusal("invalid_url", message, field="url")


def _address_refused() -> Refusal:
    # The same message for every address, so that it tells nothing about our network.
    return Refusal(
        "address_refused",
        "The URL's host resolves to an IP address that is not public. Its operator can allow networks with "
        "OUTBOUND_NETWORKS.",
        field="url",
    )
