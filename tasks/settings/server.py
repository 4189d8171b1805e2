"""Settings of the HTTP server: where it listens, and what a client may take from it."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

Network = IPv4Network | IPv6Network

LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PRIVATE: Final = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""Where routers are."""
HOST: Final = re.compile(r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")


def base_url_of(variable: str, value: str | None) -> str | None:
    """A base URL without a slash at its end; None if it is blank. Raises: ValueError."""
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"write {variable} as https://host or https://host/path")
    return value.rstrip("/")


class ServerSettings(BaseModel):
    """Where `python -m api` listens, and the limits of a connection."""

    # The HTTP server
    web_hosts: str = Field(
        "0.0.0.0,::",
        description="`address,address`: where the web process listens. The default is every address of IPv4 and IPv6; without API_KEYS it is 127.0.0.1 alone.",
    )
    port: int = Field(8000, ge=1, le=65_535, description="The port of the web process.")
    web_concurrency: int = Field(1, ge=1, description="Processes that answer HTTP on the port.")
    http_max_connections: int = Field(
        2_000,
        gt=0,
        description="Connections of clients to one web process. At the limit, the one that has been without a request for longest is closed for a new one; if all are busy, the answer is 503.",
    )
    http_max_header_bytes: int = Field(
        32 * 1024, ge=1024, description="Bytes of a request's line and header fields together; more is answered 431."
    )
    http_max_header_fields: int = Field(100, ge=10, description="Header fields of one request; more are answered 431.")
    http_header_timeout_s: float = Field(
        10,
        gt=0,
        description="Seconds in which the head of a request must arrive; then 408, or the connection is closed.",
    )
    http_body_min_bytes_per_s: int = Field(
        1024,
        gt=0,
        description="Bytes per second with which a body must arrive. Time in which the server does not read does not count.",
    )
    http_body_grace_s: float = Field(
        20,
        gt=0,
        description="Seconds for which a body may come slower than that, or not at all, before it is answered 408.",
    )
    http_send_timeout_s: float = Field(
        60, gt=0, description="Seconds in which a client must take some of its answer; then the connection is closed."
    )
    http_keep_alive_s: float = Field(
        95,
        gt=0,
        description="Seconds for which a connection may be idle. Longer than the router's 90, or it would send requests to connections that close.",
    )

    # Its public address
    public_url: str | None = Field(
        None,
        description="The public base URL of this service, such as `https://pressroom.example.com`: links in answers and webhooks begin with it, and requests that name another host are answered 421. The web process needs it, except for development (DEV).",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`host,host:port`: hosts that requests may name besides that of PUBLIC_URL, such as a name inside your network. `/livez`, `/readyz` and `/metrics` answer under every host.",
    )
    forwarded_hops: int | None = Field(
        None,
        ge=0,
        le=10,
        description="Proxies of yours that a request passes one after the other. The client's address is the entry of X-Forwarded-For that the first of them has added, counted from the right; 0 reads no X-Forwarded-… header. Without it 1 where DYNO or TRUSTED_PROXIES is set, else 0.",
    )
    forwarded_host: bool = Field(
        False,
        description="Whether the host of a request is read from X-Forwarded-Host too, as FORWARDED_HOPS reads the others. Only for proxies that pass on another Host: each of them must set or remove the header, for many routers pass on what the client has written.",
    )
    trusted_proxies: Annotated[tuple[Network, ...] | None, NoDecode] = Field(
        None,
        description="`network,network`: from whose connections X-Forwarded-… headers are read, if FORWARDED_HOPS is not 0. Without it those of this machine and of private networks.",
    )

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        return base_url_of("PUBLIC_URL", value)

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        hosts = tuple(filter(None, (part.strip().lower() for part in value.split(","))))
        if not all(map(HOST.fullmatch, hosts)):
            raise ValueError("write ALLOWED_HOSTS as host,host:port, each as clients send it in the header Host")
        return hosts

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("write TRUSTED_PROXIES as network,network, each like 10.0.0.0/8 or 10.1.2.3") from None
