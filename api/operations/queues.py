"""Queues and their lanes: `/v1/queues`, for admins."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import admin_of
from api.http.context import Context
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import ListQuery, Page, documented_query, query_of
from api.http.shared import shared
from api.operations.queue_path import AS_QUEUE, QueueRoute
from api.operations.workers import registry_of
from tasks.clock import from_ms, maybe_from_ms
from tasks.queue.lanes import stats
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.stats import RATE_S, LaneState, QueueSnapshot
from tasks.queue.queues.queue_store import MAX_SLOTS, QueueStore, Rank
from tasks.queue.records.record import State
from tasks.queue.redis_keys import QUEUES
from tasks.queue.watch.workers import WorkerRegistry
from tasks.refusal import Refusal
from tasks.validation import JsonInteger

router = APIRouter(prefix="/v1/queues", tags=["operations"], route_class=QueueRoute)

MAX_BODY_BYTES = 4096
FOR_ADMINS = ("unauthorized", "forbidden", "not_found")
OF_CHANGE = ("unauthorized", "forbidden", "invalid_request", "unsupported_media_type", "too_large")

QueueName = Annotated[
    str,
    Path(
        description=f"The queue: {', '.join(QUEUES)}, one that was made by naming it, or `arq/` with the `queue_name` "
        "of an ARQ application.",
        examples=["media"],
    ),
]
PRIORITY = "Of the queues that share the slots of a pattern in a worker, `high` ones are served first, `low` ones last."
CONCURRENCY = "The number of its jobs that one worker runs at once, where QUEUES does not say another number."
MAX_RUNNING = "The number of its jobs that may run at once, of all workers."


class Queue(BaseModel):
    """The state of a queue."""

    name: str = Field(description="The queue's name.", examples=["media"])
    paused: bool = Field(description="Whether it is paused. A paused queue starts no jobs; running jobs go on.")
    paused_since: datetime | None = Field(None, description="When it was paused.")
    paused_by: str | None = Field(None, description="The admin who paused it.", examples=["ops"])
    pause_reason: str | None = Field(None, description="Why, as that admin wrote it.", examples=["The disk is full"])
    waiting: int = Field(description="The number of jobs that are due, scheduled or retrying.")
    due: int = Field(description="The number of waiting jobs that could start now.")
    scheduled: int = Field(description="The number of waiting jobs that wait for a time or for other jobs.")
    retrying: int = Field(description="The number of waiting jobs that failed and wait for their next attempt.")
    running: int = Field(description="The number of running jobs.")
    oldest_age_s: float = Field(
        description="Seconds that the oldest job that a worker could start now has waited; 0 if there is none. Jobs in "
        "lanes that are full, limited or parked do not count."
    )
    rate_per_s: float = Field(description="Jobs that ended per second, over the last minute.")
    workers: int = Field(description="The number of workers that serve it.")
    served: bool = Field(description="Whether a worker serves it, of Pressroom or of ARQ.")
    priority: Rank = Field(description=PRIORITY)
    concurrency: int | None = Field(None, description=CONCURRENCY)
    max_running: int | None = Field(None, description=MAX_RUNNING)
    made_at: datetime | None = Field(None, description="When it was made. Absent for those that are always there.")
    made_by: str | None = Field(None, description="Its maker: an owner, or `system` for a worker.", examples=["acme"])


class QueueChange(BaseModel):
    """All that is set of a queue. What is not sent is not set from then on."""

    model_config = ConfigDict(extra="forbid")

    priority: Rank = Field("normal", description=PRIORITY)
    concurrency: Annotated[JsonInteger | None, Field(ge=1, le=MAX_SLOTS)] = Field(None, description=CONCURRENCY)
    max_running: Annotated[JsonInteger | None, Field(ge=1, le=MAX_SLOTS)] = Field(None, description=MAX_RUNNING)
    paused: bool | None = Field(None, description="Whether it is paused. It stays as it is if this is not sent.")


class PauseRequest(BaseModel):
    """Why a queue is paused."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(
        None, min_length=1, max_length=200, description="The reason, for other admins.", examples=["The disk is full"]
    )


class Queues(BaseModel):
    """All queues."""

    queues: list[Queue] = Field(description="The queues.")


