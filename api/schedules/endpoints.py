"""Schedules: what runs by itself and when, `/v1/schedules`."""

from collections.abc import Sequence
from typing import Annotated, cast

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.caller import Caller, caller_of
from api.http.json_body import documented_body, read, receive, receive_text
from api.http.problems import documented
from api.http.query import refuse_unknown
from api.jobs.submitted import respond
from api.jobs.views import Job, uncached
from api.schedules import views
from api.schedules.job_bodies import receive_job
from api.schedules.views import EXAMPLE_SCHEDULE, ScheduleChange, ScheduleRequest
from tasks import clock
from tasks.queue.jobs.enqueue import Submitted
from tasks.refusal import Refusal
from tasks.schedule import runs, store
from tasks.schedule.store import SchedulePatch

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

MAX_BODY_BYTES = 64 * 1024
MAX_PAGE = 200
BODY_REFUSALS = ("unauthorized", "invalid_request", "unsupported_media_type", "too_large")
LINE_REFUSALS = ("invalid_cron", "unknown_timezone")

ScheduleId = Annotated[
    str,
    Path(description="As it was created; or the name of one that comes with the service.", examples=[EXAMPLE_SCHEDULE]),
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, examples=[10])]
Cursor = Annotated[str | None, Query(max_length=300, description="The `next` of the page before.")]


@router.post(
    "",
    status_code=201,
    operation_id="create_schedule",
    summary="Let a report or an event happen by the clock",
    response_model=views.Schedule,
    response_description="The schedule, whose address is in `Location`.",
    responses=documented(
        *BODY_REFUSALS,
        *LINE_REFUSALS,
        "not_found",
        "not_ready",
        "expired",
        "unknown_dataset",
        "too_many_objects",
        "params_too_large",
        "too_many_schedules",
    ),
    openapi_extra=documented_body(
        ScheduleRequest,
        event=(
            "An event on working days",
            {
                "name": "Closing time",
                "cron": "30 17 * * MON-FRI",
                "timezone": "Europe/Berlin",
                "misfire": "skip",
                "job": {"kind": "event", "type": "shop.closing", "data": {"shop": 12}},
            },
        ),
        report=(
            "A report on the first of each month",
            {
                "cron": "0 6 1 * *",
                "job": {
                    "kind": "report",
                    "document": {"title": "House rules"},
                    "blocks": [{"type": "text", "text": "Be kind."}],
                },
            },
        ),
    ),
)
async def create_schedule(request: Request) -> Response:
    """Its runs are jobs like others, and their ends are told as those are.

    On nights on which the clock is changed a line that names minute and hour runs once: at the first of two equal
    times, and at the end of the gap if there is none. A line whose minute or hour begins with `*` goes by the time
    that passes.
    """
    caller = caller_of(request)
    text = await receive_text(request, caller.context.settings.max_spec_bytes)
    asked = read(text, ScheduleRequest)
    submission = await receive_job(caller, text)
    patch = cast("SchedulePatch", asked.model_dump(exclude={"job"}))
    schedule = await caller.context.schedule_store.create(caller.owner, patch, submission)
    (view,) = await _views(caller, [schedule])
    return uncached(view, 201, Location=views.path_of(schedule.id))


