"""The record of an endpoint, a Redis hash, and what is encrypted in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self, TypedDict

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from redis.asyncio.client import Pipeline

from tasks.queue.redis_keys import ENDPOINT
from tasks.refusal import Refusal
from tasks.webhook.filters import EventFilter, read_filters
from tasks.webhook.secret_box import SecretBox
from tasks.webhook.signature import key_of, private_key_of

Reason = Literal["failing", "gone", "asked", "owner"]
"""Why an endpoint was disabled. `failing`: no success for days; `gone`: its response was 410; `asked`: its response had
`Webhook-Delivery: disable`; `owner`: by its owner."""


class EndpointTarget(NamedTuple):
    """Whose an endpoint is, and where its deliveries go."""

    owner: str
    url: str


class EndpointPatch(TypedDict, total=False):
    """The fields of an endpoint that its owner can set. None: unset."""

    url: str
    events: list[str]
    description: str | None
    enabled: bool
    headers: dict[str, str]
    rate_limit: float | None
    max_in_flight: int | None
    ordered: bool
    ed25519: bool
    channel: str | None
    filters: list[dict[str, Any]] | None
    tags: list[str] | None
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of an endpoint, encrypted by `SecretBox`. until_ms: the end of its use; None for the newest."""

    sealed: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 key pair of an endpoint.

    Attributes:
        sealed: The private key, encrypted by `SecretBox`.
        public: The public key as receivers get it.
        until_ms: The end of its use; None for the newest.
    """

    sealed: str
    public: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """The record of an endpoint. Times are milliseconds since 1970.

    Attributes:
        events: patterns (`tasks.webhook.events.PATTERN`).
        rate_limit: deliveries per second; None for no limit.
        max_in_flight: deliveries at once; None for the setting's value, which is also its upper limit.
        headers: names and values; those of `sealed_headers` only once they have been opened.
        sealed_headers: names, and values encrypted by `SecretBox`. Earlier versions stored them as plain text.
        secrets: newest first.
        disabled_times: when it was disabled, from and to, as far back as missed events are kept.
        ordered: its deliveries are sent one at a time, in the order of their events.
        ed25519: requests carry signatures of the key pairs too.
        key_pairs: newest first; they stay when `ed25519` is turned off.
        channel: it gets the events of this channel only; None for all events, those of channels too.
        filters: it gets the events that pass all of them.
        tags, metadata: what its owner noted on it.
    """

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    created_at: int
    changed_at: int
    enabled: bool = True
    description: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sealed_headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: float | None = None
    max_in_flight: int | None = None
    secrets: tuple[Secret, ...] = ()
    disabled_reason: str | None = None
    disabled_at: int | None = None
    disabled_times: tuple[tuple[int, int], ...] = ()
    ordered: bool = False
    ed25519: bool = False
    key_pairs: tuple[KeyPair, ...] = ()
    channel: str | None = None
    filters: tuple[EventFilter, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_hash(cls, endpoint_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """The endpoint of a non-empty Redis hash."""
        return cls.from_text(endpoint_id, {name.decode(): value.decode() for name, value in fields.items()})

    @classmethod
    def from_text(cls, endpoint_id: str, text: Mapping[str, str]) -> Self:
        """As `from_hash`, for a hash that a script returned."""
        return cls(
            id=endpoint_id,
            owner=text["owner"],
            url=text["url"],
            events=tuple(json.loads(text["events"])),
            created_at=int(text["created_at"]),
            changed_at=int(text["changed_at"]),
            enabled=text["enabled"] == "1",
            description=text.get("description"),
            headers=json.loads(text.get("headers", "{}")),
            # An earlier version has written plain ones since: a change of ours removes those.
            sealed_headers={} if "headers" in text else json.loads(text.get("sealed_headers", "{}")),
            rate_limit=float(text["rate_limit"]) if "rate_limit" in text else None,
            max_in_flight=int(text["max_in_flight"]) if "max_in_flight" in text else None,
            secrets=tuple(Secret(one["sealed"], one.get("until")) for one in json.loads(text["secrets"])),
            disabled_reason=text.get("disabled_reason"),
            disabled_at=int(text["disabled_at"]) if "disabled_at" in text else None,
            disabled_times=tuple(
                (int(since), int(until)) for since, until in json.loads(text.get("disabled_times", "[]"))
            ),
            ordered=text.get("ordered") == "1",
            ed25519=text.get("ed25519") == "1",
            key_pairs=tuple(
                KeyPair(one["sealed"], one["public"], one.get("until"))
                for one in json.loads(text.get("key_pairs", "[]"))
            ),
            channel=text.get("channel"),
            filters=read_filters(text.get("filters")),
            tags=tuple(json.loads(text.get("tags", "[]"))),
            metadata=json.loads(text.get("metadata", "{}")),
        )


def request_targets(pipe: "Pipeline[bytes]", ids: Iterable[str]) -> None:
    """Have a pipeline read where endpoints of any owners are.

    Args:
        pipe: The pipeline.
        ids: Their ids.
    """
    for endpoint_id in ids:
        pipe.hmget(ENDPOINT + endpoint_id, "owner", "url")


def targets_of(ids: Iterable[str], answers: Iterable[tuple[bytes | None, bytes]]) -> dict[str, EndpointTarget]:
    """What the pipeline has answered, by id; nothing for endpoints that were deleted.

    Args:
        ids: As of `request_targets`.
        answers: Of the pipeline.
    """
    return {
        endpoint_id: EndpointTarget(owner.decode(), url.decode())
        for endpoint_id, (owner, url) in zip(ids, answers, strict=True)
        if owner is not None
    }


def read_endpoint(endpoint_id: str, fields: Mapping[bytes, bytes]) -> EndpointRecord:
    """The endpoint of a Redis hash. Raises: Refusal `endpoint_gone` if the hash is empty."""
    if not fields:
        raise Refusal("endpoint_gone", f"Endpoint {endpoint_id!r} was deleted.")
    return EndpointRecord.from_hash(endpoint_id, fields)


def live_private_keys(endpoint: EndpointRecord, box: SecretBox, now_ms: int) -> list[Ed25519PrivateKey]:
    """The private keys that sign at this time, newest first. Raises: Refusal `secret_unreadable`."""
    if not endpoint.ed25519:
        return []
    live = (one.sealed for one in endpoint.key_pairs if one.until_ms is None or one.until_ms > now_ms)
    return [private_key_of(box.open(sealed, endpoint.id)) for sealed in live]


def live_keys(endpoint: EndpointRecord, box: SecretBox, now_ms: int) -> list[bytes]:
    """The keys of the secrets that sign at this time, newest first. Raises: Refusal `secret_unreadable`."""
    live = (one.sealed for one in endpoint.secrets if one.until_ms is None or one.until_ms > now_ms)
    return [key_of(box.open(sealed, endpoint.id)) for sealed in live]


def open_headers(endpoint: EndpointRecord, box: SecretBox) -> dict[str, str]:
    """The headers with which deliveries are sent. Raises: Refusal `secret_unreadable`."""
    opened = {name: box.open(sealed, endpoint.id) for name, sealed in endpoint.sealed_headers.items()}
    return {**endpoint.headers, **opened}


def seal_headers(fields: Mapping[str, str], endpoint_id: str, box: SecretBox) -> dict[str, str]:
    """The fields of an endpoint's hash with header values encrypted, those of earlier versions too.

    Args:
        fields: Names and values.
        endpoint_id: The endpoint.
        box: Encrypts.
    """
    sealed = dict(fields)
    if "headers" in sealed:
        headers: dict[str, str] = json.loads(sealed.pop("headers"))
        sealed["sealed_headers"] = json.dumps({name: box.seal(text, endpoint_id) for name, text in headers.items()})
    return sealed
