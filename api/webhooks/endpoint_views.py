"""The JSON of endpoints: request bodies and responses."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema

from api.http.answers import Links
from api.http.query import WHEN, Page, Timestamp
from api.jobs.notify import Secret
from api.labels import LabelFields, ShownMetadata, ShownTags
from tasks.clock import from_ms, maybe_from_ms
from tasks.outbound.url_policy import MAX_URL_CHARS
from tasks.queue.records.record import State
from tasks.validation import JsonInteger, JsonNumber
from tasks.webhook.custom_headers import MASK, MAX_HEADERS, NAME, VALUE, check_headers, masked_headers
from tasks.webhook.endpoint_record import EndpointRecord
from tasks.webhook.endpoints import EndpointHealth
from tasks.webhook.events import CHANNEL, CHANNEL_CHARS, PATTERN, TYPE_CHARS
from tasks.webhook.filters import MAX_FILTERS, EventFilter

EXAMPLE_ENDPOINT = "c2f1a9d04b7e4e6f9a83d5b6170c2e4d"
EXAMPLE_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwZJ0m4n7Vd3k="  # noqa: S105 - of an example
MAX_PATTERNS = 100
MAX_OVERLAP_S = 7 * 24 * 3600


def _headers(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers)
    return headers


def _none_if_zero(limit: float | None) -> float | None:
    return limit or None


def _none_if_empty(filters: list[EventFilter] | None) -> list[EventFilter] | None:
    return filters or None


Url = Annotated[
    str,
    Field(
        max_length=MAX_URL_CHARS,
        description="The URL that events are posted to: https and a public host.",
        examples=["https://example.com/webhooks"],
    ),
]
Pattern = Annotated[str, Field(pattern=PATTERN, max_length=TYPE_CHARS + 2)]
Patterns = Annotated[
    list[Pattern],
    Field(
        min_length=1,
        max_length=MAX_PATTERNS,
        description="The event types to send: exact types, `prefix.*`, or `*` for all.",
        examples=[["job.*", "order.paid"]],
    ),
]
Description = Annotated[str | None, Field(max_length=500, description="A description to show.")]
HeaderValue = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{VALUE.pattern}$"})]
"""As it is documented; `check_headers` checks it, and says in words what it must be."""
Headers = Annotated[
    dict[str, HeaderValue],
    AfterValidator(_headers),
    Field(
        description="Additional headers to send with every delivery: at most 20, 4 KiB in total. Their values are "
        f"stored encrypted and shown as `{MASK}`; in a change, `{MASK}` keeps the value that is set.",
        examples=[{"X-Team": "billing"}],
        json_schema_extra={"propertyNames": {"pattern": f"^{NAME.pattern}$"}, "maxProperties": MAX_HEADERS},
    ),
]
RateLimit = Annotated[
    Annotated[JsonNumber, Field(ge=0, le=10_000)] | None,
    AfterValidator(_none_if_zero),
    Field(description="The maximum number of deliveries per second. No limit if absent or 0."),
]
MaxInFlight = Annotated[
    JsonInteger | None,
    Field(
        ge=1,
        le=1_000,
        description="The maximum number of deliveries at once. ENDPOINT_MAX_IN_FLIGHT limits every endpoint.",
    ),
]
ORDERED = (
    "Whether deliveries are sent one at a time, in the order of their events. One that fails holds back the later ones "
    "until it succeeds, gives up or is cancelled."
)
ED25519 = (
    "Whether requests are signed with an Ed25519 key pair too (`v1a` of Standard Webhooks), beside the secret (`v1`)."
)
Channel = Annotated[
    str | None,
    Field(
        pattern=CHANNEL,
        max_length=CHANNEL_CHARS,
        description="A tenant or customer of yours: only events of this channel are sent. Without a channel all events "
        "are sent, those with a channel too.",
        examples=["customer-17"],
    ),
]
Filters = Annotated[
    Annotated[list[EventFilter], Field(max_length=MAX_FILTERS)] | None,
    AfterValidator(_none_if_empty),
    Field(
        description="Only events that pass all of these are sent.",
        examples=[[{"field": "data.status", "is": "paid"}]],
    ),
]
NewSecret = Annotated[
    Secret | None,
    Field(description="The signing secret: `whsec_` followed by the base64 of 24 to 64 bytes. Generated if absent."),
]


class EndpointRequest(LabelFields):
    """A new endpoint."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    events: Patterns
    description: Description = None
    enabled: StrictBool = Field(True, description="Whether events are sent to it.")
    headers: Headers = Field(default_factory=dict)
    rate_limit: RateLimit = None
    max_in_flight: MaxInFlight = None
    ordered: StrictBool = Field(False, description=ORDERED)
    ed25519: StrictBool = Field(False, description=ED25519)
    channel: Channel = None
    filters: Filters = None
    secret: NewSecret = None


