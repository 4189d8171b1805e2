"""Jobs for an endpoint: `POST /v1/endpoints/{endpoint_id}/test` and `POST …/recovery`."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_for_owner
from api.http.context import Context
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.submitted import respond
from api.jobs.views import Job
from api.webhooks import delivery_views
from api.webhooks.delivery_views import Delivery, delivery_of
from api.webhooks.endpoint_views import RecoveryRequest
from api.webhooks.endpoints import BODY_REFUSALS, MAX_BODY_BYTES, EndpointId
from tasks.clock import to_ms
from tasks.queue.records.record import Priority, Record
from tasks.refusal import Refusal
from tasks.webhook.events import TEST, delivery_id
from tasks.webhook.kind import EVENT, RECOVERY

router = APIRouter(prefix="/v1/endpoints", tags=["webhooks"])

TEST_WAIT_S = 20.0
"""Seconds: longer than a delivery takes with the default DELIVERY_TIMEOUT_S, shorter than routers wait."""


@router.post(
    "/{endpoint_id}/test",
    operation_id="test_endpoint",
    summary="Send a test event",
    response_model=Delivery,
    response_description="The test's delivery with its one attempt: the response, or why there was none.",
    responses={
        202: {
            "model": Job,
            "description": "The delivery takes longer: the event's job. `Location` has the path of the delivery.",
        },
        **documented(*OF_OWNER, "queue_full", "owner_queue_full", "redis_full"),
    },
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks", by_channel=True)
async def check_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Sends an event of type `endpoint.test` to this endpoint only, whatever types it is subscribed to. The event is
    sent at once, even if the endpoint is disabled or parked, and tried once.
    """
    caller = caller_for_owner(request)
    await caller.context.endpoints.read(caller.owner, endpoint_id, channel=caller.channel)
    params = {"type": TEST, "data": {"endpoint": endpoint_id}, "endpoint": endpoint_id}
    submitted = await caller.submit(EVENT, json.dumps(params), priority=Priority.HIGH)
    found = delivery_id(submitted.job_id, endpoint_id)
    record = await _ended(caller.context, submitted.job_id, found)
    if record is not None:
        return uncached(delivery_of(record, caller.base_url))
    later = await respond(caller, submitted)
    later.headers["Location"] = delivery_views.path_of(found)
    return later


@router.post(
    "/{endpoint_id}/recovery",
    status_code=202,
    operation_id="recover_endpoint",
    summary="Recover failed deliveries",
    response_model=Job,
    response_description="The job that does it, with its path in `Location`.",
    responses=documented(
        *BODY_REFUSALS, "forbidden", "not_found", "endpoint_disabled", "queue_full", "owner_queue_full", "redis_full"
    ),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        RecoveryRequest,
        night=("What failed or was missed since this morning", {"since": "2026-11-20T08:00:00Z"}),
        outage=(
            "What failed or was missed within a time",
            {"since": "2026-11-20T08:00:00Z", "until": "2026-11-20T12:00:00Z"},
        ),
        count=("Only count", {"since": "2026-11-20T08:00:00Z", "dry_run": True}),
    ),
)
@requires("webhooks")
async def recover_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Retries every delivery that has failed for good since that time, with all its tries. Deliveries that wait for
    their next attempt start it now, and a parked endpoint is tried again.

    Events that the endpoint never got are delivered too, if they are still stored: those of times in which it was
    disabled, and those of before its creation. A disabled endpoint's events are stored for KEEP_MISSED_S.

    With `dry_run` the result only counts: `found` to be retried, and `missed`. Sent as `expect`, their sum guards the
    recovery against sending more than was looked at.
    """
    caller = caller_for_owner(request)
    requested = await receive(request, RecoveryRequest, MAX_BODY_BYTES)
    endpoint = await caller.context.endpoints.read(caller.owner, endpoint_id)
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint_id!r} is disabled. Enable it first.")
    params: dict[str, Any] = {"endpoint": endpoint_id, "since": to_ms(requested.since)}
    if requested.until is not None and requested.until < requested.since:
        raise Refusal("invalid_request", "until: The time is before 'since'. Send a later one.", field="until")
    if requested.until is not None:
        params["until"] = to_ms(requested.until)
    # Earlier versions do not know these two, and are asked for them only where they are used.
    if requested.dry_run:
        params["dry_run"] = True
    if requested.expect is not None:
        params["expect"] = requested.expect
    submitted = await caller.submit(RECOVERY, json.dumps(params))
    return await respond(caller, submitted)


async def _ended(context: Context, event_id: str, delivery: str) -> Record | None:
    """Wait for the delivery as long as a request may wait. Returns its record once it has ended, else None."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(TEST_WAIT_S, context.settings.max_wait_s)
    record = None
    for job_id in (event_id, delivery):
        record = await context.watch.wait_until_ended(job_id, deadline - loop.time())
        if record is None or not record.state.ended:
            return None
    return record