class Lane(BaseModel):
    """The jobs of one owner, or for one endpoint, in a queue. Lanes take turns."""

    name: str = Field(
        description="`owner:` or `service:` (the service's own work) followed by the owner, or `endpoint:` followed "
        "by its id.",
        examples=["owner:alice"],
    )
    owner: str | None = Field(None, description="The owner of its endpoint.", examples=["alice"])
    url: str | None = Field(None, description="The URL of its endpoint.", examples=["https://shop.example/webhooks"])
    state: LaneState = Field(
        description="Why its jobs wait. `ready`: for a worker. `full`: the lane or its owner runs as many jobs as "
        "allowed. `limited`: `rate` jobs have started in this second. `parked`: its endpoint keeps failing or asked "
        "for a pause."
    )
    waiting: int = Field(description="The number of waiting jobs.")
    running: int = Field(description="The number of running jobs.")
    cap: int | None = Field(
        None, description="The number of its jobs that may run at once; 1 while its endpoint is tested for recovery."
    )
    rate: float | None = Field(None, description="The number of its jobs that may start per second.")
    until: datetime | None = Field(None, description="When it stops being parked or limited.")
    oldest_age_s: float | None = Field(None, description="Seconds that the oldest waiting job has been due.")
    failures: int | None = Field(None, description="The number of failures of its endpoint in a row.")
    failing_since: datetime | None = Field(None, description="When the failures in a row began.")


class LanePage(Page):
    """A page of lanes."""

    lanes: list[Lane] = Field(description="The lanes.")


@router.get(
    "",
    operation_id="list_queues",
    summary="List queues",
    response_model=Queues,
    responses=documented("unauthorized", "forbidden"),
)
@requires("admin")
async def list_queues(request: Request) -> Response:
    """For admins. Look into a queue that is paused, has no workers, or whose `oldest_age_s` keeps growing."""
    caller = admin_of(request)
    snapshot, registry = await _look(request, caller.context)
    return uncached(Queues(queues=[_queue(snapshot, registry, queue.name) for queue in snapshot.queues]))


@router.get(
    f"/{AS_QUEUE}",
    operation_id="get_queue",
    summary="Get a queue",
    response_model=Queue,
    responses=documented(*FOR_ADMINS),
)
@requires("admin")
async def get_queue(request: Request, queue: QueueName) -> Response:
    """For admins."""
    caller = admin_of(request)
    return uncached(await _found(request, caller.context, queue))


@router.get(
    f"/{AS_QUEUE}/lanes",
    operation_id="list_lanes",
    summary="List a queue's lanes",
    response_model=LanePage,
    responses=documented(*FOR_ADMINS, "invalid_request"),
    openapi_extra=documented_query(ListQuery),
)
@requires("admin")
async def list_lanes(request: Request, queue: QueueName) -> Response:
    """For admins. Lists the lanes with waiting jobs: first those that cannot start jobs now, then the others in turn.
    A lane that moves between two pages can be missing or listed twice.
    """
    query = query_of(request, ListQuery)
    caller = admin_of(request)
    await _found(request, caller.context, queue)
    found = await caller.context.queue_stats.lanes(queue, limit=query.limit, cursor=query.cursor)
    lanes, following, now_ms = found
    return uncached(LanePage(lanes=[_lane(lane, now_ms) for lane in lanes], next=following))


@router.post(
    f"/{AS_QUEUE}/pause",
    operation_id="pause_queue",
    summary="Pause a queue",
    response_model=Queue,
    responses=documented(*FOR_ADMINS, "invalid_request", "unsupported_media_type", "too_large"),
    openapi_extra=documented_body(PauseRequest, required=False, disk=("With a reason", {"reason": "The disk is full"})),
)
@requires("admin")
async def pause_queue(request: Request, queue: QueueName) -> Response:
    """For admins. A paused queue starts no jobs. Running jobs go on, and submits are accepted."""
    caller = admin_of(request)
    requested = await receive(request, PauseRequest, MAX_BODY_BYTES)
    await _found(request, caller.context, queue)
    await LaneControls(caller.context.redis).pause(queue, by=caller.owner, reason=requested.reason)
    return uncached(await _changed(request, caller.context, queue))


@router.post(
    f"/{AS_QUEUE}/resume",
    operation_id="resume_queue",
    summary="Resume a queue",
    response_model=Queue,
    responses=documented(*FOR_ADMINS),
)
@requires("admin")
async def resume_queue(request: Request, queue: QueueName) -> Response:
    """For admins. Waiting jobs are started again."""
    caller = admin_of(request)
    await _found(request, caller.context, queue)
    await LaneControls(caller.context.redis).resume(queue)
    return uncached(await _changed(request, caller.context, queue))


