"""REDIS_URL: the forms that Pressroom reads, and what is wrong with one that it cannot use."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

FORMS: Final = (
    "redis://host:port/0, rediss://… (TLS), unix://path or redis+sentinel://host:port,host:port/master_name/0 "
    "(rediss+sentinel://… with TLS)"
)
PORT, SENTINEL_PORT = 6379, 26379
OPTIONS: Final[dict[str, Callable[[str], Any]]] = {
    "db": int,
    "username": str,
    "password": str,
    "client_name": str,
    "sentinel_username": str,
    "sentinel_password": str,
    "ssl_keyfile": str,
    "ssl_certfile": str,
    "ssl_cert_reqs": lambda value: _one_of(value.removeprefix("CERT_").lower(), "none", "optional", "required"),
    "ssl_ca_certs": str,
    "ssl_ca_data": str,
    "ssl_check_hostname": lambda value: _one_of(value.lower(), "true", "false", "1", "0") in {"true", "1"},
    "ssl_min_version": lambda value: ssl.TLSVersion[value.replace(".", "_")],
    "ssl_ciphers": str,
}
"""What a URL's query may say, as redis-py names it, and how it is read."""


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A Redis URL, taken apart.

    hosts: of Redis, or of the sentinels; none for a socket.
    master: the name under which the sentinels know the primary; None without sentinels.
    path: a Unix socket.
    options: what redis-py takes for a connection; those of TLS only with `tls`.
    sentinel_options: user and password of the sentinels.
    """

    tls: bool
    hosts: tuple[tuple[str, int], ...]
    master: str | None
    path: str | None
    options: dict[str, Any]
    sentinel_options: dict[str, Any]


def read_redis_url(url: str, *, ssl_cert_reqs: str = "required", ca: str | None = None) -> RedisUrl:
    """Take a URL apart.

    Args:
        url: The URL; special characters of its user and password are percent-encoded.
        ssl_cert_reqs: How certificates are checked if the URL does not say so: `required` or `none`.
        ca: Certificates of the authority that is trusted besides the system's, as PEM text; the URL may name another.

    Raises:
        ValueError: The URL cannot be used. The message is one line that says what to write, and repeats no password.
    """
    parts, scheme, kind = _parts(url)
    options = _options(parts.query, tls=scheme == "rediss", sentinels=bool(kind))
    sentinel_options = {
        name.removeprefix("sentinel_"): options.pop(name) for name in list(options) if name.startswith("sentinel_")
    }
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    options |= {name: unquote(value) for name, value in (("username", username), ("password", password)) if value}
    if scheme == "unix":
        return RedisUrl(False, (), None, unquote(parts.path), options, {})
    master, path = None, parts.path
    if kind:
        master, _, database = parts.path.removeprefix("/").partition("/")
        path = f"/{database}"
        if not master:
            raise ValueError(_with_form("the name of the primary is missing after the sentinels"))
    if path not in {"", "/"}:
        if not re.fullmatch(r"/\d{1,5}/?", path):
            raise ValueError(_with_form("what stands after the host is the number of a database, such as /0"))
        options.setdefault("db", int(path.strip("/")))
    if scheme == "rediss":
        options.setdefault("ssl_cert_reqs", ssl_cert_reqs)
        options.setdefault("ssl_check_hostname", options["ssl_cert_reqs"] == "required")
        if options["ssl_cert_reqs"] == "none" and options["ssl_check_hostname"]:
            raise ValueError("REDIS_URL: ssl_check_hostname needs certificates that are checked; leave one of both out")
        if ca is not None and not {"ssl_ca_certs", "ssl_ca_data"} & options.keys():
            options["ssl_ca_data"] = ca
    if ca is not None and options.get("ssl_cert_reqs") in {None, "none"}:
        raise ValueError(
            "REDIS_CA: the certificate of Redis is not checked, so it has no effect; write rediss:// in REDIS_URL, and "
            "remove REDIS_SSL_CERT_REQS=none"
        )
    named = hosts.split(",") if kind else [hosts]
    return RedisUrl(
        scheme == "rediss",
        tuple(_host(one, SENTINEL_PORT if kind else PORT) for one in named),
        master and unquote(master),
        None,
        options,
        sentinel_options,
    )


def _parts(url: str) -> tuple[SplitResult, str, str]:
    """The URL, its scheme, and `sentinel` if it names sentinels."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_with_form("it is not a URL")) from None
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in {"redis", "rediss", "unix"} or kind not in {"", "sentinel"} or (scheme == "unix" and kind):
        raise ValueError(f"REDIS_URL: write {FORMS}")
    if "@" in parts.path or parts.fragment or (scheme != "unix" and "@" in parts.query):
        raise ValueError(
            "REDIS_URL: percent-encode the special characters of its user and password: "
            "@ is %40, / is %2F, # is %23, ? is %3F, % is %25"
        )
    return parts, scheme, kind


def _with_form(fault: str) -> str:
    return f"REDIS_URL: {fault}; write {FORMS}"


def _one_of(value: str, *known: str) -> str:
    if value not in known:
        raise ValueError(f"one of {', '.join(known)}")
    return value


def _host(text: str, port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        return unquote(parts.hostname or "localhost"), parts.port or port
    except ValueError:
        raise ValueError(_with_form("host or port cannot be read")) from None


def _options(query: str, *, tls: bool, sentinels: bool) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in parse_qsl(query):
        if name not in OPTIONS:
            raise ValueError(f"REDIS_URL: its option {name[:40]!r} is not known; it may have {', '.join(OPTIONS)}")
        if name.startswith("ssl_") and not tls:
            raise ValueError(f"REDIS_URL: its option {name!r} is for TLS; write rediss:// if the server has it")
        if name.startswith("sentinel_") and not sentinels:
            raise ValueError(f"REDIS_URL: its option {name!r} is for redis+sentinel://")
        try:
            read[name] = OPTIONS[name](value)
        except (ValueError, KeyError) as error:
            hint = f": {error}" if str(error).startswith("one of") else ""
            raise ValueError(f"REDIS_URL: the value of its option {name!r} cannot be used{hint}") from None
    return read
