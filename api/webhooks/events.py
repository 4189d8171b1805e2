"""Publish an event to the endpoints that subscribe to its type: `POST /v1/events`."""

import json
from typing import Any, Unpack

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from api.http.access.scopes import requires
from api.http.caller import Caller, RequestedOptions, caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import query_of
from api.jobs.submit_options import SUBMIT_REFUSALS, SubmitFields, SubmitOptions, documented_submit
from api.jobs.submitted import respond
from api.jobs.views import Job
from tasks.queue.jobs.submission import Submission, Submitted
from tasks.refusal import Refusal
from tasks.webhook.events import CHANNEL, CHANNEL_CHARS, OURS, TYPE, TYPE_CHARS, data_text
from tasks.webhook.kind import EVENT

router = APIRouter(prefix="/v1/events", tags=["webhooks"])


class EventRequest(SubmitFields):
    """An event to publish."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        pattern=TYPE,
        max_length=TYPE_CHARS,
        description=f"Words separated by dots. The first words {', '.join(OURS)} are reserved.",
        examples=["order.paid"],
    )
    data: Any = Field(
        description="The event's data, sent unchanged to the endpoints: an object, or any other JSON value.",
        examples=[{"order": 4711}],
    )
    channel: str | None = Field(
        None,
        pattern=CHANNEL,
        max_length=CHANNEL_CHARS,
        description="A tenant or customer of yours. Endpoints of other channels do not get the event.",
        examples=["customer-17"],
    )
    id: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="Your id for the event. Publishing the same id with the same content again has no effect.",
    )


@router.post(
    "",
    status_code=202,
    operation_id="submit_event",
    summary="Publish an event",
    response_model=Job,
    response_description="The event's job, with its path in `Location`. Its id is the `webhook-id`.",
    responses={
        200: {
            "model": Job,
            "description": "This id or Idempotency-Key was already used with the same content. The existing job. "
            "Or the job that holds the unique key, as `Pressroom-Unique` says: `returned` or `replaced`.",
        },
        **documented(*SUBMIT_REFUSALS, "unsupported_media_type", "too_large", "rate_limited"),
    },
    openapi_extra=documented_submit(SubmitOptions)
    | documented_body(
        EventRequest,
        paid=("An order was paid", {"type": "order.paid", "data": {"order": 4711, "amount": "12.50"}}),
        customer=(
            "An event for the endpoints of one channel, and those without a channel",
            {"type": "order.paid", "data": {"order": 4711}, "channel": "customer-17"},
        ),
        once=("An event with an id", {"type": "stock.low", "data": {"sku": "A-1"}, "id": "stock-A-1-2026-11-20"}),
    ),
)
@requires("webhooks")
async def submit_event(request: Request) -> Response:
    """Creates one delivery for each endpoint that subscribes to the type. The job counts them in `deliveries`.

    With an `id` or an `Idempotency-Key` the request can be repeated safely. If both are sent, the `id` is used.
    """
    caller, checks = caller_of(request), Checks()
    options = query_of(request, SubmitOptions, checks)
    text = await receive_text(request, caller.context.settings.max_event_bytes)
    submit_options = checks.run(lambda: options.fields(caller, EVENT))
    requested, params = examined_event(text, checks)
    if requested is not None and submit_options is not None:
        checks.run(lambda: requested.add_to(submit_options, caller))
    checks.done()
    assert requested is not None and submit_options is not None  # noqa: S101, PT018 - else the checks have failed
    if requested.id is not None:
        # A header cannot contain a line feed, so that an id never equals an Idempotency-Key.
        submit_options["idempotency_key"] = f"event\n{requested.id}"
    submission = submission_of(caller, requested, params, **submit_options)
    return await respond(caller, await _accept(caller, requested, submission))


def examined_event(text: bytes, checks: Checks) -> tuple[EventRequest | None, str]:
    """An event and its params as JSON, where the checks find nothing wrong with it. Its data stays as it is written.
    Numbers that are not finite are wrong."""
    requested = examined(text, EventRequest, checks)
    if requested is None:
        return None, ""
    if requested.type is not None and requested.type.partition(".")[0] in OURS:
        message = f"The field 'type' must not begin with {', '.join(OURS)}, which are reserved. Use another name."
        checks.add(Refusal("invalid_request", message, field="type"))
    try:
        json.dumps(requested.data, allow_nan=False)
    except ValueError:
        message = "The field 'data' has a number that is too large. Send one of up to 308 digits, or a text."
        checks.add(Refusal("invalid_request", message, field="data"))
        return requested, ""
    params = {"type": requested.type} | ({} if requested.channel is None else {"channel": requested.channel})
    head = json.dumps(params, ensure_ascii=False, separators=(",", ":"))
    return requested, f'{head[:-1]},"data":{data_text(text).decode()}}}'


def submission_of(
    caller: Caller, requested: EventRequest, params: str, **submit_options: Unpack[RequestedOptions]
) -> Submission:
    """What an event submits. params: from `examined_event`."""
    return caller.submission(
        EVENT,
        params,
        max_params_bytes=caller.context.settings.max_event_bytes,
        name=requested.type,
        event_type=requested.type,
        channel=requested.channel,
        **submit_options,
    )


async def _accept(caller: Caller, requested: EventRequest, submission: Submission) -> Submitted:
    try:
        return await caller.context.enqueuer.enqueue(submission)
    except Refusal as refusal:
        if refusal.code == "key_reused" and requested.id is not None:
            raise Refusal(
                "key_reused",
                f"The id {requested.id!r} was already used for an event with other content. Use a new id.",
                field="id",
            ) from refusal
        raise
