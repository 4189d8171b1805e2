"""Listen for events without an endpoint: `GET /v1/events`, which `python -m api.listen` asks again and again."""

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import documented_query, query_of
from api.webhooks.delivery_views import EXAMPLE_EVENT
from tasks.queue.records.packing import unpack
from tasks.queue.redis_keys import HEARD, JOB
from tasks.queue.script import Script
from tasks.webhook.message import message_of

router = APIRouter(prefix="/v1/events", tags=["webhooks"])

LOOK_S = 0.25
"""Seconds between two looks at what has happened."""
EVENTS_AT_ONCE = 100
CURSOR = re.compile(r"[0-9]{1,16}-[0-9]{1,16}")


def _cursor(text: str | None) -> str | None:
    if text is not None and not CURSOR.fullmatch(text):
        raise ValueError("The cursor is not valid. Use the 'next' of the response before, or leave it out")
    return text


class ListenQuery(BaseModel):
    """The query parameters for those who listen."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str | None, AfterValidator(_cursor)] = Field(
        None,
        max_length=64,
        description="The `next` of the response before. Without it only events from now on are listed.",
        examples=["1795253400000-0"],
    )
    wait: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds to wait for an event, at most MAX_WAIT_S.",
        examples=[0],
    )


class HeardEvent(BaseModel):
    """An event as endpoints get it."""

    id: str = Field(description="The event's id, which endpoints get as `webhook-id`.", examples=[EXAMPLE_EVENT])
    body: str = Field(
        description="The request body that endpoints get: JSON as text, with type, timestamp and data.",
        examples=['{"type":"order.paid","timestamp":"2026-11-20T09:30:00.123Z","data":{"order":4711}}'],
    )


class HeardEvents(BaseModel):
    """Events that have happened since the last response, oldest first."""

    events: list[HeardEvent] = Field(description="The events.")
    next: str = Field(description="To be sent as `cursor` with the next request.", examples=["1795253400000-0"])


@router.get(
    "",
    operation_id="listen_for_events",
    summary="List new events",
    response_model=HeardEvents,
    responses=documented("unauthorized", "invalid_request", "redis_full"),
    openapi_extra=documented_query(ListenQuery),
)
@requires("webhooks")
async def listen_for_events(request: Request) -> Response:
    """For development: all your events of every type and channel, whether or not an endpoint asks for them. Ask again
    with `next` as soon as the response is there; after two minutes without a request events may be left out.
    """
    caller, query = caller_of(request), query_of(request, ListenQuery)
    redis = caller.context.redis
    now_ms = await Script(redis, "submit/listen")({"owner": caller.owner})
    after = query.cursor or f"{now_ms}-0"
    deadline = asyncio.get_running_loop().time() + min(query.wait, caller.context.settings.max_wait_s)
    while True:
        heard = await redis.xrange(HEARD + caller.owner, f"({after}", "+", count=EVENTS_AT_ONCE)
        left = deadline - asyncio.get_running_loop().time()
        if heard or left <= 0 or await request.is_disconnected():
            break
        await asyncio.sleep(min(LOOK_S, left))
    following = heard[-1][0].decode() if heard else after
    return uncached(HeardEvents(events=await _events(caller, heard), next=following))


async def _events(caller: Caller, heard: Any) -> list[HeardEvent]:
    ids = [fields[b"event"].decode() for _, fields in heard]
    async with caller.context.redis.pipeline(transaction=False) as pipe:
        for one in ids:
            pipe.hgetall(JOB + one)
        records = [unpack(fields) for fields in await pipe.execute()]
    return [
        HeardEvent(id=one, body=message_of(record, caller.context.settings).body.decode())
        for one, record in zip(ids, records, strict=True)
        if record.get(b"params")
    ]
