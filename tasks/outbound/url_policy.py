"""Checks of a URL that need no DNS lookup: its form, scheme, host, port, and a literal IP address.

A URL is parsed here and nowhere else: what was checked is what is dialled and sent.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from string import printable
from unicodedata import category, normalize
from urllib.parse import quote, urlsplit

import idna

from tasks.outbound.networks import Address, Network, blocked_reason
from tasks.outbound.own_services import NO_SERVICES, OwnServices
from tasks.outbound.resolver import AddressRefused, NameNotFound, Resolver
from tasks.refusal import Refusal

MAX_URL_CHARS = 2_000
"""Of a URL as it is sent, so after what is not ASCII has been percent-encoded."""
STANDARD_PORTS = {"http": 80, "https": 443}
BLOCKED_PORTS = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104),
        *(109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526),
        *(530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659),
        *(4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
"""The bad ports of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking): their services can be made to act
by what a request contains."""
LOCAL_ENDINGS = ("internal", "local", "localhost", "home.arpa")

_FORM = re.compile(r"(https?)://([^/?]*)(.*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What separates labels, in scripts that have no full stop too (RFC 3490 section 3.1)."""
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Unicode's categories of control characters, half characters and spaces."""
MAX_NAME_CHARS = 253


@dataclass(frozen=True, slots=True)
class OutboundUrl:
    """A URL that was checked.

    Attributes:
        scheme: `http` or `https`.
        host: to be resolved, dialled and found in the certificate: an IP address, or a name in ASCII and lower case
            without a dot at its end.
        port: of the host.
        authority: host and port as the `Host` header has them.
        target: path and query in ASCII, as they were given; where that was not possible, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=4096)
def check_url(
    url: str, *, http_allowed: bool, networks: tuple[Network, ...] = (), own_hosts: tuple[str, ...] = ()
) -> OutboundUrl:
    """Check a URL without a DNS lookup.

    Args:
        url: As a user has written it, or as `str()` of what this function returned for it.
        http_allowed: whether `http://` is allowed.
        networks: allowed although they are not public; with any, names of the local network are allowed too.
        own_hosts: of this service, see `own_hosts`.

    Returns:
        The URL that is dialled and sent.

    Raises:
        Refusal: `invalid_url` or `address_refused`, on the field `url`.
    """
    form = _FORM.fullmatch(url)
    _check_text(url, form[2] if form else "")
    if form is None:
        raise _invalid("The URL must begin with https:// and a host.")
    if form[1].lower() == "http" and not http_allowed:
        raise _invalid(
            "The URL must begin with https://. The operator of this service can allow http:// with OUTBOUND_HTTP."
        )
    scheme = form[1].lower()
    place = _HOST.fullmatch(form[2])
    if place is None:
        raise _invalid("The URL must have a host, and its port, if any, must be a number.")
    port = int(place[2] or STANDARD_PORTS[scheme])
    if port in BLOCKED_PORTS or port > 65535:
        raise _invalid(f"The URL's port {port} belongs to a service that is no web server. Use another port.")
    shown = _ascii_host(place[1])
    host = shown.strip("[]").removesuffix(".")
    literal = _literal(host)
    if (literal is not None and literal.version == 6) != shown.startswith("["):
        raise _invalid("The URL's host must be an IPv6 address if it is in brackets.")
    if literal is None:
        _check_name(host, local=bool(networks), own=own_hosts)
    elif blocked_reason(literal, networks) is not None:
        raise _address_refused()
    authority = shown if port == STANDARD_PORTS[scheme] else f"{shown}:{port}"
    checked = OutboundUrl(scheme, host, port, authority, _encoded(form[3]))
    if len(str(checked)) > MAX_URL_CHARS:
        raise _too_long()
    return checked


def own_hosts(public_url: str | None) -> tuple[str, ...]:
    """The hosts of this service, to which no request is sent. A literal IP address has its own check."""
    host = (urlsplit(public_url or "").hostname or "").removesuffix(".")
    if "." not in host or _literal(host) is not None:
        return ()
    try:
        return (_ascii_host(host),)
    except Refusal:  # nobody can send a request to it then
        return ()


def check_own_service(url: OutboundUrl, own: OwnServices) -> None:
    """Refuse a URL of a server of this installation, without a DNS lookup.

    Raises:
        Refusal: `invalid_url`, on the field `url`.
    """
    literal = _literal(url.host)
    if own.has(url.host, url.port) if literal is None else own.has_address(literal, url.port):
        raise _own_service()


async def check_reachable(url: OutboundUrl, resolver: Resolver, own: OwnServices = NO_SERVICES) -> None:
    """Resolve the host of a URL, so that a user learns at once that it cannot be reached.

    The client checks again with every connection, and may refuse a host that is allowed now.

    Raises:
        Refusal: `address_refused`, `invalid_url` or `dns_failed`, on the field `url`.
    """
    if _literal(url.host) is not None:
        return
    try:
        addresses = await resolver.addresses(url.host)
        if any(own.has_address(address, url.port) for address in addresses):
            raise _own_service()
    except AddressRefused as error:
        raise _address_refused() from error
    except NameNotFound as error:
        message = "The host of the URL could not be resolved. Check its spelling and that it is in the DNS."
        raise Refusal("dns_failed", message, field="url") from error


def _check_text(url: str, authority: str) -> None:
    """Refuse what URL parsers read in different ways, and what a request line cannot carry."""
    if len(url) > MAX_URL_CHARS:
        raise _too_long()
    if "\\" in url or any(category(character) in _UNSEEN for character in url):
        raise _invalid("The URL must not contain spaces, control characters or backslashes. Percent-encode them.")
    if "#" in url:
        raise _invalid("The URL must not have a fragment (#…). Leave it out.")
    if "@" in authority:
        raise _invalid("The URL must not contain a user or password. Put a key into a header or into the path.")
    if "%" in authority:
        raise _invalid("The URL's host must not be percent-encoded or have a zone.")


def _encoded(rest: str) -> str:
    """Path and query as they are sent: all that a request line can carry stays as it is, dot segments too."""
    target = quote(_BARE_PERCENT.sub("%25", rest), safe=printable)
    return target if target.startswith("/") else f"/{target}"


def _ascii_host(host: str) -> str:
    """The host in ASCII and lower case. Raises: Refusal for a label that IDNA 2008 (RFC 5891) does not allow."""
    labels = _DOTS.split(normalize("NFC", host.lower()))
    try:
        return ".".join(
            label if label.isascii() and not label.startswith("xn--") else idna.alabel(label).decode()
            for label in labels
        )
    except (UnicodeError, OverflowError) as error:  # Python 3.13 overflows at a label such as xn--99999999a
        raise _invalid("The URL's host is not a valid domain name by IDNA 2008. Check its spelling.") from error


def _check_name(host: str, *, local: bool, own: Collection[str]) -> None:
    labels = host.split(".")
    if len(host) > MAX_NAME_CHARS or not all(map(_LABEL.fullmatch, labels)):
        raise _invalid("The URL's host is not a valid DNS name.")
    if _NUMERIC.fullmatch(labels[-1]):
        raise _invalid("The URL's host must be a DNS name, or an IPv4 address of four numbers from 0 to 255.")
    if host in own:
        raise _own_service()
    if not local and (len(labels) == 1 or host.endswith(tuple(f".{ending}" for ending in LOCAL_ENDINGS))):
        raise _invalid(
            "The URL's host is a name of a local network. Use a public DNS name. The operator of this service can "
            "allow local networks with OUTBOUND_NETWORKS."
        )


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _too_long() -> Refusal:
    message = f"The URL is longer than the limit of {MAX_URL_CHARS} characters, counted as it is sent."
    return Refusal("invalid_url", message, field="url", limit=MAX_URL_CHARS)


def _invalid(message: str) -> Refusal:
    return Refusal("invalid_url", message, field="url")


def _own_service() -> Refusal:
    return _invalid("The URL points to this service itself. Use a host of your own.")


def _address_refused() -> Refusal:
    # The same message for every address, so that it tells nothing about our network.
    return Refusal(
        "address_refused",
        "The URL's host resolves to an IP address that is not public. The operator of this service can allow "
        "networks with OUTBOUND_NETWORKS; each address of the host has to be in one of them.",
        field="url",
    )
