"""What an endpoint has done for it: a test, and deliveries made anew, `/v1/endpoints/{id}/test` and `/recovery`."""

import asyncio
import json

from fastapi import APIRouter, Request, Response

from api.http.caller import caller_of
from api.http.context import Context
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.times import to_ms
from api.jobs.submitted import respond
from api.jobs.views import Job, uncached
from api.webhooks import delivery_views
from api.webhooks.delivery_views import Delivery, delivery_of
from api.webhooks.endpoint_views import RecoveryRequest
from api.webhooks.endpoints import BODY_REFUSALS, MAX_BODY_BYTES, EndpointId
from tasks.queue.records.record import Priority, Record
from tasks.refusal import Refusal
from tasks.webhook.events import TEST, delivery_id
from tasks.webhook.kind import EVENT, RECOVERY

router = APIRouter(prefix="/v1/endpoints", tags=["webhooks"])

TEST_WAIT_S = 20.0
"""Longer than a delivery takes with the default DELIVERY_TIMEOUT_S, shorter than routers wait."""


@router.post(
    "/{endpoint_id}/test",
    operation_id="test_endpoint",
    summary="Send a test event",
    response_model=Delivery,
    response_description="Its delivery, with the one attempt: what was answered, or why there is no answer.",
    responses={
        202: {"model": Job, "description": "It takes longer: the event's job. `Location` is the delivery's address."},
        **documented("unauthorized", "not_found", "queue_full"),
    },
)
async def check_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """An event of type `endpoint.test` for this endpoint alone, whatever types it asked for. It is sent at once, even
    to an endpoint that is disabled or left alone for a while, and tried once."""
    caller = caller_of(request)
    await caller.context.endpoints.read(caller.owner, endpoint_id)
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
    summary="Deliver anew what failed since a time",
    response_model=Job,
    response_description="The job that does it, whose address is in `Location`.",
    responses=documented(*BODY_REFUSALS, "not_found", "endpoint_disabled", "queue_full"),
    openapi_extra=documented_body(
        RecoveryRequest, night=("All that failed since this morning", {"since": "2026-11-20T08:00:00Z"})
    ),
)
async def recover_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Each delivery that has failed for good since then runs anew, with all its tries; what waits for its next try has
    it at once."""
    caller = caller_of(request)
    asked = await receive(request, RecoveryRequest, MAX_BODY_BYTES)
    endpoint = await caller.context.endpoints.read(caller.owner, endpoint_id)
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint_id} is disabled; enable it first.")
    params = {"endpoint": endpoint_id, "since": to_ms(asked.since)}
    submitted = await caller.submit(RECOVERY, json.dumps(params))
    return await respond(caller, submitted)


async def _ended(context: Context, event_id: str, delivery: str) -> Record | None:
    """The delivery, if it ends while a request may wait. It is there once the event's job has ended."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(TEST_WAIT_S, context.settings.max_wait_s)
    record = None
    for job_id in (event_id, delivery):
        record = await context.watch.wait_until_ended(job_id, deadline - loop.time())
        if record is None or not record.state.ended:
            return None
    return record