class EndpointChange(LabelFields):
    """Changes of an endpoint. Fields that are not sent stay as they are."""

    model_config = ConfigDict(extra="forbid")

    # Factories, because OpenAPI would show any other default, as if leaving a field out set it to that value.
    url: Url = Field(default_factory=str)
    events: Patterns = Field(default_factory=list)
    description: Description = None
    enabled: StrictBool = Field(
        default_factory=bool,
        description="Whether events are sent to it. Enabling it, or changing the URL, resets its failures. Waiting "
        "deliveries keep their due time; use the recovery to start them now.",
    )
    headers: Headers = Field(default_factory=dict)
    rate_limit: RateLimit = None
    max_in_flight: MaxInFlight = None
    ordered: StrictBool = Field(default_factory=bool, description=ORDERED)
    ed25519: StrictBool = Field(default_factory=bool, description=ED25519)
    channel: Channel = None
    filters: Filters = None


class SecretRequest(BaseModel):
    """A new secret for an endpoint."""

    model_config = ConfigDict(extra="forbid")

    secret: NewSecret = None
    overlap_s: JsonInteger | None = Field(
        None,
        ge=0,
        le=MAX_OVERLAP_S,
        description="Seconds for which the old secrets stay valid too. The default is SECRET_OVERLAP_S.",
    )


class RecoveryRequest(BaseModel):
    """Which deliveries to retry."""

    model_config = ConfigDict(extra="forbid")

    since: Timestamp = Field(
        description=f"Since when deliveries failed, or events were missed. {WHEN}",
        examples=["2026-11-20T08:00:00Z"],
    )
    until: Timestamp | None = Field(
        None,
        description="Events after this time are left alone. The default is now.",
        examples=["2026-11-20T12:00:00Z"],
    )
    dry_run: StrictBool = Field(
        False, description="Only count: the result says what a recovery would find, and nothing is sent."
    )
    expect: JsonInteger | None = Field(
        None,
        ge=0,
        description="How many there may be, `found` and `missed` together. If there are more, the job fails with "
        "`more_than_expected` and sends nothing.",
    )


