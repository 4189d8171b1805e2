"""A job as it goes on: server-sent events, `GET /v1/jobs/{id}/events`.

They tell how the job stands, not everything that ever happened: who reads slowly, or comes back, is told the latest.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field

from api.http.caller import caller_of
from api.http.problems import documented
from api.http.times import from_ms
from api.jobs.get import JobId, find
from api.jobs.views import job_of, json_of
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

RECONNECT_MS = 1_000
"""How long a browser waits before it comes back."""
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
    """What a `state` event tells."""

    state: State
    attempt: int = Field(description="The tries so far, with the one under way.")
    due_at: datetime | None = Field(None, description="When it is tried again.")


@router.get(
    "/{job_id}/events",
    operation_id="follow_job",
    summary="A job as it goes on",
    response_class=Response,
    responses={
        200: {
            "description": "`snapshot` (the job), then `state` (`state`, `attempt`, `due_at`), `progress` (`done`, "
            "`total`, `note`), of a batch `jobs` (how many are in each state), at last `end` (the job).",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
        },
        204: {"description": "You have been told of the end (`Last-Event-ID`): do not come back."},
        **documented("unauthorized", "not_found", "expired"),
    },
)
async def follow_job(
    request: Request,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        Header(max_length=100, description="Of the last event that you got.", examples=["5d41402abc4b2a76.0"]),
    ] = None,
) -> Response:
    """Server-sent events, which end when the job does. A comment comes when nothing has happened for a while.

    A stream that ends without `end` was cut off, as by a restart of the server: come back, as browsers do by
    themselves. If the job has been deleted meanwhile, the answer is 404.

    Who comes back with a `Last-Event-ID` is told of what has changed since; the snapshot is left out if nothing has.
    """
    caller = caller_of(request)
    await find(caller, job_id)
    changes = caller.context.watch.follow(job_id, caller.context.settings.events_heartbeat_s)
    first = await anext(changes, None)
    if first is None:
        raise Refusal("not_found", f"You have no job {job_id!r}.")
    if first.state.ended and last_event_id == _id_of(first, 0):
        await changes.aclose()
        return Response(status_code=204)
    told = last_event_id == _id_of(first, 0)
    stream = _stream(changes, first, caller.base_url, told=told)
    # Proxies would gather events until there are enough of them.
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _stream(
    changes: AsyncGenerator[Record | None], first: Record, address: str, *, told: bool
) -> AsyncGenerator[bytes]:
    """The bytes of all events. told: whether the first record is known already."""
    async with aclosing(changes):
        yield format_sse_event(retry=RECONNECT_MS)
        if not told:
            yield _written(first, _first_events(first, address))
        before = first
        async for record in changes:
            if record is None:
                yield KEEPALIVE_COMMENT
            else:
                yield _written(record, _events(before, record, address))
                before = record


def _written(record: Record, events: Iterator[tuple[str, str]]) -> bytes:
    """One change as events. Only the last has the id that says that all of it was told."""
    said = list(events)
    return b"".join(
        format_sse_event(event=name, data_str=data, id=_id_of(record, len(said) - n))
        for n, (name, data) in enumerate(said, 1)
    )


def _first_events(record: Record, address: str) -> Iterator[tuple[str, str]]:
    job = json_of(job_of(record, address)).decode()
    yield "snapshot", job
    if record.state.ended:
        yield "end", job


def _events(before: Record, record: Record, address: str) -> Iterator[tuple[str, str]]:
    if (record.state, record.attempt) != (before.state, before.attempt) and not record.state.ended:
        due_at = from_ms(record.due_at) if record.state is State.RETRYING else None
        yield "state", json_of(StateChange(state=record.state, attempt=record.attempt, due_at=due_at)).decode()
    if record.progress is not None and record.progress != before.progress:
        yield "progress", json.dumps(record.progress)
    if record.kind == "batch" and record.tally != before.tally:
        yield "jobs", json.dumps(dict(record.tally))
    if record.state.ended:
        yield "end", json_of(job_of(record, address)).decode()


def _id_of(record: Record, left: int) -> str:
    """An id that tells how the job stood. left: events that belong to it and are still to come."""
    stood: list[Any] = [record.state, record.attempt, record.due_at, record.progress, dict(record.tally)]
    return f"{hashlib.sha256(json.dumps(stood).encode()).hexdigest()[:16]}.{left}"
