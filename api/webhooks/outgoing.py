"""The webhooks section of OpenAPI: the events that Pressroom sends, with headers and bodies."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Response
from pydantic import BaseModel, Field

from api.http.answers import Error, Links
from api.jobs.views import EXAMPLE_JOB, File, JobResult
from api.labels import ShownMetadata, ShownTags
from api.webhooks.delivery_views import EXAMPLE_EVENT
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks.maintenance import alerts
from tasks.picture_result.markup import markup_of
from tasks.queue.redis_keys import EVENT_RESULT_BYTES
from tasks.webhook.endpoint_record import Reason
from tasks.webhook.events import TYPE

webhooks = APIRouter(tags=["webhooks"])

Handler = Callable[..., None]

TYPE_FIELD = Field(description="The event's type.")
TIMESTAMP_FIELD = Field(description="When the event happened.")

TIME = "2026-11-20T09:30:00.123Z"
FILE = {
    "name": "small.jpg",
    "variant": "small",
    "type": "image/jpeg",
    "bytes": 7402,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "about": {"width": 256, "height": 171},
    "url": f"https://pressroom.example.com/v1/jobs/{EXAMPLE_JOB}/files/small.jpg",
}
RESULT = {
    "picture": {
        "format": "jpeg",
        "type": "image/jpeg",
        "width": 3000,
        "height": 2000,
        "frames": 1,
        "mode": "RGB",
        "has_alpha": False,
        "orientation": 1,
        "bytes": 2483112,
        "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "thumbhash": "1BcKDYBmiHd+iIdphweIdlRQE8B1",
        "blurhash": "LCBfbHM~Ip%1~XR-R+xZxwNHR*s.",
        "dominant_colour": "#675760",
        "palette": ["#675760", "#977978", "#483d3f", "#191d22", "#3f4269"],
        "phash": "999695760fe924e4",
    },
    "markup": markup_of(
        [{"name": "small.jpg", "type": "image/jpeg", "about": FILE["about"]}],
        lambda _: str(FILE["url"]),
        {},
    ),
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
    "message": "A job of the queue media has waited 312 s for a worker. The queue is paused. Resume it.",
    "value": 312,
    "limit": 300,
    "since": TIME,
}

Id = Annotated[
    str,
    Header(
        alias="webhook-id",
        description="The event's id. It is the same for every attempt and endpoint: use it to ignore duplicates.",
        examples=[EXAMPLE_EVENT],
    ),
]
Timestamp = Annotated[
    int,
    Header(
        alias="webhook-timestamp",
        description="The time of this attempt in seconds since 1970. Refuse requests older than five minutes.",
        examples=[1795253400],
    ),
]
Signature = Annotated[
    str,
    Header(
        alias="webhook-signature",
        description="`v1,` followed by the base64 of the HMAC-SHA256 over `webhook-id.webhook-timestamp.body`, keyed "
        "with the decoded secret (Standard Webhooks 1.0). While a secret is being rotated there are several, "
        "separated by spaces; one of them must match.",
        examples=["v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="],
    ),
]


class EndedJobs(BaseModel):
    """The number of a batch's jobs by final state."""

    succeeded: int = Field(description="The number of jobs that succeeded.")
    failed: int = Field(description="The number of jobs that failed.")
    cancelled: int = Field(description="The number of jobs that were cancelled.")


