"""Stream what changes in lists and numbers, as server-sent events: `GET /v1/changes`.

`changes_response` makes every such stream: that of this route, whose sender has a key, and those of pages, whose viewer
has a session.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from api.changes.events import FOR_ADMINS, Topic
from api.http.access.scopes import requires
from api.http.caller import caller_of
from api.http.context import Context
from api.http.problems import documented
from api.http.query import documented_query, query_of
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/changes", tags=["jobs"])

RECONNECT_MS: Final = (1_000, 5_000)
"""Milliseconds that a browser waits before it reconnects, at random: after a restart not all come at once."""
MAX_STREAM_S: Final = 86_400
"""Seconds that `seconds` may ask for."""
EXAMPLE: Final = """retry: 2714

event: ready
data: {"at":"2026-11-28T09:30:00.123Z"}

event: jobs
data: {"at":"2026-11-28T09:30:01.130Z","jobs":[{"id":"5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42","kind":"thumbnail",…}],…}
"""
EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One event of the stream.",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["ready", "jobs", "deliveries", "queues", "alerts", "unavailable"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a stream.

    Args:
        owner: Whose jobs and deliveries are shown, or `tasks.queue.records.indexes.EVERYONE`, for an admin.
        is_admin: Whether the numbers of queues and the alerts may be shown.
        check_again: Is called before each event and heartbeat. It raises a refusal when the viewer may not look any
            more, and the stream ends; with `unavailable`, when that is not known, it goes on.
        holder: The owner in whose share of the streams it is; None for an admin of the settings, who has no share.
    """

    owner: str
    is_admin: bool
    check_again: Callable[[], Awaitable[None]]
    holder: str | None


class ChangesQuery(BaseModel):
    """The query of a stream of changes."""

    model_config = ConfigDict(extra="forbid")
    SEVERAL: ClassVar = frozenset({"topic"})

    topic: Annotated[list[Topic], Field(max_length=4)] = Field(
        ["jobs"],
        description="What to follow; send it several times for several. `jobs`: jobs, deliveries excepted. "
        "`deliveries`: deliveries of your events. `queues`: the numbers of all queues, and `alerts`: what is wrong; "
        "both for admins.",
    )
    owner: str | None = Field(
        None, min_length=1, max_length=100, description="The owner whose jobs are meant, or `*` for all. For admins."
    )
    seconds: int | None = Field(
        None,
        ge=0,
        le=MAX_STREAM_S,
        description="Seconds after which the stream ends. Without it, it goes on until you close it.",
        examples=[0],
    )


@router.get(
    "",
    operation_id="follow_changes",
    summary="Stream changes",
    response_class=Response,
    responses={
        200: {
            "description": "The events `ready`, `jobs` and `deliveries` (JobChanges), `queues` (QueueChanges), "
            "`alerts` (AlertChanges) and `unavailable`.",
            "content": {"text/event-stream": {"itemSchema": EVENT, "example": EXAMPLE}},
        },
        **documented("unauthorized", "forbidden", "invalid_request", "too_many_streams"),
    },
    openapi_extra=documented_query(ChangesQuery),
)
@requires("jobs:read")
async def follow_changes(
    request: Request,
    last_event_id: Annotated[  # noqa: ARG001 - browsers may send it; it changes nothing
        str | None, Header(max_length=100, description="It is ignored: `ready` says what to do.")
    ] = None,
) -> Response:
    """Server-sent events about lists and numbers, for a page that shows them: ids, states and numbers, at most one
    event of each topic a second. Changes that do not fit into an event are counted in its `more`.

    `ready` comes first, and again after an interruption: read your lists then. Changes from `at` on are sent, so that
    none is missed in between. `unavailable` says that Redis does not respond; what was sent before is the last that is
    known, until the next `ready`, `queues` or `alerts`.

    A stream that closes was interrupted, or its key was revoked or has expired: reconnect, as browsers do by
    themselves. For one job with its result, follow the job.
    """
    query = query_of(request, ChangesQuery)
    caller = caller_of(request)
    is_admin = caller.is_admin
    holder = None if caller.access.is_never_suspended else caller.owner
    caller = caller.acting_for(query.owner)
    viewer = Viewer(caller.owner, is_admin, caller.check_again, holder)
    return changes_response(caller.context, viewer, query.topic, query.seconds)


def changes_response(
    context: Context, viewer: Viewer, topics: Sequence[Topic], seconds: float | None = None
) -> Response:
    """Answer with a stream of changes.

    Args:
        context: The resources of this process.
        viewer: Who looks.
        topics: What is followed.
        seconds: After how many the stream ends; None if only the viewer ends it.

    Raises:
        Refusal: `forbidden`, `too_many_streams`.
    """
    if not viewer.is_admin and not set(topics).isdisjoint(FOR_ADMINS):
        raise Refusal(
            "forbidden",
            f"Only a key with the scope 'admin' may follow the topics {' and '.join(FOR_ADMINS)}. Leave them out.",
            field="topic",
        )
    context.changes.check_room(viewer.holder)
    stream = changes_of(context, viewer, topics, seconds)
    # Without this header some proxies buffer the events.
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def changes_of(
    context: Context, viewer: Viewer, topics: Sequence[Topic], seconds: float | None = None
) -> AsyncGenerator[bytes]:
    """The bytes of a stream of changes. It takes its place among those that may be there when it is first asked for
    bytes, and ends at once if there is none.

    Args:
        context: The resources of this process.
        viewer: Who looks; what may be followed is checked by `changes_response`.
        topics: What is followed.
        seconds: After how many it ends; None if only the viewer ends it.
    """
    heartbeat_s = context.settings.events_heartbeat_s
    left_s = float("inf") if seconds is None else seconds
    with context.changes.claimed(viewer.holder) as has_room:
        yield format_sse_event(retry=random.randint(*RECONNECT_MS))  # noqa: S311 - jitter, no secret
        if not has_room:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + left_s
        # While Redis does not answer at first, the stream ends: a browser that is answered 503 would not come back.
        with suppress(RedisError, OSError, TimeoutError):
            async with context.changes.follow(viewer.owner, topics) as follower:
                while not context.changes.closed and loop.time() < until:
                    updates = await follower.take(min(heartbeat_s, until - loop.time()))
                    if context.changes.closed:
                        return
                    try:
                        await viewer.check_again()
                    except Refusal as refusal:
                        if refusal.code != "unavailable":
                            return
                        follower.hold(updates)
                        updates = []
                    if updates or loop.time() < until:
                        yield b"".join(update.event for update in updates) or KEEPALIVE_COMMENT