@router.get(
    "",
    operation_id="list_schedules",
    summary="Your schedules, newest first",
    response_model=views.SchedulePage,
    responses=documented("unauthorized", "invalid_request"),
)
async def list_schedules(request: Request, *, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """For admins the first page begins with those that come with the service. Go on while there is a `next`."""
    refuse_unknown(request, "limit", "cursor")
    caller = caller_of(request)
    found, following = await caller.context.schedule_store.page(caller.owner, limit, cursor)
    if cursor is None and caller.is_admin:
        found = [*await caller.context.schedule_store.built_in(), *found]
    return uncached(views.SchedulePage(schedules=await _views(caller, found), next=following))


@router.get(
    "/{schedule_id}",
    operation_id="get_schedule",
    summary="A schedule, and how its last run went",
    response_model=views.Schedule,
    responses=documented("unauthorized", "not_found"),
)
async def get_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """When it is due next, and what became of it the last time."""
    caller = caller_of(request)
    (view,) = await _views(caller, [await _find(caller, schedule_id)])
    return uncached(view)


@router.patch(
    "/{schedule_id}",
    operation_id="change_schedule",
    summary="Change, pause or resume a schedule",
    response_model=views.Schedule,
    responses=documented(*BODY_REFUSALS, *LINE_REFUSALS, "not_found"),
    openapi_extra=documented_body(
        ScheduleChange,
        pause=("Pause it", {"paused": True}),
        later=("Another time, and on with it", {"cron": "0 7 1 * *", "paused": False}),
    ),
)
async def change_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Only what is given changes. For another job make another schedule."""
    caller = caller_of(request)
    asked = await receive(request, ScheduleChange, MAX_BODY_BYTES)
    schedule = await _find(caller, schedule_id)
    if schedule.built_in and (more := asked.model_fields_set - {"paused"}):
        raise _built_in(min(more))
    patch = cast("SchedulePatch", asked.model_dump(exclude_unset=True))
    (view,) = await _views(caller, [await caller.context.schedule_store.change(schedule, patch)])
    return uncached(view)


@router.delete(
    "/{schedule_id}",
    status_code=204,
    operation_id="delete_schedule",
    summary="Delete a schedule",
    response_class=Response,
    responses=documented("unauthorized", "not_found", "invalid_request"),
)
async def delete_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Its runs are forgotten; their jobs stay as they are."""
    caller = caller_of(request)
    schedule = await _find(caller, schedule_id)
    if schedule.built_in:
        raise _built_in("schedule_id")
    await caller.context.schedule_store.delete(schedule)
    return Response(status_code=204)


@router.get(
    "/{schedule_id}/runs",
    operation_id="list_runs",
    summary="The runs of a schedule, newest first",
    response_model=views.RunPage,
    responses=documented("unauthorized", "not_found", "invalid_request"),
)
async def list_runs(request: Request, schedule_id: ScheduleId, *, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """What ran and how it went, and what did not and why. A page may be short, even empty, though there are more: go on
    while there is a `next`."""
    refuse_unknown(request, "limit", "cursor")
    caller = caller_of(request)
    schedule = await _find(caller, schedule_id)
    found, following = await runs.read_runs(caller.context.redis, schedule.id, limit=limit, cursor=cursor)
    return uncached(views.RunPage(runs=[views.run_of(run, caller.base_url) for run in found], next=following))


@router.post(
    "/{schedule_id}/runs",
    status_code=202,
    operation_id="run_schedule",
    summary="Run a schedule now",
    response_model=Job,
    response_description="Its job, whose address is in `Location`.",
    responses=documented("unauthorized", "not_found", "queue_full", "expired"),
)
async def run_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """By hand, whatever else runs, and also while it is paused. When it is due next stays as it is."""
    caller = caller_of(request)
    schedule = await _find(caller, schedule_id)
    job_id = await caller.context.scheduler.run_now(schedule, clock.now_ms())
    return await respond(caller, Submitted(job_id, created=True))


async def _find(caller: Caller, schedule_id: str) -> store.ScheduleRecord:
    return await caller.context.schedule_store.read(caller.owner, schedule_id, admin=caller.is_admin)


async def _views(caller: Caller, schedules: Sequence[store.ScheduleRecord]) -> list[views.Schedule]:
    last = await runs.last_runs(caller.context.redis, [one.last_run for one in schedules if one.last_run])
    address = caller.base_url
    return [views.schedule_of(one, last.get(one.last_run or ""), address) for one in schedules]


def _built_in(field: str) -> Refusal:
    return Refusal(
        "invalid_request", f"{field}: this schedule comes with the service; it can be paused and run.", field=field
    )
