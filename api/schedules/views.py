"""The JSON of schedules: request bodies and responses."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from api.http.answers import Error, Links
from api.http.query import Page
from api.jobs.views import path_of as job_path
from api.jobs.views import shown_params
from api.labels import LabelFields, ShownMetadata, ShownTags
from api.schedules.job_bodies import EventJob, ReportJob
from tasks.clock import from_ms, maybe_from_ms
from tasks.schedule import runs, store
from tasks.schedule.cron import MAX_CHARS, in_words
from tasks.validation import shown

EXAMPLE_SCHEDULE = "9d2e7c4b1a8f4e3da5c06b7f1e8d9c02"
MAX_MISFIRE_S = 86_400


def _misfire(value: Any) -> Any:
    """Replaces the two error messages that pydantic would give, one for each branch of the union, by one."""
    if value == "skip":
        return value
    if type(value) in (int, float) and store.PROMPT_S <= value <= MAX_MISFIRE_S and value == int(value):
        return int(value)
    raise ValueError(f"{shown(value)} is not allowed. Send 'skip', or seconds from {store.PROMPT_S} to {MAX_MISFIRE_S}")


Name = Annotated[
    str | None, Field(min_length=1, max_length=100, description="A name to show.", examples=["Closing time"])
]
Description = Annotated[str | None, Field(max_length=500, description="A description to show.")]
Cron = Annotated[
    str,
    Field(
        max_length=MAX_CHARS,
        description="A cron expression: minute, hour, day of the month, month and weekday, as in Debian's cron, or "
        "`@daily` and its kin. It is kept in upper case, with ranges such as `22-6` written as two.",
        examples=["30 6 * * MON-FRI"],
    ),
]
Timezone = Annotated[str, Field(max_length=100, description="An IANA time zone name.", examples=["Europe/Berlin"])]
Overlap = Annotated[
    Literal["skip", "allow"], Field(description="What happens to a run that is due before the last one has ended.")
]
Misfire = Annotated[
    Literal["skip"] | Annotated[int, Field(ge=store.PROMPT_S, le=MAX_MISFIRE_S)],
    BeforeValidator(_misfire),
    Field(
        description="After an outage, the newest missed run is started if it is at most this many seconds late. "
        f"`skip` means {store.PROMPT_S} seconds."
    ),
]


class ScheduleRequest(LabelFields):
    """A new schedule. Its jobs have its tags and metadata too."""

    model_config = ConfigDict(extra="forbid")

    name: Name = None
    description: Description = None
    cron: Cron
    timezone: Timezone = "UTC"
    overlap: Overlap = "skip"
    misfire: Misfire = 3600
    paused: StrictBool = Field(False, description="Whether the schedule is created paused.")
    job: Annotated[
        dict[str, Any],
        BeforeValidator(lambda value: value, json_schema_input_type=ReportJob | EventJob),
        Field(description="The job that each run submits."),
    ]


class ScheduleChange(LabelFields):
    """Changes of a schedule. Fields that are not sent stay as they are."""

    model_config = ConfigDict(extra="forbid")

    # Factories, because OpenAPI would show any other default, as if leaving a field out set it to that value.
    name: Name = None
    description: Description = None
    cron: Cron = Field(default_factory=str)
    timezone: Timezone = Field(default_factory=str)
    overlap: Overlap = Field(default_factory=lambda: "skip")
    misfire: Misfire = Field(default_factory=lambda: "skip")
    paused: StrictBool = Field(
        default_factory=bool,
        description="Whether it is paused. Runs that were due while it was paused are not started later.",
    )


class Run(BaseModel):
    """One run of a schedule."""

    state: str = Field(description="The state of its job, or `skipped`.", examples=["succeeded"])
    due_at: datetime = Field(description="When it was due; for a manual run, when it was requested.")
    job: str | None = Field(None, description="The id of its job.")
    reason: str | None = Field(
        None,
        description="Why it was skipped: `missed` (no worker was running, until `noted_at`), `overlap` (the run before "
        "had not ended), `owner_suspended` (it stands for all that follow until the resume), `queue_full`, "
        "`owner_queue_full`, `rate_limited` or `redis_full`.",
    )
    noted_at: datetime | None = Field(None, description="When it was skipped.")
    started_at: datetime | None = Field(None, description="When its job started.")
    finished_at: datetime | None = Field(None, description="When its job ended.")
    result: dict[str, Any] | None = Field(None, description="The result of its job.")
    error: Error | None = Field(None, description="Why its job failed.")
    links: Links | None = Field(None, description="The URL of its job.")


class RunSummary(BaseModel):
    """How a run went, in short."""

    state: str = Field(description="The state of its job, or `skipped`.", examples=["succeeded"])
    due_at: datetime = Field(description="When it was due; for a manual run, when it was requested.")
    job: str | None = Field(None, description="The id of its job.")


class RunPage(Page):
    """A page of runs, newest first."""

    runs: list[Run] = Field(description="The runs.")


class ScheduleLinks(Links):
    """URLs of a schedule."""

    runs: str = Field(description="The URL of its runs.")


class Schedule(BaseModel):
    """A cron expression and the job that it submits."""

    id: str = Field(description="The schedule's id; for a built-in schedule, its name.", examples=[EXAMPLE_SCHEDULE])
    owner: str = Field(description="Whose schedule it is; of a built-in one, the service.", examples=["shop"])
    name: Name = None
    description: Description = None
    tags: ShownTags = None
    metadata: ShownMetadata = None
    cron: Cron
    timezone: Timezone
    when: str = Field(
        description="The cron expression in words.", examples=["At 06:30 on Monday through Friday (Europe/Berlin)"]
    )
    overlap: Overlap
    misfire: Misfire
    kind: str = Field(description="The kind of its jobs.", examples=["report"])
    params: dict[str, Any] = Field(description="The parameters of its jobs.")
    built_in: bool = Field(description="Whether it is a built-in schedule, which can only be paused, resumed and run.")
    paused: bool = Field(description="Whether it is paused.")
    paused_reason: str | None = Field(None, description="The error code because of which it was paused automatically.")
    blocked_reason: Literal["owner_suspended"] | None = Field(
        None, description="Why its runs are skipped although it is not paused: its owner is suspended."
    )
    next_at: datetime | None = Field(None, description="When it is due next.")
    last_run: Run | None = Field(None, description="Its last run.")
    recent_runs: list[RunSummary] | None = Field(
        None, description="Only in a list with `runs`: its newest runs, newest first."
    )
    created_at: datetime = Field(description="When it was created.")
    links: ScheduleLinks = Field(description="URLs of the schedule.")


class CronDueTimes(BaseModel):
    """When a cron expression is due."""

    cron: Cron
    timezone: Timezone
    when: str = Field(
        description="The cron expression in words.", examples=["At 06:30 on Monday through Friday (Europe/Berlin)"]
    )
    due_times: list[datetime] = Field(description="The next times at which it is due.")


class SchedulePage(Page):
    """A page of schedules: for admins, the first page begins with the built-in ones. Then yours, newest first."""

    schedules: list[Schedule] = Field(description="The schedules.")


def summary_of(run: runs.RunState) -> RunSummary:
    """The public view of a run's state."""
    return RunSummary(state=run.state, due_at=from_ms(run.due_at), job=run.job)