@router.put(
    f"/{AS_QUEUE}",
    operation_id="put_queue",
    summary="Create or update a queue",
    response_model=Queue,
    responses=documented(*OF_CHANGE, "too_many_queues"),
    openapi_extra=documented_body(
        QueueChange, first=("First of those that share slots, five at once", {"priority": "high", "max_running": 5})
    ),
)
@requires("admin")
async def put_queue(request: Request, queue: QueueName) -> Response:
    """For admins. Workers follow within 5 seconds. A queue that is empty, and that no worker has served for a day, is
    removed, unless it is paused.
    """
    caller, body = admin_of(request), await receive(request, QueueChange, MAX_BODY_BYTES)
    context = caller.context
    store, controls = QueueStore(context.redis, context.settings.max_queues), LaneControls(context.redis)
    rules = {"concurrency": body.concurrency, "max_running": body.max_running}
    await store.put(queue, owner=caller.owner, rank=body.priority, **rules)
    if body.paused is not None:
        await (controls.pause(queue, by=caller.owner) if body.paused else controls.resume(queue))
    return uncached(await _changed(request, context, queue))


@router.delete(
    f"/{AS_QUEUE}",
    status_code=204,
    operation_id="delete_queue",
    summary="Delete a queue",
    responses=documented(*FOR_ADMINS, "queue_in_use"),
)
@requires("admin")
async def delete_queue(request: Request, queue: QueueName) -> Response:
    """For admins. A queue must be empty. One that a worker serves by name is there again with its next beat."""
    context = admin_of(request).context
    await _found(request, context, queue)
    await QueueStore(context.redis, context.settings.max_queues).delete(queue)
    return Response(status_code=204)


async def _look(request: Request, context: Context) -> tuple[QueueSnapshot, WorkerRegistry]:
    return await snapshot_of(request, context), await registry_of(request, context)


async def snapshot_of(request: Request, context: Context) -> QueueSnapshot:
    """The queues of now; for the calls of one page they are read once."""
    return (await _snapshots(request, context))[RATE_S]


async def alert_snapshot_of(request: Request, context: Context) -> QueueSnapshot:
    """The same, with what ended in the time that alerts look at."""
    return (await _snapshots(request, context))[context.settings.alert_window_s]


async def _snapshots(request: Request, context: Context) -> dict[int, QueueSnapshot]:
    windows_s = (RATE_S, context.settings.alert_window_s)
    return await shared(request, "queues", lambda: context.queue_stats.queues_over(*windows_s))


async def _found(request: Request, context: Context, queue: str) -> Queue:
    """The queue of this name. Raises: Refusal `not_found`."""
    snapshot, registry = await _look(request, context)
    return _queue(snapshot, registry, queue)


async def _changed(request: Request, context: Context, queue: str) -> Queue:
    """The queue as it is now, whatever was read of it before in this request."""
    snapshot = await context.queue_stats.queues()
    return _queue(snapshot, await registry_of(request, context), queue)


def _queue(snapshot: QueueSnapshot, registry: WorkerRegistry, name: str) -> Queue:
    queue = snapshot.find(name)
    if queue is None:
        names = ", ".join(one.name for one in snapshot.queues)
        raise Refusal("not_found", f"Queue {name!r} does not exist. The queues are {names}.", field="queue")
    return Queue(
        name=name,
        paused=queue.paused_ms is not None,
        paused_since=maybe_from_ms(queue.paused_ms),
        paused_by=queue.paused_by,
        pause_reason=queue.paused_reason,
        waiting=queue.waiting,
        due=queue.due,
        scheduled=queue.jobs[State.SCHEDULED],
        retrying=queue.jobs[State.RETRYING],
        running=queue.jobs[State.RUNNING],
        oldest_age_s=round(snapshot.age_s(queue), 3),
        rate_per_s=round(snapshot.rate(queue), 3),
        workers=registry.serving(name),
        served=registry.serves(name),
        priority=cast(Rank, queue.rank or "normal"),
        concurrency=queue.concurrency,
        max_running=queue.max_running,
        made_at=maybe_from_ms(queue.made_ms),
        made_by=queue.made_by,
    )


def _lane(lane: stats.LaneStats, now_ms: int) -> Lane:
    return Lane(
        name=lane.name,
        owner=lane.owner,
        url=lane.url,
        state=lane.state,
        waiting=lane.waiting,
        running=lane.running,
        cap=lane.cap or None,
        rate=lane.rate or None,
        until=from_ms(lane.until_ms) if lane.until_ms else None,
        oldest_age_s=max(now_ms - lane.since_ms, 0) / 1000 if lane.since_ms else None,
        failures=lane.failures or None,
        failing_since=from_ms(lane.failing_since_ms) if lane.failing_since_ms else None,
    )
