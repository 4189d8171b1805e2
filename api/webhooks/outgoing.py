"""What receivers get, for the OpenAPI document alone: the events that we send, with headers and bodies."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Response
from pydantic import BaseModel, Field

from api.jobs.views import EXAMPLE_JOB, Error, File, Links
from api.webhooks.delivery_views import EXAMPLE_EVENT
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks.maintenance import alerts
from tasks.webhook.endpoints import Reason
from tasks.webhook.events import TYPE

router = APIRouter(tags=["webhooks"])

Told = Callable[..., None]

TIME = "2026-11-20T09:30:00.123Z"
FILE = {
    "name": "small.jpg",
    "type": "image/jpeg",
    "bytes": 7402,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "about": {"width": 256, "height": 171},
    "url": f"https://pressroom.example.com/v1/jobs/{EXAMPLE_JOB}/files/small.jpg",
}
JOB: dict[str, Any] = {
    "id": EXAMPLE_JOB,
    "kind": "thumbnail",
    "name": "photo.jpg",
    "created_at": "2026-11-20T09:29:59.871Z",
    "finished_at": TIME,
    "files": [],
    "links": {"self": f"https://pressroom.example.com/v1/jobs/{EXAMPLE_JOB}"},
}
FAILED = {"state": "failed", "error": {"code": "truncated", "message": "The file ends before the picture does."}}
CANCELLED = {"state": "cancelled", "error": {"code": "cancelled", "message": "Cancelled while it waited."}}

ALERT: dict[str, Any] = {
    "id": "b7a1c0de5f3e4d2c9a8b7f6e5d4c3b2a",
    "alert": "queue_age",
    "subject": "media",
    "message": "A job of the queue media has waited 312 s for a worker. The queue is paused; resume it.",
    "value": 312,
    "limit": 300,
    "since": TIME,
}

Id = Annotated[
    str,
    Header(
        alias="webhook-id",
        description="Of the event: the same for every try and every endpoint. Who remembers it handles no event twice.",
        examples=[EXAMPLE_EVENT],
    ),
]
Timestamp = Annotated[
    int,
    Header(
        alias="webhook-timestamp",
        description="Of this try, in seconds since 1970. Refuse what is older than five minutes.",
        examples=[1795253400],
    ),
]
Signature = Annotated[
    str,
    Header(
        alias="webhook-signature",
        description="`v1,` and the base64 of HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, with the bytes that "
        "the secret stands for; several with spaces between them while a secret is being changed. One has to fit. "
        "(Standard Webhooks 1.0.)",
        examples=["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
    ),
]


class EndedJobs(BaseModel):
    """How many jobs of a batch ended how."""

    succeeded: int
    failed: int
    cancelled: int


class EndedJob(BaseModel):
    """A job that has ended."""

    id: str
    kind: str
    state: Literal["succeeded", "failed", "cancelled"]
    name: str | None = None
    created_at: datetime
    finished_at: datetime
    files: list[File] = Field(description="Empty unless it succeeded.")
    error: Error | None = None
    jobs: EndedJobs | None = Field(None, description="Of a batch, how its jobs ended.")
    links: Links


class DisabledEndpoint(BaseModel):
    """An endpoint to which nothing is delivered any more."""

    endpoint: str
    url: str
    reason: Reason


class Alert(BaseModel):
    """Something that somebody should look at."""

    id: str = Field(description="The same when it begins and when it is over.")
    alert: alerts.Name = Field(
        description="`failure_rate`, `queue_age` and `no_worker` of a queue go to the admins, `endpoint_failing` to "
        "the endpoint's owner."
    )
    subject: str = Field(description="A queue, or an endpoint's id.")
    message: str
    value: float = Field(description="What was measured: a share, or seconds.")
    limit: float = Field(description="From where on that is an alert, as the settings have it.")
    since: datetime


class TestedEndpoint(BaseModel):
    """An endpoint that is being tested."""

    endpoint: str


class JobEvent(BaseModel):
    """A job has ended."""

    type: Literal["job.succeeded", "job.failed", "job.cancelled"]
    timestamp: datetime = Field(description="Of the event.")
    data: EndedJob


class EndpointDisabledEvent(BaseModel):
    """An endpoint was disabled."""

    type: Literal["endpoint.disabled"]
    timestamp: datetime
    data: DisabledEndpoint


class AlertEvent(BaseModel):
    """An alert begins, or is over."""

    type: Literal["alert.fired", "alert.resolved"]
    timestamp: datetime
    data: Alert


class EndpointTestEvent(BaseModel):
    """Somebody tests an endpoint."""

    type: Literal["endpoint.test"]
    timestamp: datetime
    data: TestedEndpoint


class OwnEvent(BaseModel):
    """An event of `POST /v1/events`."""

    type: str = Field(pattern=TYPE)
    timestamp: datetime
    data: dict[str, Any] = Field(description="As it was sent to us.")


def _event(type: str, data: dict[str, Any]) -> Any:
    value = {"type": type, "timestamp": TIME, "data": data}
    return Body(openapi_examples={"event": {"summary": "An event", "value": value}})


def _told(name: str, summary: str) -> Callable[[Told], Told]:
    return router.post(
        name,
        operation_id=f"on_{name.replace('.', '_')}",
        summary=summary,
        status_code=204,
        response_class=Response,
        response_description="Any 2xx, within 15 seconds: it has arrived. Whatever else is tried again for three days.",
        responses={410: {"description": "Disables the endpoint."}},
    )


@_told("job.succeeded", "A job has succeeded")
def on_job_succeeded(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.succeeded", JOB | {"state": "succeeded", "files": [FILE]})],
) -> None:
    """Its files can be had at their `url`, with your API key."""


@_told("job.failed", "A job has failed")
def on_job_failed(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.failed", JOB | FAILED)],
) -> None:
    """What went wrong is in `error`."""


@_told("job.cancelled", "A job was cancelled")
def on_job_cancelled(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.cancelled", JOB | CANCELLED)],
) -> None:
    """Somebody stopped it."""


@_told("endpoint.disabled", "An endpoint was disabled")
def on_endpoint_disabled(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[
        EndpointDisabledEvent,
        _event(
            "endpoint.disabled",
            {"endpoint": EXAMPLE_ENDPOINT, "url": "https://example.com/webhooks", "reason": "failing"},
        ),
    ],
) -> None:
    """Your other endpoints are told; nothing more is sent to this one until you enable it."""


@_told("alert.fired", "An alert")
def on_alert_fired(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[AlertEvent, _event("alert.fired", ALERT)],
) -> None:
    """Told once. The limits are settings, `ALERT_*`; a look is taken every minute."""


@_told("alert.resolved", "An alert is over")
def on_alert_resolved(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[AlertEvent, _event("alert.resolved", ALERT)],
) -> None:
    """Told once, with the `data` of its beginning."""


@_told("endpoint.test", "A test")
def on_endpoint_test(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[EndpointTestEvent, _event("endpoint.test", {"endpoint": EXAMPLE_ENDPOINT})],
) -> None:
    """Sent by `POST /v1/endpoints/{endpoint_id}/test`, once, to that endpoint alone."""


@_told("order.paid", "An event of your own")
def on_order_paid(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[OwnEvent, _event("order.paid", {"order": 4711, "amount": "12.50"})],
) -> None:
    """Sent by `POST /v1/events`; `order.paid` stands for any type of yours."""
