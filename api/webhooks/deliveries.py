"""Deliveries: which event was sent to which endpoint, and the response: `/v1/deliveries`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import refuse_unknown
from api.http.times import to_ms
from api.jobs.views import uncached
from api.webhooks.delivery_views import EXAMPLE_DELIVERY, EXAMPLE_EVENT, Delivery, DeliveryPage, delivery_of
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks import clock
from tasks.queue.records import indexes
from tasks.queue.records.list import read, read_page
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal
from tasks.webhook.events import ONE_OFF, delivery_id
from tasks.webhook.kind import DELIVERY, EVENT

router = APIRouter(prefix="/v1/deliveries", tags=["webhooks"])

MAX_PAGE = 200

DeliveryId = Annotated[str, Path(description="The delivery's id.", examples=[EXAMPLE_DELIVERY])]


@router.get(
    "",
    operation_id="list_deliveries",
    summary="List deliveries",
    response_model=DeliveryPage,
    responses=documented("unauthorized", "invalid_request", "not_found"),
)
async def list_deliveries(
    request: Request,
    *,
    endpoint: Annotated[str | None, Query(max_length=64, examples=[EXAMPLE_ENDPOINT])] = None,
    event: Annotated[str | None, Query(max_length=64, examples=[EXAMPLE_EVENT])] = None,
    state: Annotated[State | None, Query(examples=["failed"])] = None,
    since: Annotated[
        datetime | None, Query(description="Made at this time or later.", examples=["2026-11-20T08:00:00Z"])
    ] = None,
    until: Annotated[
        datetime | None, Query(description="Made at this time or earlier.", examples=["2030-11-20T08:00:00Z"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, examples=[10])] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="The `next` value of the previous page.")] = None,
) -> Response:
    """Newest first. A page can be short or empty although more pages follow; continue while there is a `next`."""
    refuse_unknown(request, "endpoint", "event", "state", "since", "until", "limit", "cursor")
    caller = caller_of(request)
    job_index = await _job_index(caller, endpoint, event)
    since_ms, until_ms = to_ms(since) if since else 0, to_ms(until) if until else None
    if event and endpoint:
        record = await read(caller.context.redis, delivery_id(event, endpoint))
        within = record and since_ms <= record.created_at <= (until_ms or record.created_at)
        return uncached(_page(caller, (record,) if record and within else (), state))
    page = await read_page(
        caller.context.redis,
        job_index,
        # The job index of an event has no index by state.
        state=None if event else state,
        since_ms=since_ms,
        until_ms=until_ms,
        limit=limit,
        cursor=cursor,
    )
    return uncached(_page(caller, page.records, state, page.cursor))


@router.get(
    "/{delivery_id}",
    operation_id="get_delivery",
    summary="Get a delivery",
    response_model=Delivery,
    responses=documented("unauthorized", "not_found", "expired"),
)
async def get_delivery(request: Request, delivery_id: DeliveryId) -> Response:
    """Returns the delivery with its attempts: the response and its timing, or why there was no response."""
    caller = caller_of(request)
    record = await _find(caller, delivery_id)
    return uncached(delivery_of(record, caller.base_url))


@router.post(
    "/{delivery_id}/redelivery",
    status_code=202,
    operation_id="redeliver",
    summary="Retry a delivery",
    response_model=Delivery,
    responses=documented("unauthorized", "not_found", "expired", "event_gone", "endpoint_gone", "endpoint_disabled"),
)
async def redeliver(request: Request, delivery_id: DeliveryId) -> Response:
    """A delivery that has ended starts again with all its tries, and keeps its earlier attempts. One that waits for its
    next attempt starts it now. One that is running goes on.
    """
    caller = caller_of(request)
    await _check(caller, delivery_of(await _find(caller, delivery_id), ""))
    await caller.context.reopener.reopen([delivery_id])
    record = await _find(caller, delivery_id)
    return uncached(delivery_of(record, caller.base_url), 202)


async def _job_index(caller: Caller, endpoint: str | None, event: str | None) -> str:
    """The job index that lists the deliveries.

    Raises:
        Refusal: `not_found` for an event or endpoint of another owner.
    """
    if event is not None:
        record = await read(caller.context.redis, event)
        if record is None or record.owner != caller.owner or record.kind != EVENT.name:
            raise Refusal("not_found", f"Event {event!r} was not found or has expired.", field="event")
        return indexes.of_event(event)
    if endpoint is not None:
        await caller.context.endpoints.read(caller.owner, endpoint)
        return indexes.of_endpoint(endpoint)
    return indexes.of_deliveries(caller.owner)


def _page(caller: Caller, records: Sequence[Record], state: State | None, cursor: str | None = None) -> DeliveryPage:
    address, now_ms = caller.base_url, clock.now_ms()
    shown = [
        delivery_of(record, address)
        for record in records
        if not record.expired(now_ms) and state in (None, record.state)
    ]
    return DeliveryPage(deliveries=shown, next=cursor)


async def _find(caller: Caller, delivery: str) -> Record:
    record = await read(caller.context.redis, delivery)
    if record is None or record.owner != caller.owner or record.kind != DELIVERY.name:
        raise Refusal("not_found", f"Delivery {delivery!r} was not found.")
    if record.expired(clock.now_ms()):
        raise Refusal("expired", f"Delivery {delivery!r} has expired. Publish the event again.")
    return record


async def _check(caller: Caller, delivery: Delivery) -> None:
    """Check that a delivery can be retried.

    Raises:
        Refusal: `event_gone`, `endpoint_gone`, `endpoint_disabled`.
    """
    event = await read(caller.context.redis, delivery.event)
    if event is None or event.expired(clock.now_ms()):
        raise Refusal("event_gone", f"Event {delivery.event!r} is no longer stored. Publish it again.")
    if delivery.endpoint == ONE_OFF:
        return
    try:
        endpoint = await caller.context.endpoints.read(caller.owner, delivery.endpoint)
    except Refusal as refusal:
        raise Refusal("endpoint_gone", f"Endpoint {delivery.endpoint!r} was deleted.") from refusal
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it first.")
