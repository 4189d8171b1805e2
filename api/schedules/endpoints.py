"""Schedules: reports and events that are submitted by a cron expression: `/v1/schedules`."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated, cast

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.body import chunks_of
from api.http.caller import Caller, caller_for_owner, caller_of
from api.http.checks import Checks
from api.http.json_body import check_type, documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, ListQuery, OwnerQuery, OwnersQuery, documented_query, query_of
from api.jobs.submitted import respond
from api.jobs.views import Job
from api.labels import TaggedListQuery, labels_of
from api.schedules import views
from api.schedules.job_bodies import check_scope_of, examine_job, split_body, submission_of
from api.schedules.views import EXAMPLE_SCHEDULE, ScheduleChange, ScheduleRequest
from tasks import clock
from tasks.accounts.owners import suspended_owners
from tasks.clock import from_ms
from tasks.queue.jobs.submission import Submitted
from tasks.queue.records.indexes import EVERYONE
from tasks.refusal import Refusal
from tasks.schedule import runs, store
from tasks.schedule.cron import canonical, canonical_zone, check_cron, due_times, in_words
from tasks.schedule.store import SchedulePatch

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

MAX_BODY_BYTES = 64 * 1024
MAX_RECENT_RUNS = 10
MAX_DUE_TIMES = 20
BODY_REFUSALS = ("unauthorized", "invalid_request", "unsupported_media_type", "too_large")
LINE_REFUSALS = ("invalid_cron", "unknown_timezone")

ScheduleId = Annotated[
    str,
    Path(description="The schedule's id, or the name of a built-in schedule.", examples=[EXAMPLE_SCHEDULE]),
]


class ScheduleListQuery(TaggedListQuery, OwnersQuery):
    """The query parameters of the list of schedules."""

    runs: int = Field(
        0, ge=0, le=MAX_RECENT_RUNS, description="How many of its newest runs each schedule has in `recent_runs`."
    )


class DueTimesQuery(BaseModel):
    """The query parameters of the times at which a cron expression is due."""

    model_config = ConfigDict(extra="forbid")

    cron: views.Cron = "0 0 * * *"
    timezone: views.Timezone = "UTC"
    count: int = Field(5, ge=1, le=MAX_DUE_TIMES, description="How many times are asked for.")


class RunListQuery(ListQuery, OwnerQuery):
    """The query parameters of the list of a schedule's runs."""


