"""Which hosts and origins requests may name, and what links begin with.

Without API keys everything that reaches the port may use the API: the pages of all web sites too that are open in a
browser of this machine. So in the open mode the web process is reached by loopback addresses alone, under their names
(a page may let a name of its own resolve to 127.0.0.1), by no page of another origin. `api.http.json_body` also wants a
Content-Type on what it reads as JSON.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from api.http.access.forwarded import Forwarding
from api.http.access.keys import Keys
from tasks.public_files.signing import PREFIX
from tasks.refusal import Refusal
from tasks.settings import Settings

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Platforms and Prometheus ask for these by the address of the machine."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def check_public_url(settings: Settings) -> None:
    """Check that it is known what links begin with, and under which host the service answers.

    Raises:
        ValueError: There is no PUBLIC_URL, and it is not for development.
    """
    if settings.public_url is None and not settings.dev:
        raise ValueError(
            "PUBLIC_URL is empty. Set it to the URL that clients use, such as https://pressroom.example.com: links "
            "begin with it, and other hosts are refused. On your own machine, DEV=1 does without."
        )


def listen_hosts(settings: Settings, keys: Keys) -> list[str]:
    """The addresses at which the web process listens.

    Args:
        settings: The settings of the process.
        keys: Whether the API is open.

    Raises:
        ValueError: It is open, and WEB_HOSTS has other addresses than loopback ones.
    """
    hosts = settings.web_hosts.split(",")
    if not keys.open:
        return hosts
    if "web_hosts" not in settings.model_fields_set:
        return ["127.0.0.1"]
    if not all(map(_is_loopback, hosts)):
        raise ValueError(
            "API_KEYS is empty, and Redis has no key. Without keys the web process listens on 127.0.0.1 alone: create "
            "a key, or leave out WEB_HOSTS."
        )
    return hosts


class HostPolicy:
    """The hosts and origins that requests may name.

    Args:
        settings: The settings of the process.
        keys: Whether the API is open.
    """

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._keys = keys
        self._public_url = settings.public_url
        self._allowed = frozenset((*settings.allowed_hosts, *_hosts_of(settings.public_url)))
        self._checks_hosts = bool(settings.allowed_hosts) or not settings.dev
        self._forwarding = Forwarding(settings)
        self._files_hosts = frozenset(_hosts_of(settings.public_files_url)) - frozenset(_hosts_of(settings.public_url))

    def check(self, scope: Scope, headers: Headers, *, is_page: bool) -> None:
        """Check the host of a request, and in the open mode that no page of another origin has sent it.

        Args:
            scope: The request.
            headers: Its headers.
            is_page: Whether it is one that a page of another origin may send (`CorsPolicy.is_page`).

        Raises:
            Refusal: `misdirected`, `foreign_origin`.
        """
        is_public_file = scope["path"].startswith(PREFIX)
        if self.is_files_host(headers) or self._forwarding.host(scope) in self._files_hosts:
            if not is_public_file:
                raise Refusal("misdirected", "This host serves public files, under /f/, alone.", field="Host")
        elif is_public_file:
            return  # a URL of a file may be opened from any page
        elif self._keys.open:
            self._check_open(scope, headers, is_page=is_page)
        elif self._checks_hosts and scope["path"] not in PROBES and not self._is_ours(scope, headers):
            raise Refusal(
                "misdirected",
                f"This service does not answer under the host {_host_of(headers)!r}. Use the host of its PUBLIC_URL; "
                "its operator can add others to ALLOWED_HOSTS.",
                field="Host",
            )

    def is_files_host(self, headers: Headers) -> bool:
        """Whether a request has the Host of PUBLIC_FILES_URL, which is another than that of PUBLIC_URL.

        No other header counts: caches tell responses apart by the Host.
        """
        return _host_of(headers) in self._files_hosts

    def base_url(self, request: Request) -> str:
        """What links begin with: PUBLIC_URL, or in development the scheme and host of the request."""
        if self._public_url is not None:
            return self._public_url
        scope, forwarding = request.scope, self._forwarding
        return f"{forwarding.scheme(scope)}://{forwarding.host(scope) or _host_of(request.headers)}"

    def _is_ours(self, scope: Scope, headers: Headers) -> bool:
        """Whether the host is one of ours, or else that which a proxy has received."""
        return _host_of(headers) in self._allowed or self._forwarding.host(scope) in self._allowed

    def _check_open(self, scope: Scope, headers: Headers, *, is_page: bool) -> None:
        server, host = scope.get("server"), _host_of(headers)
        if server and server[1] is not None and _is_address(server[0]) and not _is_loopback(server[0]):
            raise Refusal(
                "misdirected", "Without API_KEYS, this service answers on 127.0.0.1 alone. Set API_KEYS to owner:key."
            )
        if _name_of(host) not in LOCAL_NAMES and host not in self._allowed:
            raise Refusal(
                "misdirected",
                f"Without API_KEYS, this service answers under localhost and 127.0.0.1, not under {host!r}. Set "
                "API_KEYS, or add the host to ALLOWED_HOSTS.",
                field="Host",
            )
        origin = headers.get("origin")
        if origin == "null" and headers.get("sec-fetch-site") == "same-origin":
            return  # a page of ours that says nobody where it was, such as that of a portal link
        if not is_page and origin is not None and origin.lower().partition("://")[2] not in {host, *self._allowed}:
            raise Refusal(
                "foreign_origin",
                f"A page of the origin {origin!r} has sent this request. Without API_KEYS only pages of this service "
                "may.",
                field="Origin",
            )


def _hosts_of(url: str | None) -> tuple[str, ...]:
    """How requests to a URL name its host: without the scheme's usual port, or with it."""
    if url is None:
        return ()
    parts = urlsplit(url.lower())
    host, usual = parts.netloc.rpartition("@")[2], DEFAULT_PORTS[parts.scheme]
    if parts.port in (None, usual):
        name = _name_of(host)
        return name, f"{name}:{usual}"
    return (host,)


def _host_of(headers: Headers) -> str:
    return headers.get("host", "").lower()


def _name_of(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return text == "localhost" or (_is_address(text) and ip_address(text).is_loopback)
