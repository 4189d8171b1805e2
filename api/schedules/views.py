"""What an owner says of a schedule, and what is answered, as JSON."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.http.times import from_ms, maybe_from_ms
from api.jobs.views import Error, Links
from api.jobs.views import path_of as job_path
from api.schedules.job_bodies import EventJob, ReportJob
from tasks.schedule import runs, store
from tasks.schedule.cron import MAX_CHARS, in_words

EXAMPLE_SCHEDULE = "9d2e7c4b1a8f4e3da5c06b7f1e8d9c02"
MAX_MISFIRE_S = 86_400


def _misfire(said: Any) -> Any:
    """One sentence for what pydantic would tell of each of the two ways."""
    if said == "skip" or (type(said) is int and store.PROMPT_S <= said <= MAX_MISFIRE_S):
        return said
    raise ValueError(f"write `skip`, or seconds from {store.PROMPT_S} to {MAX_MISFIRE_S}")


Name = Annotated[
    str | None, Field(min_length=1, max_length=100, description="What people call it.", examples=["Closing time"])
]
Description = Annotated[str | None, Field(max_length=500, description="For you to recognise it by.")]
Cron = Annotated[
    str,
    Field(
        max_length=MAX_CHARS,
        description="Minute, hour, day of the month, month and weekday, as in Debian's cron.",
        examples=["30 6 * * MON-FRI"],
    ),
]
Timezone = Annotated[str, Field(max_length=100, description="An IANA name.", examples=["Europe/Berlin"])]
Overlap = Annotated[
    Literal["skip", "allow"], Field(description="What becomes of a run that is due before the last one has ended.")
]
Misfire = Annotated[
    Literal["skip"] | Annotated[int, Field(ge=store.PROMPT_S, le=MAX_MISFIRE_S)],
    BeforeValidator(_misfire),
    Field(
        description="After an outage the newest run that was missed is made up for, unless it is later than so many "
        f"seconds. With `skip` none is, that is later than {store.PROMPT_S} seconds."
    ),
]


class ScheduleRequest(BaseModel):
    """A new schedule."""

    model_config = ConfigDict(extra="forbid")

    name: Name = None
    description: Description = None
    cron: Cron
    timezone: Timezone = "UTC"
    overlap: Overlap = "skip"
    misfire: Misfire = 3600
    paused: bool = False
    job: Annotated[
        dict[str, Any],
        BeforeValidator(lambda said: said, json_schema_input_type=ReportJob | EventJob),
        Field(description="What each run does."),
    ]


class ScheduleChange(BaseModel):
    """What is to change of a schedule; what is not given stays as it is."""

    model_config = ConfigDict(extra="forbid")

    # A factory, since the document shows any other default: as if what is left out became that.
    name: Name = None
    description: Description = None
    cron: Cron = Field(default_factory=str)
    timezone: Timezone = Field(default_factory=str)
    overlap: Overlap = Field(default_factory=lambda: "skip")
    misfire: Misfire = Field(default_factory=lambda: "skip")
    paused: bool = Field(default_factory=bool, description="What was due meanwhile is not made up for.")


class Run(BaseModel):
    """One firing of a schedule."""

    state: str = Field(description="Of its job; or `skipped`.", examples=["succeeded"])
    due_at: datetime = Field(description="Of a run by hand, when somebody said so.")
    job: str | None = Field(None, description="The id of its job.")
    reason: str | None = Field(
        None,
        description="Why it was skipped: `missed` (nobody was there, nor for any other until `noted_at`), `overlap` "
        "(the run before had not ended) or `queue_full`.",
    )
    noted_at: datetime | None = Field(None, description="When it was skipped.")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = Field(None, description="What its job tells, such as counts.")
    error: Error | None = None
    links: Links | None = Field(None, description="To its job.")


class RunPage(BaseModel):
    """Some runs, newest first."""

    runs: list[Run]
    next: str | None = Field(None, description="The `cursor` of the following page; absent at the end.")


class ScheduleLinks(Links):
    """Where to go from here."""

    runs: str


class Schedule(BaseModel):
    """A cron line, and what it runs."""

    id: str = Field(examples=[EXAMPLE_SCHEDULE])
    name: Name = None
    description: Description = None
    cron: Cron
    timezone: Timezone
    when: str = Field(description="The line in words.", examples=["At 06:30 on Monday through Friday (Europe/Berlin)"])
    overlap: Overlap
    misfire: Misfire
    kind: str = Field(description="Of its jobs.", examples=["report"])
    params: dict[str, Any] = Field(description="Of its jobs.")
    built_in: bool = Field(description="Whether it comes with the service; such a one can only be paused and run.")
    paused: bool
    paused_reason: str | None = Field(None, description="A code, if it was paused because it could not go on.")
    next_at: datetime | None = Field(None, description="When it is due next.")
    last_run: Run | None = None
    created_at: datetime
    links: ScheduleLinks


class SchedulePage(BaseModel):
    """Some schedules: those that come with the service, for admins and on the first page; then yours, newest first."""

    schedules: list[Schedule]
    next: str | None = Field(None, description="The `cursor` of the following page; absent at the end.")


def path_of(schedule_id: str) -> str:
    return f"/v1/schedules/{schedule_id}"


def schedule_of(schedule: store.ScheduleRecord, last: runs.ScheduleRun | None, address: str) -> Schedule:
    """The public view of a schedule."""
    place = f"{address}{path_of(schedule.id)}"
    return Schedule(
        id=schedule.id,
        name=schedule.name,
        description=schedule.description,
        cron=schedule.cron,
        timezone=schedule.timezone,
        when=in_words(schedule.cron, schedule.timezone),
        overlap=schedule.overlap,
        misfire=schedule.misfire,
        kind=schedule.kind,
        params=json.loads(schedule.params),
        built_in=schedule.built_in,
        paused=schedule.paused,
        paused_reason=schedule.paused_reason,
        next_at=maybe_from_ms(schedule.next_ms),
        last_run=run_of(last, address) if last else None,
        created_at=from_ms(schedule.created_at),
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