@router.post(
    "",
    status_code=201,
    operation_id="create_schedule",
    summary="Create a schedule",
    response_model=views.Schedule,
    response_description="The schedule, with its path in `Location`.",
    responses=documented(
        *BODY_REFUSALS,
        *LINE_REFUSALS,
        "not_found",
        "not_ready",
        "upload_unfinished",
        "expired",
        "unknown_dataset",
        "too_many_objects",
        "params_too_large",
        "too_many_schedules",
        "rate_limited",
        "redis_full",
        "spec_reader_unavailable",
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
@requires("jobs:write")
async def create_schedule(request: Request) -> Response:
    """Each run submits a job like any other; its end is sent to the subscribed endpoints.

    When the clock changes, a cron expression with a fixed minute and hour runs once: at the first of two equal times,
    or at the end of the gap. An expression whose minute or hour begins with `*` follows the elapsed time.
    """
    caller = caller_of(request)
    check_type(request)
    limit = caller.context.settings.max_spec_bytes
    async with (
        aclosing(chunks_of(request)) as stream,
        caller.context.large_bodies.receive(request.headers, stream, limit) as text,
    ):
        checks = Checks()
        body, job = await split_body(text or b"{}", checks)
        requested = checks.model(body, ScheduleRequest)
        if requested is not None:
            _check_times(requested, checks)
            checks.run(lambda: labels_of(caller.context.settings, requested))
        examined_job = await examine_job(caller, job, checks) if job is not None else None
        checks.done()
        assert requested is not None and examined_job is not None  # noqa: S101, PT018 - else the checks have failed
        submission = await submission_of(caller, examined_job)
    patch = cast("SchedulePatch", requested.model_dump(exclude={"job"}))
    schedule = await caller.context.schedule_store.create(
        caller.owner, patch, submission, most=caller.quotas.schedules if caller.quotas else None
    )
    (view,) = await _views(caller, [schedule])
    return uncached(view, 201, Location=views.path_of(schedule.id))


@router.get(
    "",
    operation_id="list_schedules",
    summary="List schedules",
    response_model=views.SchedulePage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(ScheduleListQuery),
)
@requires("jobs:read")
async def list_schedules(request: Request) -> Response:
    """Newest first. For admins the first page begins with the built-in schedules, unless it is of another owner; with
    `owner=*` those of all owners follow. With `tag`, a page can be short or
    empty although more pages follow; continue while there is a `next`.
    """
    query = query_of(request, ScheduleListQuery)
    caller = caller_of(request).acting_for(query.owner)
    found, following = await caller.context.schedule_store.page(caller.owner, query.limit, query.cursor)
    is_everyones = query.owner == EVERYONE
    if query.cursor is None and (caller.is_admin or is_everyones):
        found = [*await caller.context.schedule_store.built_in(), *found]
    wanted = [one for one in found if query.is_wanted(one.tags)]
    shown = await _views(caller, wanted)
    if query.runs and shown:
        recent = await runs.recent_runs(caller.context.redis, [one.id for one in shown], query.runs)
        for one in shown:
            one.recent_runs = list(map(views.summary_of, recent[one.id]))
    return uncached(views.SchedulePage(schedules=shown, next=following))


@router.get(
    "/due-times",
    operation_id="list_due_times",
    summary="List due times",
    response_model=views.CronDueTimes,
    responses=documented("unauthorized", "forbidden", "invalid_request", *LINE_REFUSALS),
    openapi_extra=documented_query(DueTimesQuery),
)
@requires("jobs:read", "jobs:write")
async def list_due_times(request: Request) -> Response:
    """Says in words when a cron expression is due, and at which times next, before a schedule is made of it."""
    query, checks = query_of(request, DueTimesQuery), Checks()
    cron = checks.run(lambda: canonical(query.cron))
    timezone = checks.run(lambda: canonical_zone(query.timezone))
    checks.done()
    assert cron is not None and timezone is not None  # noqa: S101, PT018 - else the checks have failed
    found = due_times(cron, timezone, clock.now_ms(), query.count)
    when = in_words(cron, timezone)
    return uncached(views.CronDueTimes(cron=cron, timezone=timezone, when=when, due_times=list(map(from_ms, found))))


@router.get(
    "/{schedule_id}",
    operation_id="get_schedule",
    summary="Get a schedule",
    response_model=views.Schedule,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def get_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Returns the schedule with its next due time and its last run."""
    caller = caller_for_owner(request)
    (view,) = await _views(caller, [await _find(caller, schedule_id)])
    return uncached(view)


@router.patch(
    "/{schedule_id}",
    operation_id="change_schedule",
    summary="Update a schedule",
    response_model=views.Schedule,
    responses=documented(*BODY_REFUSALS, "forbidden", *LINE_REFUSALS, "not_found"),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        ScheduleChange,
        required=False,
        pause=("Pause the schedule", {"paused": True}),
        later=("Change the time and resume", {"cron": "0 7 1 * *", "paused": False}),
    ),
)
@requires("jobs:write")
async def change_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Changes only the fields that are sent, and pauses or resumes it. The job cannot be changed; create another
    schedule instead. The key needs the scope of the job too: `reports` or `webhooks`.
    """
    caller = caller_for_owner(request)
    checks = Checks()
    requested = examined(await receive_text(request, MAX_BODY_BYTES), ScheduleChange, checks)
    if requested is not None:
        _check_times(requested, checks)
        checks.run(lambda: labels_of(caller.context.settings, requested))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    schedule = await _find(caller, schedule_id)
    check_scope_of(caller, schedule.kind)
    if schedule.built_in and (more := requested.model_fields_set - {"paused"}):
        raise _built_in(min(more))
    patch = cast("SchedulePatch", requested.model_dump(exclude_unset=True))
    (view,) = await _views(caller, [await caller.context.schedule_store.change(schedule, patch)])
    return uncached(view)


@router.delete(
    "/{schedule_id}",
    status_code=204,
    operation_id="delete_schedule",
    summary="Delete a schedule",
    response_class=Response,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def delete_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Deletes the schedule and its list of runs. The jobs of its runs are not affected."""
    caller = caller_for_owner(request)
    schedule = await _find(caller, schedule_id)
    if schedule.built_in:
        raise _built_in("schedule_id")
    await caller.context.schedule_store.delete(schedule)
    return Response(status_code=204)


@router.get(
    "/{schedule_id}/runs",
    operation_id="list_runs",
    summary="List a schedule's runs",
    response_model=views.RunPage,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(RunListQuery),
)
@requires("jobs:read")
async def list_runs(request: Request, schedule_id: ScheduleId) -> Response:
    """Newest first, with skipped runs and the reason. A page can be short or empty although more pages follow; continue
    while there is a `next`.
    """
    query = query_of(request, RunListQuery)
    caller = caller_of(request).acting_for(query.owner)
    schedule = await _find(caller, schedule_id)
    found, following = await runs.read_runs(caller.context.redis, schedule.id, limit=query.limit, cursor=query.cursor)
    return uncached(views.RunPage(runs=[views.run_of(run, caller.base_url) for run in found], next=following))


@router.post(
    "/{schedule_id}/runs",
    status_code=202,
    operation_id="run_schedule",
    summary="Run a schedule now",
    response_model=Job,
    response_description="The run's job, with its path in `Location`.",
    responses=documented(
        "unauthorized",
        "forbidden",
        "invalid_request",
        "not_found",
        "queue_full",
        "owner_queue_full",
        "rate_limited",
        "redis_full",
        "expired",
    ),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def run_schedule(request: Request, schedule_id: ScheduleId) -> Response:
    """Starts a run at once, even while the schedule is paused or another run is active. Its next due time stays.

    The key needs the scope of the job too: `reports` or `webhooks`.
    """
    caller = caller_for_owner(request)
    schedule = await _find(caller, schedule_id)
    check_scope_of(caller, schedule.kind)
    job_id = await caller.context.scheduler.run_now(schedule)
    return await respond(caller, Submitted(job_id, created=True))


def _check_times(requested: ScheduleRequest | ScheduleChange, checks: Checks) -> None:
    """Examine what pydantic cannot. A field that is at fault already is not set."""
    if "cron" in requested.model_fields_set:
        checks.run(lambda: check_cron(requested.cron))
    if "timezone" in requested.model_fields_set:
        checks.run(lambda: canonical_zone(requested.timezone))


async def _find(caller: Caller, schedule_id: str) -> store.ScheduleRecord:
    return await caller.context.schedule_store.read(caller.owner, schedule_id, admin=caller.is_admin)


async def _views(caller: Caller, schedules: Sequence[store.ScheduleRecord]) -> list[views.Schedule]:
    last = await runs.last_runs(caller.context.redis, [one.last_run for one in schedules if one.last_run])
    suspended = await suspended_owners(caller.context.redis, {one.owner for one in schedules})
    address = caller.base_url
    return [
        views.schedule_of(one, last.get(one.last_run or ""), address, suspended=one.owner in suspended)
        for one in schedules
    ]


def _built_in(field: str) -> Refusal:
    return Refusal(
        "invalid_request",
        f"This schedule is built in, so {field!r} is not allowed. It can only be paused, resumed and run.",
        field=field,
    )
