"""Events: their types, the patterns that endpoints subscribe to, and the request body of a delivery.

An event is the record of its `event` job: type and data are the job's params, and the job's id is the `webhook-id`. The
body depends on these alone, so it is the same for every endpoint and every attempt.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from tasks.clock import rfc3339
from tasks.kind import variant_of
from tasks.picture_result.view import shown_result
from tasks.public_files.urls import NO_PUBLIC_FILES, PublicFiles

RETRY_DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before the second and each further attempt at a delivery."""
RETRY_JITTER: Final = 0.1
"""Random share that is added to each delay, at most."""
TYPE: Final = r"^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$"
PATTERN: Final = r"^(\*|[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*(\.\*)?)$"
"""What an endpoint may subscribe to: a type, `prefix.*`, or `*`."""
TYPE_CHARS: Final = 100
OURS: Final = ("job", "endpoint", "schedule", "alert")
"""First parts of the types that only Pressroom itself publishes."""
CHANNEL: Final = r"^[a-zA-Z0-9_.:@/+=-]+$"
"""A tenant or a customer below the owner: an endpoint with a channel gets the events of that channel only."""
CHANNEL_CHARS: Final = 128
TEST: Final = "endpoint.test"
ONE_OFF: Final = "notify"
"""Takes the place of the endpoint's id in a delivery to the `notify` URL of a submit."""


class EventParams(BaseModel):
    """Params of an `event` job.

    Attributes:
        data: any JSON value; an object in the events of Pressroom's own.
        endpoint: only this one gets the event, in one attempt.
        channel: endpoints of other channels do not get it.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern=TYPE, max_length=TYPE_CHARS)
    data: Any
    endpoint: str | None = None
    channel: str | None = None


class _Data(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")


class DeliveryParams(BaseModel):
    """Params of a `delivery` job. endpoint: an id, or ONE_OFF."""

    model_config = ConfigDict(extra="forbid")

    event: str
    endpoint: str


def patterns_of(kind: str) -> list[str]:
    """Every pattern that matches an event of this type: `a.b`, `a.*` and `*` match `a.b`."""
    parts = kind.split(".")
    return [kind, *(".".join(parts[:n]) + ".*" for n in range(len(parts) - 1, 0, -1)), "*"]


def subscriptions_of(kind: str, channel: str | None) -> list[str]:
    """The subscriptions that an event of this type and channel meets, as SUBSCRIBERS names them: a pattern, followed by
    `#` and the channel for endpoints with a channel."""
    patterns = patterns_of(kind)
    return patterns if channel is None else [*patterns, *(f"{pattern}#{channel}" for pattern in patterns)]


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The id of the delivery of an event to an endpoint. It is derived, so that a repeat creates no second one."""
    return hashlib.sha256(f"{event_id}:{endpoint_id}".encode()).hexdigest()[:32]


def data_text(text: str | bytes) -> bytes:
    """The `data` of an event's params, or of the request that publishes it, as it is written there."""
    return bytes(msgspec.json.decode(text, type=_Data).data)


def body_of(
    params: EventParams,
    created_at: int,
    base_url: str,
    labels: Mapping[str, Any] | None = None,
    data: bytes | None = None,
    public_files: PublicFiles | None = None,
) -> bytes:
    """The bytes that are signed and sent: type, timestamp (of the event), channel if it has one, data, and labels, as
    JSON without spaces but those in the data.

    Args:
        created_at: of the event, milliseconds since 1970.
        base_url: public URL of this service, or empty; links begin with it.
        labels: `tags` and `metadata` of the event, if it has such. Those of a job that has ended are in the data.
        data: that of the params as it was sent; without it, it is written again.
        public_files: makes the URLs of a job's files; without it they need an API key.
    """
    if params.type.startswith("job."):
        data = _json(_job(params.data, base_url, public_files or NO_PUBLIC_FILES))
    channel = {} if params.channel is None else {"channel": params.channel}
    head = _json({"type": params.type, "timestamp": rfc3339(created_at), **channel})
    rest = _json(labels) if labels and params.type.partition(".")[0] not in OURS else b"{}"
    body = head[:-1] + b',"data":' + (_json(params.data) if data is None else data)
    return body + (b"," if len(rest) > 2 else b"") + rest[1:]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _job(job: dict[str, Any], base_url: str, public_files: PublicFiles) -> dict[str, Any]:
    """The data of a job's end, as `announce_end` in `ending.lua` wrote it, with ISO times and links."""
    job_url = f"{base_url}/v1/jobs/{job['id']}"
    url_of = public_files.url_of(base_url, job["id"], job.get("urls"))
    files = [
        {
            "name": one["name"],
            "variant": variant_of(one["name"]),
            "type": one["type"],
            "bytes": one["bytes"],
            "sha256": one["blob"],
            "about": one.get("about", {}),
        }
        | {"url": url_of(one)}
        for one in job.get("files", ())
    ]
    times = {name: rfc3339(job[name]) for name in ("created_at", "finished_at")}
    result = shown_result(job["kind"], job.get("result"), job.get("files", ()), url_of)
    returned = {} if result is None else {"result": result}
    job = {name: value for name, value in job.items() if name != "urls"}
    return {**job, **times, **returned, "files": files, "links": {"self": job_url}}
