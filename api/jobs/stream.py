"""Stream a job's changes as server-sent events: `GET /v1/jobs/{job_id}/events`.

The stream carries the current state, not the full history: a slow or returning client gets the latest state only.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field

from api.http.access.scopes import requires
from api.http.answers import json_of
from api.http.caller import Caller, caller_of
from api.http.components import component
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from api.jobs.get import JobId, find
from api.jobs.views import shown_job
from tasks.clock import from_ms
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

RECONNECT_MS = 1_000
"""Milliseconds that a browser waits before it reconnects."""
EXAMPLE = """retry: 1000

event: snapshot
data: {"id":"5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42","state":"queued",…}
id: 5d41402abc4b2a76.0

event: state
data: {"state":"running","attempt":1}
id: 7d793037a0760186.0

event: progress
data: {"done":2,"total":4,"note":"medium"}
id: b3ddbc502e307665.0

event: end
data: {"id":"5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42","state":"succeeded",…}
id: 900150983cd24fb0.0
"""


class StateChange(BaseModel):
    """The data of a `state` event."""

    state: State = Field(description="The job's new state.")
    attempt: int = Field(description="The number of attempts so far, including a running one.")
    due_at: datetime | None = Field(None, description="When the next attempt is due, while the job is `retrying`.")


component(StateChange)


class EventsQuery(OwnerQuery):
    """The query of a job's events."""

    token: str | None = Field(
        None,
        description="The token of the job, from a submit with an upload token, for an EventSource, which sends no "
        "headers. No other token may be in a URL.",
    )


EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream.",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["snapshot", "state", "progress", "jobs", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
    },
}


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    summary="Stream job events",
    response_class=Response,
    responses={
        200: {
            "description": "The events `snapshot` (the job), `state` (`state`, `attempt`, `due_at`), `progress` "
            "(as in the job), `jobs` (of a batch: the number of jobs in each state) and finally `end` (the "
            "job).",
            "content": {"text/event-stream": {"itemSchema": EVENT, "example": EXAMPLE}},
        },
        204: {"description": "You already received the `end` event (`Last-Event-ID`). Do not reconnect."},
        **documented(*OF_OWNER, "expired"),
    },
    openapi_extra=documented_query(EventsQuery),
)
@requires("jobs:read")
async def follow_job(
    request: Request,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        Header(max_length=100, description="The id of the last event you received.", examples=["5d41402abc4b2a76.0"]),
    ] = None,
) -> Response:
    """Server-sent events until the job ends. While nothing changes, a comment is sent regularly as a heartbeat.

    A stream that closes without an `end` event was interrupted, for example by a restart: reconnect, as browsers do by
    themselves. The response is 404 if the job was deleted in the meantime, 401 if the key was revoked or has expired,
    and 403 if its owner was suspended: these close a stream too.

    With `Last-Event-ID`, the `snapshot` is left out if nothing has changed since that event.
    """
    caller = caller_of(request).acting_for(query_of(request, EventsQuery).owner)
    heartbeat_s = caller.context.settings.events_heartbeat_s
    record = await find(caller, job_id)
    # One that has ended changes no more, and may be in the history alone.
    changes = _only(record) if record.state.ended else caller.context.watch.follow(job_id, heartbeat_s)
    first = await anext(changes, None)
    if first is None:
        raise Refusal("not_found", f"Job {job_id!r} was not found.")
    if first.state.ended and last_event_id == _id_of(first, 0):
        await changes.aclose()
        return Response(status_code=204)
    resumed = last_event_id == _id_of(first, 0)

    def shown(record: Record) -> str:
        return json_of(shown_job(record, caller)).decode()

    stream = _stream(changes, first, shown, caller, resumed=resumed)
    # Without this header some proxies buffer the events.
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _only(record: Record) -> AsyncGenerator[Record | None]:
    yield record


async def _may_see(caller: Caller, record: Record | None) -> bool:
    """Whether the caller may see a change still: its key has not ended, and its owner is not suspended.

    While Redis does not answer, silence (None) goes on: a browser that is answered 503 would not come back.
    """
    try:
        await caller.check_again()
    except Refusal as refusal:
        return refusal.code == "unavailable" and record is None
    return True


async def _stream(
    changes: AsyncGenerator[Record | None],
    first: Record,
    shown: Callable[[Record], str],
    caller: Caller,
    *,
    resumed: bool,
) -> AsyncGenerator[bytes]:
    """The bytes of all events. resumed: whether the client already has the first record."""
    async with aclosing(changes):
        yield format_sse_event(retry=RECONNECT_MS)
        if not resumed:
            yield _written(first, _first_events(first, shown))
        before = first
        async for record in changes:
            if not await _may_see(caller, record):
                return
            if record is None:
                yield KEEPALIVE_COMMENT
            else:
                yield _written(record, _events(before, record, shown))
                before = record


def _written(record: Record, events: Iterator[tuple[str, str]]) -> bytes:
    """One change as events. Only the last one has the id that says that the client has all of them."""
    all_events = list(events)
    return b"".join(
        format_sse_event(event=name, data_str=data, id=_id_of(record, len(all_events) - n))
        for n, (name, data) in enumerate(all_events, 1)
    )


def _first_events(record: Record, shown: Callable[[Record], str]) -> Iterator[tuple[str, str]]:
    job = shown(record)
    yield "snapshot", job
    if record.state.ended:
        yield "end", job


def _events(before: Record, record: Record, shown: Callable[[Record], str]) -> Iterator[tuple[str, str]]:
    if (record.state, record.attempt) != (before.state, before.attempt) and not record.state.ended:
        due_at = from_ms(record.due_at) if record.state is State.RETRYING else None
        yield "state", json_of(StateChange(state=record.state, attempt=record.attempt, due_at=due_at)).decode()
    if record.progress is not None and record.progress != before.progress:
        yield "progress", json.dumps(record.progress)
    if record.kind == "batch" and record.tally != before.tally:
        yield "jobs", json.dumps(dict(record.tally))
    if record.state.ended:
        yield "end", shown(record)


def _id_of(record: Record, left: int) -> str:
    """An id that tells how the job stood. left: events that belong to it and are still to come."""
    stood: list[Any] = [record.state, record.attempt, record.due_at, record.progress, dict(record.tally)]
    return f"{hashlib.sha256(json.dumps(stood).encode()).hexdigest()[:16]}.{left}"