class EndedJob(BaseModel):
    """A job that has ended."""

    id: str = Field(description="The job's id.")
    kind: str = Field(description="The job's kind.")
    state: Literal["succeeded", "failed", "cancelled"] = Field(description="The job's final state.")
    name: str | None = Field(None, description="The job's name.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime = Field(description="When it ended.")
    files: list[File] = Field(description="The output files. Empty unless it succeeded.")
    result: JobResult = Field(
        None,
        description="What the job returned, by kind; of an image an `ImageResult`, of a bulk action a `BulkResult`. "
        "Absent unless it succeeded, and if "
        f"it has more than {EVENT_RESULT_BYTES} bytes: get the job then.",
    )
    error: Error | None = Field(None, description="Why it failed or was cancelled.")
    jobs: EndedJobs | None = Field(None, description="Only for a batch: the number of its jobs by final state.")
    links: Links = Field(description="The URL of the job.")


class DisabledEndpoint(BaseModel):
    """An endpoint that was disabled."""

    endpoint: str = Field(description="The endpoint's id.")
    url: str = Field(description="The endpoint's URL.")
    reason: Reason = Field(description="Why it was disabled.")


class Alert(BaseModel):
    """A condition that a person should look into."""

    id: str = Field(description="The alert's id. It is the same in `alert.fired` and `alert.resolved`.")
    alert: alerts.Name = Field(
        description="The condition. `failure_rate`, `queue_age` and `no_worker` of a queue and "
        "`storage_unavailable` are sent to the admins, `endpoint_failing` to the endpoint's owner."
    )
    subject: str = Field(description="The name of the queue, the endpoint's id, or `storage`.")
    message: str = Field(description="What was observed, and what to do.")
    value: float = Field(description="The measured value: a share, or seconds.")
    limit: float = Field(description="The value from which on the alert fires, a setting.")
    since: datetime = Field(description="When the condition began.")


class TestedEndpoint(BaseModel):
    """An endpoint that is being tested."""

    endpoint: str = Field(description="The endpoint's id.")


class JobEvent(BaseModel):
    """A job ended."""

    type: Literal["job.succeeded", "job.failed", "job.cancelled"] = TYPE_FIELD
    timestamp: datetime = TIMESTAMP_FIELD
    data: EndedJob = Field(description="The job.")


class EndpointDisabledEvent(BaseModel):
    """An endpoint was disabled."""

    type: Literal["endpoint.disabled"] = TYPE_FIELD
    timestamp: datetime = TIMESTAMP_FIELD
    data: DisabledEndpoint = Field(description="The endpoint.")


class AlertEvent(BaseModel):
    """An alert fired or was resolved."""

    type: Literal["alert.fired", "alert.resolved"] = TYPE_FIELD
    timestamp: datetime = TIMESTAMP_FIELD
    data: Alert = Field(description="The alert.")


class EndpointTestEvent(BaseModel):
    """A test event for one endpoint."""

    type: Literal["endpoint.test"] = TYPE_FIELD
    timestamp: datetime = TIMESTAMP_FIELD
    data: TestedEndpoint = Field(description="The endpoint.")


class OwnEvent(BaseModel):
    """An event from `POST /v1/events`."""

    type: str = Field(pattern=TYPE, description="The event's type.")
    timestamp: datetime = TIMESTAMP_FIELD
    channel: str | None = Field(None, description="The channel that it was published with.", examples=["customer-17"])
    data: dict[str, Any] = Field(description="The event's data, as it was published.")
    tags: ShownTags = None
    metadata: ShownMetadata = None


def _event(type: str, data: dict[str, Any]) -> Any:
    value = {"type": type, "timestamp": TIME, "data": data}
    return Body(openapi_examples={"event": {"summary": "An event", "value": value}})


def _webhook(name: str, summary: str) -> Callable[[Handler], Handler]:
    return webhooks.post(
        name,
        operation_id=f"on_{name.replace('.', '_')}",
        summary=summary,
        status_code=204,
        response_class=Response,
        response_description="Any 2xx status within 15 seconds acknowledges the event. Otherwise it is retried for "
        "three days.",
        responses={410: {"description": "Disables the endpoint."}},
    )


@_webhook("job.succeeded", "Receive job.succeeded")
def on_job_succeeded(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.succeeded", JOB | {"state": "succeeded", "result": RESULT, "files": [FILE]})],
) -> None:
    """Download its files from their `url`: with your API key, unless the job was submitted with `urls=public`."""


@_webhook("job.failed", "Receive job.failed")
def on_job_failed(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.failed", JOB | FAILED)],
) -> None:
    """Sent when a job fails for good. `error` says why."""


@_webhook("job.cancelled", "Receive job.cancelled")
def on_job_cancelled(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[JobEvent, _event("job.cancelled", JOB | CANCELLED)],
) -> None:
    """Sent when a job was cancelled by a request."""


@_webhook("endpoint.disabled", "Receive endpoint.disabled")
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
    """Sent to your other endpoints. Nothing more is sent to the disabled one until you enable it."""


@_webhook("alert.fired", "Receive alert.fired")
def on_alert_fired(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[AlertEvent, _event("alert.fired", ALERT)],
) -> None:
    """Sent once when an alert fires. The limits are the settings `ALERT_*`; they are checked every minute."""


@_webhook("alert.resolved", "Receive alert.resolved")
def on_alert_resolved(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[AlertEvent, _event("alert.resolved", ALERT)],
) -> None:
    """Sent once when an alert is over, with the `data` of `alert.fired`."""


@_webhook("endpoint.test", "Receive endpoint.test")
def on_endpoint_test(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[EndpointTestEvent, _event("endpoint.test", {"endpoint": EXAMPLE_ENDPOINT})],
) -> None:
    """Sent for `POST /v1/endpoints/{endpoint_id}/test`, once, to that endpoint only."""


@_webhook("order.paid", "Receive a published event")
def on_order_paid(
    webhook_id: Id,
    webhook_timestamp: Timestamp,
    webhook_signature: Signature,
    body: Annotated[OwnEvent, _event("order.paid", {"order": 4711, "amount": "12.50"})],
) -> None:
    """Sent for `POST /v1/events`. `order.paid` stands for any type you publish."""
