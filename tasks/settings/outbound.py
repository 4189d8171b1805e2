"""Settings of webhooks and of other outgoing requests."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from tasks.settings.units import DAY_S, KiB

SECRET_KEY_CHARS = 32
"""Fewest characters of a SECRET_KEY."""


class OutboundSettings(BaseModel):
    """Webhooks, and what else the service requests from other servers."""

    # Webhooks and other outgoing requests
    secret_key: SecretStr | None = Field(
        None,
        description="Encrypts the secrets of endpoints in Redis; 32 random characters or more. `new,old` while it is being changed.",
    )
    outbound_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (),
        description="Networks that requests may go to although they are not public, such as `127.0.0.0/8,::1/128` for development. Metadata addresses are always refused.",
    )
    outbound_http: bool = Field(False, description="Whether requests may go to URLs without TLS (`http://`).")
    outbound_proxy: SecretStr | None = Field(
        None,
        description="HTTP proxy through which webhooks and fetched pictures leave: `http://host:port`, or `http://user:password@host:port`. It is asked by CONNECT for IP addresses that were checked. Proxies that other variables name are not used.",
    )
    outbound_ca_file: str | None = Field(
        None,
        description="PEM file of certificate authorities that are trusted besides the system's and certifi's.",
    )
    outbound_rsa_key_exchange: bool = Field(
        False,
        description="Whether AES-GCM suites of TLS 1.2 without forward secrecy are allowed, which some old receivers need.",
    )
    dns_timeout_s: float = Field(3, gt=0, description="Seconds that resolving a host name may take.")
    connect_timeout_s: float = Field(5, gt=0, description="Seconds that a connection may take, TLS included.")
    delivery_timeout_s: float = Field(
        15, gt=0, le=60, description="Seconds from the first step of a delivery to the last byte of its answer."
    )
    import_timeout_s: float = Field(
        60,
        gt=0,
        le=240,
        description="Seconds from the first step of fetching a picture by its URL to its last byte.",
    )
    max_event_bytes: int = Field(256 * 1024, gt=0, description="Bytes of one event as JSON.")
    keep_exchange_bytes: int = Field(
        4096,
        ge=0,
        le=32 * KiB,
        description="Bytes of the request's and of the answer's body that are kept in the storage of an attempt at a delivery that failed, with the headers of both; 0 keeps nothing of either.",
    )
    max_endpoints: int = Field(10_000, gt=0, description="Endpoints of one owner.")
    endpoint_max_in_flight: int = Field(
        10, ge=1, description="Deliveries to one endpoint at once, of all workers; an endpoint may ask for fewer."
    )
    owner_max_deliveries: int = Field(
        200,
        ge=0,
        description="Deliveries of one owner at once, of all workers; 0 is no cap. Half of them are kept for endpoints that answered the last time. WEBHOOKS_CONCURRENCY is a worker's.",
    )
    breaker_failures: int = Field(5, ge=1, description="Failures in a row after which deliveries to an endpoint pause.")
    breaker_pause_s: float = Field(
        30,
        gt=0,
        description="Seconds for which deliveries to a failing endpoint pause; doubled with every failed probe, and up to a fifth shorter at random.",
    )
    breaker_max_pause_s: float = Field(600, gt=0, description="Longest such pause in seconds.")
    disable_after_s: int = Field(
        5 * DAY_S, gt=0, description="Seconds of failures without a success after which an endpoint is disabled."
    )
    secret_overlap_s: int = Field(
        1 * DAY_S, ge=0, le=7 * DAY_S, description="Seconds for which an old secret still signs beside the new one."
    )

    @field_validator("outbound_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            raise ValueError("write OUTBOUND_NETWORKS as network,network, each like 127.0.0.0/8") from None

    @field_validator("outbound_ca_file", "outbound_proxy", mode="before")
    @classmethod
    def _none_if_blank(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().strip():
            return None  # as in a copied .env whose value was left blank
        if value is not None and any(
            len(part.strip()) < SECRET_KEY_CHARS for part in value.get_secret_value().split(",")
        ):
            raise ValueError(f"a SECRET_KEY has at least {SECRET_KEY_CHARS} characters; openssl rand -hex 32 makes one")
        return value