class Endpoint(BaseModel):
    """A URL that subscribes to events."""

    id: str = Field(description="The endpoint's id: 32 hex digits.", examples=[EXAMPLE_ENDPOINT])
    owner: str | None = Field(None, description="Whose endpoint it is. Absent in a portal.", examples=["shop"])
    url: Url
    events: list[str] = Field(description="The event types that are sent to it.")
    description: str | None = Field(None, description="A description to show.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    enabled: bool = Field(description="Whether events are sent to it.")
    headers: dict[str, str] = Field(
        description="Additional headers that are sent with every delivery. Their values are not shown.",
        examples=[{"X-Team": MASK}],
    )
    rate_limit: float | None = Field(None, description="The maximum number of deliveries per second.")
    max_in_flight: int | None = Field(None, description="The maximum number of deliveries at once.")
    ordered: bool = Field(description=ORDERED)
    ed25519: bool = Field(description=ED25519)
    public_key: str | None = Field(
        None,
        description="The public key of the newest key pair, with which receivers verify `v1a`: `whpk_` and base64.",
        examples=["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="],
    )
    channel: str | None = Field(None, description="The channel whose events are sent. All events if absent.")
    filters: list[EventFilter] | None = Field(None, description="Only events that pass all of these are sent.")
    created_at: datetime = Field(description="When it was created.")
    changed_at: datetime = Field(description="When it was last changed.")
    disabled_reason: str | None = Field(
        None,
        description="Why it is disabled: `failing` (for days), `gone` (it responded with 410), `asked` (it asked for "
        "it in a response header) or `owner`.",
    )
    disabled_at: datetime | None = Field(None, description="When it was disabled.")
    old_secrets_until: datetime | None = Field(None, description="Until when an older secret is valid too.")
    links: Links = Field(description="The URL of the endpoint.")


class NewEndpoint(Endpoint):
    """An endpoint and its signing secret."""

    secret: str = Field(description="The signing secret. It is shown only once.", examples=[EXAMPLE_SECRET])


class Health(BaseModel):
    """The health of an endpoint."""

    failures: int = Field(description="The number of failures in a row.")
    failing_since: datetime | None = Field(None, description="When the failures in a row began.")
    parked_until: datetime | None = Field(
        None, description="Until when no deliveries are sent, because too many failed."
    )
    deliveries: dict[State, int] = Field(description="The number of its deliveries in each state.")


class EndpointWithHealth(Endpoint):
    """An endpoint and its health."""

    health: Health = Field(description="The endpoint's health.")


class ListedEndpoint(Endpoint):
    """An endpoint in a list."""

    health: Health | None = Field(None, description="The endpoint's health; only with `health=true`.")


class EndpointPage(Page):
    """A page of endpoints, newest first."""

    endpoints: list[ListedEndpoint] = Field(description="The endpoints.")


class RotatedSecret(BaseModel):
    """A new signing secret."""

    secret: str = Field(description="The signing secret. It is shown only once.", examples=[EXAMPLE_SECRET])
    old_secrets_until: datetime = Field(description="Until when the older secrets are valid too.")


def path_of(endpoint_id: str) -> str:
    return f"/v1/endpoints/{endpoint_id}"


def endpoint_of(endpoint: EndpointRecord, address: str, now_ms: int) -> Endpoint:
    """The public view of an endpoint."""
    live = [one.until_ms for one in endpoint.secrets if one.until_ms is not None and one.until_ms > now_ms]
    return Endpoint(
        id=endpoint.id,
        owner=endpoint.owner,
        url=endpoint.url,
        events=list(endpoint.events),
        description=endpoint.description,
        enabled=endpoint.enabled,
        headers=masked_headers(endpoint.headers),
        rate_limit=endpoint.rate_limit,
        max_in_flight=endpoint.max_in_flight,
        ordered=endpoint.ordered,
        ed25519=endpoint.ed25519,
        public_key=endpoint.key_pairs[0].public if endpoint.ed25519 and endpoint.key_pairs else None,
        channel=endpoint.channel,
        filters=list(endpoint.filters) or None,
        created_at=from_ms(endpoint.created_at),
        changed_at=from_ms(endpoint.changed_at),
        disabled_reason=endpoint.disabled_reason,
        disabled_at=maybe_from_ms(endpoint.disabled_at),
        old_secrets_until=maybe_from_ms(max(live, default=None)),
        tags=list(endpoint.tags) or None,
        metadata=dict(endpoint.metadata) or None,
        links=Links(self=f"{address}{path_of(endpoint.id)}"),
    )


def health_of(health: EndpointHealth) -> Health:
    return Health(
        failures=health.failures,
        failing_since=maybe_from_ms(health.failing_since),
        parked_until=maybe_from_ms(health.parked_until),
        deliveries={State(state): count for state, count in health.deliveries.items()},
    )
