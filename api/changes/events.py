"""The events of a stream of changes: what they say, and how those that nobody has taken yet become one."""

import json
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, Protocol, Self

from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field

from api.http.components import component
from tasks.clock import rfc3339
from tasks.queue.records.record import State
from tasks.queue.watch.feeds import JOBS_AT_ONCE, ChangedJob, FeedChanges, Sort

MAX_EVENT_BYTES: Final = 16 * 1024
"""Bytes of the jobs in one event. A stream gets at most one of each topic a second: changes that do not fit are
counted, and a client that reads slowly gets one event for all that it missed."""

Topic = Literal["jobs", "deliveries", "queues", "alerts"]
FOR_ADMINS: Final[tuple[Topic, ...]] = ("queues", "alerts")


class Ready(BaseModel):
    """The data of a `ready` event."""

    at: datetime = Field(description="From this time on, changes are sent.")


class ProgressNumbers(BaseModel):
    """How far a job is."""

    done: float | None = Field(None, description="How much is done.")
    total: float | None = Field(None, description="Of how much.")


class JobChange(BaseModel):
    """A job that was made, has changed, or was deleted."""

    id: str = Field(description="The job's id.")
    deleted: bool | None = Field(None, description="True if it was deleted. The other fields are absent then.")
    kind: str | None = Field(None, description="The kind of the job.")
    state: State | None = Field(None, description="Its state now.")
    attempt: int | None = Field(None, description="The number of attempts so far, including a running one.")
    created_at: datetime | None = Field(None, description="When it was made.")
    progress: ProgressNumbers | None = Field(None, description="How far it is, if it says so.")
    jobs: dict[State, int] | None = Field(
        None, description="Of a batch or an event, the number of its jobs or deliveries in each state."
    )


class JobChanges(BaseModel):
    """The data of a `jobs` or a `deliveries` event."""

    at: datetime = Field(description="Up to when.")
    jobs: list[JobChange] = Field(description="Jobs that were made or have changed since the event before, each once.")
    made: int = Field(description="How many jobs were made since the event before, listed here or not.")
    more: int = Field(description="How many more changes there were, of jobs that are not listed.")


class QueueNumbers(BaseModel):
    """The numbers of a queue."""

    name: str = Field(description="The queue's name.", examples=["media"])
    paused: bool = Field(description="Whether it is paused.")
    due: int = Field(description="The number of waiting jobs that could start now.")
    running: int = Field(description="The number of running jobs.")
    scheduled: int = Field(description="The number of waiting jobs that wait for a time or for other jobs.")
    retrying: int = Field(description="The number of waiting jobs that failed and wait for their next attempt.")
    oldest_age_s: float = Field(description="Seconds that the oldest job that could start now has waited.")
    rate_per_s: float = Field(description="Jobs that ended per second, over the last minute.")
    failed_last_hour: int = Field(description="Jobs that failed within the last hour, counted every ten seconds.")
    workers: int = Field(description="The number of workers that serve it.")


class QueueChanges(BaseModel):
    """The data of a `queues` event."""

    at: datetime = Field(description="When the numbers were read.")
    queues: list[QueueNumbers] = Field(description="All queues.")


class AlertNumbers(BaseModel):
    """Something that is wrong. `GET /v1/alerts` says what to do."""

    code: str = Field(description="The alert's code.", examples=["no_worker"])
    subject: str = Field(description="The name of a queue, the id of an endpoint, `redis` or `storage`.")
    since: datetime | None = Field(None, description="Since when it is so. Absent where that is not known.")
    value: float | None = Field(None, description="The measured value, where there is one.")


class AlertChanges(BaseModel):
    """The data of an `alerts` event."""

    at: datetime = Field(description="When it was looked for.")
    alerts: list[AlertNumbers] = Field(description="The alerts. Empty if nothing is wrong.")
    more: int = Field(description="How many alerts there are beside these.")


for model in (Ready, JobChanges, QueueChanges, AlertChanges):
    component(model)


class Update(Protocol):
    """What is to be sent to one who follows.

    Attributes:
        name: Of its event; of each name one waits at most.
        event: Its bytes.
    """

    @property
    def name(self) -> str: ...

    @property
    def event(self) -> bytes: ...

    def after(self, earlier: Any) -> Self:
        """One that says this and an earlier one of its name that was not sent yet."""


class LatestUpdate:
    """An update that makes earlier ones of its name needless.

    Args:
        name: Of the event.
        data: Of the event.
    """

    def __init__(self, name: str, data: BaseModel | None = None) -> None:
        self.name = name
        text = "{}" if data is None else data.model_dump_json(exclude_none=True)
        self.event = format_sse_event(event=name, data_str=text)

    def after(self, earlier: Any) -> Self:  # noqa: ARG002 - what Update says
        """This one."""
        return self


class JobsUpdate:
    """Changed jobs, as many as one event may have. All who follow a feed are sent the same bytes, written once.

    Args:
        name: Of the event.
        at_ms: Up to when (milliseconds since 1970).
        jobs: Id → the job as JSON, the last changes first.
        made: How many jobs were made.
        more: How many changes are not in `jobs`.
    """

    def __init__(self, name: Sort, at_ms: int, jobs: dict[str, str], made: int, more: int) -> None:
        self.name = name
        self.at_ms = at_ms
        self.jobs: dict[str, str] = {}
        self.made = made
        left = MAX_EVENT_BYTES
        for job_id, text in jobs.items():
            left -= len(text)
            if left < 0 or len(self.jobs) == JOBS_AT_ONCE:
                break
            self.jobs[job_id] = text
        self.more = more + len(jobs) - len(self.jobs)

    @classmethod
    def of(cls, name: Sort, changes: FeedChanges) -> Self:
        """The update of one reading of a feed."""
        jobs = {job.id: _written(job) for job in changes.jobs}
        return cls(name, changes.until_ms, jobs, changes.made, changes.more)

    @cached_property
    def event(self) -> bytes:
        """The bytes."""
        jobs = ",".join(self.jobs.values())
        at = rfc3339(self.at_ms)
        text = f'{{"at":"{at}","jobs":[{jobs}],"made":{self.made},"more":{self.more}}}'
        return format_sse_event(event=self.name, data_str=text)

    def after(self, earlier: "JobsUpdate") -> Self:
        """Both as one: of a job that is in both, this one counts."""
        jobs = self.jobs | {job_id: text for job_id, text in earlier.jobs.items() if job_id not in self.jobs}
        return type(self)(self.name, self.at_ms, jobs, self.made + earlier.made, self.more + earlier.more)


def _written(job: ChangedJob) -> str:
    if job.kind is None:
        return json.dumps({"id": job.id, "deleted": True})
    told: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "attempt": job.attempt,
        "created_at": rfc3339(job.created_ms),
        "progress": job.progress,
        "jobs": job.tally,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None}, separators=(",", ":"))
