"""Events: something that happened, told to every endpoint that asked for its type.

An event is the record of its `event` job: the type and the data are the job's params, its id is the `webhook-id`, and
the body that receivers get is a function of both, the same for every endpoint and every try.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

RETRY_DELAYS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between the tries of a delivery: the second comes after the first of these."""
RETRY_JITTER: Final = 0.1
"""The share of each delay that chance may add."""
TYPE: Final = r"^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$"
PATTERN: Final = r"^(\*|[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*(\.\*)?)$"
"""What an endpoint may subscribe to: a type, `prefix.*`, or `*`."""
TYPE_CHARS: Final = 100
OURS: Final = ("job", "endpoint", "schedule", "alert")
"""First parts of types that only Pressroom itself sends."""
TEST: Final = "endpoint.test"
ONE_OFF: Final = "notify"
"""Stands for the endpoint's id in a delivery to the address that a submit named for its own end."""


class EventParams(BaseModel):
    """What an `event` job is asked for. endpoint: it goes to this one alone, and is tried once."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern=TYPE, max_length=TYPE_CHARS)
    data: dict[str, Any]
    endpoint: str | None = None


class DeliveryParams(BaseModel):
    """What a `delivery` job is asked for. endpoint: an id, or ONE_OFF."""

    model_config = ConfigDict(extra="forbid")

    event: str
    endpoint: str


def patterns_of(kind: str) -> list[str]:
    """Every pattern that an event of this type fits: `a.b` fits `a.b`, `a.*` and `*`."""
    parts = kind.split(".")
    return [kind, *(".".join(parts[:n]) + ".*" for n in range(len(parts) - 1, 0, -1)), "*"]


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """The id of the one delivery of an event to an endpoint: whoever works it out again finds the same."""
    return hashlib.sha256(f"{event_id}:{endpoint_id}".encode()).hexdigest()[:32]


def body_of(params: EventParams, created_at: int, address: str) -> bytes:
    """The bytes that are signed and sent: type, timestamp (of the event) and data, as JSON without spaces.

    created_at: of the event, milliseconds. address: how the world reaches this service, or empty; links begin with it.
    """
    data = _job(params.data, address) if params.type.startswith("job.") else params.data
    body = {"type": params.type, "timestamp": iso(created_at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def iso(milliseconds: int) -> str:
    """A time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _job(job: dict[str, Any], address: str) -> dict[str, Any]:
    """What `announce_end` in `creation.lua` noted of a job's end, with times and links for people."""
    place = f"{address}/v1/jobs/{job['id']}"
    files = [
        {"name": one["name"], "type": one["type"], "bytes": one["bytes"], "sha256": one["blob"], "about": one["about"]}
        | {"url": f"{place}/files/{one['name']}"}
        for one in job.get("files", ())
    ]
    times = {name: iso(job[name]) for name in ("created_at", "finished_at")}
    return {**job, **times, "files": files, "links": {"self": place}}
