"""The public JSON of a delivery: a job of kind `delivery`, told as what was sent and answered."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.times import from_ms, maybe_from_ms
from api.jobs.views import Error, Links
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks.queue.records.record import Record, State

EXAMPLE_DELIVERY = "9d1e7c3b5a2f4860b4c6d8e0f1a2b3c4"
EXAMPLE_EVENT = "1f6a0d9b8c7e4f5aa3b2c1d0e9f8a7b6"


class DeliveryAttempt(BaseModel):
    """One try at a delivery."""

    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = Field(description="`succeeded`, `failed`, `retrying`, `cancelled`, `handed_back` or `lapsed`.")
    url: str | None = Field(None, description="Where it was posted.")
    status: int | None = Field(None, description="Of the answer, if there was one.", examples=[503])
    address: str | None = Field(None, description="That was dialled; absent on a connection that was open already.")
    timing: dict[str, float] | None = Field(
        None,
        description="Milliseconds by part: `dns`, `connect`, `wait` (for the answer's head), `read`, `total`.",
        examples=[{"dns": 4.1, "connect": 21.7, "wait": 80.2, "read": 0.3, "total": 106.4}],
    )
    answer: str | None = Field(None, description="How the answer's body begins, as text.")
    error: Error | None = None


class Delivery(BaseModel):
    """One event on its way to one endpoint."""

    id: str = Field(examples=[EXAMPLE_DELIVERY])
    event: str = Field(description="The event's id, which receivers get as `webhook-id`.", examples=[EXAMPLE_EVENT])
    type: str | None = Field(None, description="The event's type.", examples=["job.succeeded"])
    endpoint: str = Field(
        description="The endpoint's id; `notify` for the address that a submit named.", examples=[EXAMPLE_ENDPOINT]
    )
    state: State
    created_at: datetime
    due_at: datetime | None = Field(None, description="When it is tried again.")
    finished_at: datetime | None = None
    expires_at: datetime | None = Field(None, description="From then on it answers 410.")
    attempts: list[DeliveryAttempt] = Field(description="Oldest first, without one that is under way.")
    error: Error | None = None
    links: Links


class DeliveryPage(BaseModel):
    """Some deliveries, newest first."""

    deliveries: list[Delivery]
    next: str | None = Field(None, description="The `cursor` of the following page; absent at the end.")


def path_of(delivery_id: str) -> str:
    return f"/v1/deliveries/{delivery_id}"


def delivery_of(record: Record, address: str) -> Delivery:
    """The public view of a delivery's record."""
    params = json.loads(record.params)
    return Delivery(
        id=record.id,
        event=params["event"],
        type=record.name,
        endpoint=params["endpoint"],
        state=record.state,
        created_at=from_ms(record.created_at),
        due_at=from_ms(record.due_at) if record.state is State.RETRYING else None,
        finished_at=maybe_from_ms(record.finished_at),
        expires_at=maybe_from_ms(record.expires_at),
        attempts=[_attempt(attempt) for attempt in record.attempts],
        error=Error(**record.error) if record.error else None,
        links=Links(self=f"{address}{path_of(record.id)}"),
    )


def _attempt(attempt: Mapping[str, Any]) -> DeliveryAttempt:
    times = {name: maybe_from_ms(attempt.get(name)) for name in ("started_at", "ended_at")}
    return DeliveryAttempt.model_validate({**attempt, **attempt.get("about", {}), **times})