def path_of(schedule_id: str) -> str:
    return f"/v1/schedules/{schedule_id}"


def schedule_of(
    schedule: store.ScheduleRecord, last: runs.ScheduleRun | None, address: str, *, suspended: bool = False
) -> Schedule:
    """The public view of a schedule. suspended: whether its owner is."""
    place = f"{address}{path_of(schedule.id)}"
    return Schedule(
        id=schedule.id,
        owner=schedule.owner,
        name=schedule.name,
        description=schedule.description,
        cron=schedule.cron,
        timezone=schedule.timezone,
        when=in_words(schedule.cron, schedule.timezone),
        overlap=schedule.overlap,
        misfire=schedule.misfire,
        kind=schedule.kind,
        params=shown_params(schedule.kind, schedule.params),
        built_in=schedule.built_in,
        paused=schedule.paused,
        paused_reason=schedule.paused_reason,
        blocked_reason="owner_suspended" if suspended else None,
        next_at=maybe_from_ms(schedule.next_ms),
        last_run=run_of(last, address) if last else None,
        created_at=from_ms(schedule.created_at),
        tags=list(schedule.tags) or None,
        metadata=dict(schedule.metadata) or None,
        links=ScheduleLinks(self=place, runs=f"{place}/runs"),
    )


def run_of(run: runs.ScheduleRun, address: str) -> Run:
    """The public view of a run."""
    record = run.record
    if record is None:
        return Run(state="skipped", due_at=from_ms(run.due_at), reason=run.reason, noted_at=maybe_from_ms(run.noted_at))
    return Run(
        state=record.state,
        due_at=from_ms(run.due_at),
        job=record.id,
        started_at=maybe_from_ms(record.started_at),
        finished_at=maybe_from_ms(record.finished_at),
        result=record.result,
        error=Error(**record.error) if record.error else None,
        links=Links(self=f"{address}{job_path(record.id)}"),
    )
