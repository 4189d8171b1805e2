"""The public JSON of a delivery, made from a job of kind `delivery`."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.answers import Error, Links
from api.http.query import Page
from api.jobs.views import attempts_of
from api.jobs.waiting import WaitingFor
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks import clock
from tasks.clock import from_ms, maybe_from_ms
from tasks.queue.records.record import Record, State
from tasks.webhook.exchanges.files import KEPT

EXAMPLE_DELIVERY = "9d1e7c3b5a2f4860b4c6d8e0f1a2b3c4"
EXAMPLE_EVENT = "1f6a0d9b8c7e4f5aa3b2c1d0e9f8a7b6"


class DeliveryAttempt(BaseModel):
    """One attempt at a delivery."""

    number: int = Field(description="Counted from 1.")
    started_at: datetime = Field(description="When it started.")
    ended_at: datetime | None = Field(None, description="When it ended.")
    outcome: str = Field(
        description="`running`, `succeeded`, `failed`, `retrying`, `cancelled`, `handed_back` or `lapsed`."
    )
    url: str | None = Field(
        None,
        description="The URL that the event was posted to. A `notify` URL is shown without the values of its query.",
    )
    status: int | None = Field(None, description="The HTTP status of the response, if there was one.", examples=[503])
    address: str | None = Field(
        None, description="The IP address that was connected to; absent if an open connection was reused."
    )
    timing: dict[str, float] | None = Field(
        None,
        description="Milliseconds by phase: `dns`, `connect`, `wait` (for the response headers), `read`, `total`.",
        examples=[{"dns": 4.1, "connect": 21.7, "wait": 80.2, "read": 0.3, "total": 106.4}],
    )
    answer: str | None = Field(None, description="The first part of the response body, as text.")
    error: Error | None = Field(None, description="Why it failed.")
    exchange: str | None = Field(
        None, description="The URL of what was sent and received. Absent if that is not kept, as of a success."
    )


class Delivery(BaseModel):
    """One event on its way to one endpoint."""

    id: str = Field(description="The delivery's id.", examples=[EXAMPLE_DELIVERY])
    event: str = Field(description="The event's id, which receivers get as `webhook-id`.", examples=[EXAMPLE_EVENT])
    type: str | None = Field(None, description="The event's type.", examples=["job.succeeded"])
    endpoint: str = Field(
        description="The endpoint's id, or `notify` for the URL in a submit's `notify` option.",
        examples=[EXAMPLE_ENDPOINT],
    )
    state: State = Field(description="The delivery's state.")
    created_at: datetime = Field(description="When it was created.")
    due_at: datetime | None = Field(None, description="When its next attempt is due.")
    finished_at: datetime | None = Field(None, description="When it ended.")
    expires_at: datetime | None = Field(None, description="When it expires. From then on it answers 410.")
    attempts: list[DeliveryAttempt] = Field(description="The attempts, oldest first. The last may be `running`.")
    error: Error | None = Field(None, description="Why it failed; while it is retrying, why the last attempt did.")
    waiting_for: list[WaitingFor] | None = Field(
        None, description="Why it waits; in the answer for one delivery. Absent if it runs or has ended."
    )
    links: Links = Field(description="The URL of the delivery.")


class DeliveryPage(Page):
    """A page of deliveries, newest first."""

    deliveries: list[Delivery] = Field(description="The deliveries.")


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
        attempts=[attempt_of(attempt, exchange_url_of(record, attempt, address)) for attempt in attempts_of(record)],
        error=Error(**record.last_error) if record.last_error else None,
        links=Links(self=f"{address}{path_of(record.id)}"),
    )


def exchange_url_of(record: Record, attempt: Mapping[str, Any], address: str) -> str | None:
    """The URL of what an attempt has sent and received; None if that is not kept."""
    if not attempt.get("about", {}).get(KEPT) or record.expired(clock.now_ms()):
        return None
    return f"{address}{path_of(record.id)}/attempts/{attempt['number']}/exchange"


def attempt_of(attempt: Mapping[str, Any], exchange: str | None) -> DeliveryAttempt:
    """The view of one attempt. exchange: the URL of what it has sent and received, if that is kept."""
    times = {name: maybe_from_ms(attempt.get(name)) for name in ("started_at", "ended_at")}
    return DeliveryAttempt.model_validate({**attempt, **attempt.get("about", {}), **times, "exchange": exchange})
