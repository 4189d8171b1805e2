"""Deliveries: which event was sent to which endpoint, and the response: `/v1/deliveries`."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_for_owner, caller_of
from api.http.problems import documented, problem
from api.http.query import OF_OWNER, ListQuery, OwnerQuery, TimeRange, documented_query, query_of
from api.jobs.verbs import CANCEL_WAIT_S, documented_cancellation
from api.jobs.waiting import find_waiting_for
from api.webhooks.delivery_views import EXAMPLE_DELIVERY, EXAMPLE_EVENT, Delivery, DeliveryPage, delivery_of, path_of
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks import clock
from tasks.queue.records import indexes
from tasks.queue.records.list import read, read_page
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal
from tasks.webhook.events import ONE_OFF, delivery_id
from tasks.webhook.kind import DELIVERY, EVENT

router = APIRouter(prefix="/v1/deliveries", tags=["webhooks"])

DeliveryId = Annotated[str, Path(description="The delivery's id.", examples=[EXAMPLE_DELIVERY])]


class DeliveryListQuery(TimeRange, ListQuery, OwnerQuery):
    """The query parameters of the list of deliveries."""

    endpoint: str | None = Field(
        None, max_length=64, description="The id of the endpoint.", examples=[EXAMPLE_ENDPOINT]
    )
    event: str | None = Field(None, max_length=64, description="The id of the event.", examples=[EXAMPLE_EVENT])
    state: State | None = Field(None, description="The state of the deliveries.", examples=["failed"])
    code: str | None = Field(
        None, min_length=1, max_length=100, description="The code of their error.", examples=["timed_out"]
    )


@router.get(
    "",
    operation_id="list_deliveries",
    summary="List deliveries",
    response_model=DeliveryPage,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(DeliveryListQuery),
)
@requires("webhooks", by_channel=True)
async def list_deliveries(request: Request) -> Response:
    """Newest first. A page can be short or empty although more pages follow; continue while there is a `next`.

    The list ends at Redis' retention: a delivery that has expired is answered only by id, where the service keeps a
    history (`HISTORY=storage`).
    """
    query = query_of(request, DeliveryListQuery)
    caller = caller_of(request).acting_for(query.owner)
    if caller.channel is not None and (query.endpoint is None or query.event is not None):
        message = "endpoint: A portal lists the deliveries of one endpoint. Name it, and no event."
        raise Refusal("token_forbids", message, field="endpoint")
    job_index = await _job_index(caller, query.endpoint, query.event)
    if query.event and query.endpoint:
        record = await read(caller.context.redis, delivery_id(query.event, query.endpoint))
        within = (
            record
            and query.since_ms <= record.created_at <= (query.until_ms or record.created_at)
            and query.code in (None, (record.last_error or {}).get("code"))
        )
        return uncached(_page(caller, (record,) if record and within else (), query.state))
    page = await read_page(
        caller.context.redis,
        job_index,
        # The index of an event's deliveries is not split by state.
        state=None if query.event else query.state,
        since_ms=query.since_ms,
        until_ms=query.until_ms,
        limit=query.limit,
        cursor=query.cursor,
        stateless=query.event is not None,
        code=query.code,
    )
    return uncached(_page(caller, page.records, query.state, page.cursor))


@router.get(
    "/{delivery_id}",
    operation_id="get_delivery",
    summary="Get a delivery",
    response_model=Delivery,
    responses=documented(*OF_OWNER, "expired"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks", by_channel=True)
async def get_delivery(request: Request, delivery_id: DeliveryId) -> Response:
    """Returns the delivery with its attempts: the response and its timing, or why there was no response."""
    caller = caller_for_owner(request)
    record = await find_delivery(caller, delivery_id)
    delivery = delivery_of(record, caller.base_url)
    if caller.channel is None:  # a customer is not shown what else the service is busy with
        delivery.waiting_for = (await find_waiting_for(caller.context, [record])).get(record.id)
    return uncached(delivery)


@router.post(
    "/{delivery_id}/redelivery",
    status_code=202,
    operation_id="redeliver",
    summary="Retry a delivery",
    response_model=Delivery,
    responses=documented(
        "unauthorized",
        "forbidden",
        "invalid_request",
        "not_found",
        "expired",
        "event_gone",
        "endpoint_gone",
        "endpoint_disabled",
    ),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks", by_channel=True)
async def redeliver(request: Request, delivery_id: DeliveryId) -> Response:
    """A delivery that has ended starts again with all its tries, and keeps its earlier attempts. One that waits for its
    next attempt starts it now. One that is running goes on.
    """
    caller = caller_for_owner(request)
    await _check(caller, delivery_of(unexpired(await find_delivery(caller, delivery_id)), ""))
    await caller.context.job_store.reopen([delivery_id])
    record = await find_delivery(caller, delivery_id)
    return uncached(delivery_of(record, caller.base_url), 202, Location=path_of(delivery_id))


@router.post(
    "/{delivery_id}/cancellation",
    operation_id="cancel_delivery",
    summary="Cancel a delivery",
    **documented_cancellation(Delivery, "delivery"),
)
@requires("webhooks", by_channel=True)
async def cancel_delivery(request: Request, delivery_id: DeliveryId) -> Response:
    """A delivery that waits is not tried again. If its endpoint is `ordered`, the next one goes. It can still be sent
    with `redelivery`.

    If the delivery ends by itself first, the response is 409 `already_ended` with its `state`.
    """
    caller = caller_for_owner(request)
    await find_delivery(caller, delivery_id)
    if await caller.context.job_store.cancel(delivery_id) == State.RUNNING:
        await caller.context.watch.wait_until_ended(delivery_id, CANCEL_WAIT_S)
    record = await find_delivery(caller, delivery_id)
    if record.state.ended and record.state is not State.CANCELLED:
        detail = f"Delivery {delivery_id!r} ended before it could be cancelled. Its state is {record.state}."
        return problem(request, "already_ended", detail, state=record.state)
    return uncached(delivery_of(record, caller.base_url), 200 if record.state.ended else 202)


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
        await caller.context.endpoints.read(caller.owner, endpoint, channel=caller.channel)
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


async def find_delivery(caller: Caller, delivery: str) -> Record:
    """The record of a delivery of the caller's.

    Raises:
        Refusal: `not_found`; `expired` where the service keeps no history.
    """
    context = caller.context
    record = await read(context.redis, delivery) or await context.history.find(delivery)
    if record is None or record.owner != caller.owner or record.kind != DELIVERY.name:
        raise _unknown(delivery)
    if caller.channel is not None:
        await _check_of_channel(caller, record)
    return record if context.history.on else unexpired(record)


async def _check_of_channel(caller: Caller, record: Record) -> None:
    """Refuse a delivery to an endpoint that is not of the caller's channel, as if there were none.

    Raises:
        Refusal: `not_found`.
    """
    try:
        endpoint = delivery_of(record, "").endpoint
        await caller.context.endpoints.read(caller.owner, endpoint, channel=caller.channel)
    except Refusal as refusal:
        raise _unknown(record.id) from refusal


def _unknown(delivery: str) -> Refusal:
    return Refusal("not_found", f"Delivery {delivery!r} was not found.")


def unexpired(record: Record) -> Record:
    """The record. Raises: Refusal `expired` if its time in Redis is over."""
    if record.expired(clock.now_ms()):
        raise Refusal("expired", f"Delivery {record.id!r} has expired. Publish the event again.")
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
