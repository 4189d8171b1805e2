"""What an owner says of an endpoint, and what is answered, as JSON."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.times import from_ms, maybe_from_ms
from api.jobs.views import Links
from tasks.outbound.url_policy import MAX_URL_CHARS
from tasks.queue.records.record import State
from tasks.webhook import endpoints
from tasks.webhook.custom_headers import check_headers
from tasks.webhook.events import PATTERN, TYPE_CHARS

EXAMPLE_ENDPOINT = "c2f1a9d04b7e4e6f9a83d5b6170c2e4d"
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwZJ0m4n7Vd3k="  # noqa: S105 - of an example
MAX_PATTERNS = 100
MAX_OVERLAP_S = 7 * 24 * 3600


def _headers(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers)
    return headers


def _none_if_zero(limit: float | None) -> float | None:
    return limit or None


Url = Annotated[
    str,
    Field(
        max_length=MAX_URL_CHARS,
        description="Where events are posted: https, to a public address.",
        examples=["https://example.com/webhooks"],
    ),
]
Pattern = Annotated[str, Field(pattern=PATTERN, max_length=TYPE_CHARS + 2)]
Patterns = Annotated[
    list[Pattern],
    Field(
        min_length=1,
        max_length=MAX_PATTERNS,
        description="Types of events, each exact, as `prefix.*`, or `*` for all.",
        examples=[["job.*", "order.paid"]],
    ),
]
Description = Annotated[str | None, Field(max_length=500, description="For you to recognise it by.")]
Headers = Annotated[
    dict[str, str],
    AfterValidator(_headers),
    Field(
        description="Sent with every delivery, besides ours: at most 20, 4 KiB in all.",
        examples=[{"X-Team": "billing"}],
    ),
]
RateLimit = Annotated[
    Annotated[float, Field(ge=0, le=10_000)] | None,
    AfterValidator(_none_if_zero),
    Field(description="Deliveries per second, at most; none if it is absent or 0."),
]
MaxInFlight = Annotated[
    int | None,
    Field(ge=1, le=1_000, description="Deliveries at once, at most; ENDPOINT_MAX_IN_FLIGHT is the limit of all."),
]
NewSecret = Annotated[
    str | None,
    Field(description="Yours, `whsec_` and the base64 of 24 to 64 bytes; a new one if it is absent."),
]


class EndpointRequest(BaseModel):
    """A new endpoint."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    events: Patterns
    description: Description = None
    enabled: bool = True
    headers: Headers = Field(default_factory=dict)
    rate_limit: RateLimit = None
    max_in_flight: MaxInFlight = None
    secret: NewSecret = None


class EndpointChange(BaseModel):
    """What is to change of an endpoint; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    # A factory, since the document shows any other default: as if what is left out became empty.
    url: Url = Field(default_factory=str)
    events: Patterns = Field(default_factory=list)
    description: Description = None
    enabled: bool = Field(
        default_factory=bool,
        description="Enabling, and another address, forget its failures; what waits for its next try keeps its time, "
        "unless a recovery is asked for.",
    )
    headers: Headers = Field(default_factory=dict)
    rate_limit: RateLimit = None
    max_in_flight: MaxInFlight = None


class SecretRequest(BaseModel):
    """A new secret for an endpoint."""

    model_config = ConfigDict(extra="forbid")

    secret: NewSecret = None
    overlap_s: int | None = Field(
        None,
        ge=0,
        le=MAX_OVERLAP_S,
        description="Seconds for which the old secrets sign too; SECRET_OVERLAP_S if it is absent.",
    )


class RecoveryRequest(BaseModel):
    """Which deliveries are made anew."""

    model_config = ConfigDict(extra="forbid")

    since: datetime = Field(
        description="Deliveries of events since then; a time without a zone is UTC.", examples=["2026-11-20T08:00:00Z"]
    )


class Endpoint(BaseModel):
    """A subscriber."""

    id: str = Field(examples=[EXAMPLE_ENDPOINT])
    url: Url
    events: list[str]
    description: str | None = None
    enabled: bool
    headers: dict[str, str]
    rate_limit: float | None = None
    max_in_flight: int | None = None
    created_at: datetime
    changed_at: datetime
    disabled_reason: str | None = Field(
        None,
        description="`failing` (for days), `gone` (it answered 410), `asked` (it answered so in a header), `owner`.",
    )
    disabled_at: datetime | None = None
    old_secrets_until: datetime | None = Field(None, description="Until then an older secret signs too.")
    links: Links


class NewEndpoint(Endpoint):
    """A subscriber, and the secret that signs what is sent to it."""

    secret: str = Field(description="Shown this once.", examples=[EXAMPLE_SECRET])


class Health(BaseModel):
    """How an endpoint does."""

    failures: int = Field(description="In a row, until now.")
    failing_since: datetime | None = None
    parked_until: datetime | None = Field(None, description="It failed too often, and is left alone until then.")
    deliveries: dict[State, int] = Field(description="How many are in each state.")


class EndpointWithHealth(Endpoint):
    """A subscriber, and how it does."""

    health: Health


class EndpointPage(BaseModel):
    """Some endpoints, newest first."""

    endpoints: list[Endpoint]
    next: str | None = Field(None, description="The `cursor` of the following page; absent at the end.")


class RotatedSecret(BaseModel):
    """A secret, shown this once."""

    secret: str = Field(examples=[EXAMPLE_SECRET])
    old_secrets_until: datetime = Field(description="Until then the older secrets sign too.")


def path_of(endpoint_id: str) -> str:
    return f"/v1/endpoints/{endpoint_id}"


def endpoint_of(endpoint: endpoints.Endpoint, address: str, now_ms: int) -> Endpoint:
    """The public view of an endpoint."""
    live = [one.until_ms for one in endpoint.secrets if one.until_ms is not None and one.until_ms > now_ms]
    return Endpoint(
        id=endpoint.id,
        url=endpoint.url,
        events=list(endpoint.events),
        description=endpoint.description,
        enabled=endpoint.enabled,
        headers=dict(endpoint.headers),
        rate_limit=endpoint.rate_limit,
        max_in_flight=endpoint.max_in_flight,
        created_at=from_ms(endpoint.created_at),
        changed_at=from_ms(endpoint.changed_at),
        disabled_reason=endpoint.disabled_reason,
        disabled_at=maybe_from_ms(endpoint.disabled_at),
        old_secrets_until=maybe_from_ms(max(live, default=None)),
        links=Links(self=f"{address}{path_of(endpoint.id)}"),
    )


def health_of(health: endpoints.Health) -> Health:
    return Health(
        failures=health.failures,
        failing_since=maybe_from_ms(health.failing_since),
        parked_until=maybe_from_ms(health.parked_until),
        deliveries={State(state): count for state, count in health.deliveries.items()},
    )
