"""The public JSON of a record. What there is none of is left out."""

import json
from datetime import datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from api.http.times import from_ms, maybe_from_ms
from tasks.queue.jobs.reopen import RETRYABLE
from tasks.queue.records.record import Priority, Record, State

EXAMPLE_JOB = "5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42"
EXAMPLE_UPLOAD = "0b8f5c1d7e3a49c2a6d4e9f1b2c3d4e5"


class Error(BaseModel):
    """Why something did not succeed."""

    code: str = Field(examples=["truncated"])
    message: str
    field: str | None = Field(None, description="What was at fault of what was asked for, dotted.")


class Attempt(BaseModel):
    """One try at a job."""

    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str = Field(description="`succeeded`, `failed`, `retrying`, `cancelled`, `handed_back` or `lapsed`.")
    error: Error | None = None


class File(BaseModel):
    """An output of a job."""

    name: str = Field(examples=["small.jpg"])
    type: str = Field(examples=["image/jpeg"])
    bytes: int
    sha256: str = Field(description="Of the bytes; also the ETag of the download.")
    url: str = Field(description="Where to download it.")
    about: dict[str, Any] = Field(description="What the kind knows of it.", examples=[{"width": 256, "height": 171}])


class Links(BaseModel):
    """Where to go from here; only what applies now."""

    self: str
    events: str | None = None
    cancellation: str | None = None
    retry: str | None = None


class Job(BaseModel):
    """One piece of work. Times are UTC."""

    id: str = Field(examples=[EXAMPLE_JOB])
    kind: str = Field(examples=["thumbnail"])
    queue: str = Field(examples=["media"])
    owner: str = Field(description="Whose it is.", examples=["shop"])
    state: State
    priority: Priority
    name: str | None = Field(None, description="The name of the file as it was uploaded.")
    params: dict[str, Any] = Field(description="What was asked for.")
    created_at: datetime
    due_at: datetime | None = Field(None, description="When it is to start, or to be tried again.")
    started_at: datetime | None = Field(None, description="Of the last attempt.")
    finished_at: datetime | None = None
    expires_at: datetime | None = Field(None, description="From then on the job answers 410.")
    attempts: list[Attempt] = Field(description="The tries so far, oldest first, without one that is under way.")
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    files: list[File] = Field(description="Empty until the job has succeeded.")
    error: Error | None = None
    request_id: str | None = Field(None, description="Of the request that made it.")
    deliveries: dict[State, int] | None = Field(None, description="Of an event: how many are in each state.")
    jobs: dict[State, int] | None = Field(None, description="Of a batch: how many are in each state.")
    batch: str | None = Field(None, description="The batch that it is part of.")
    schedule: str | None = Field(None, description="The schedule whose run it is.")
    after: list[str] | None = Field(None, description="The jobs that had to succeed first.")
    links: Links


class Jobs(BaseModel):
    """Several jobs."""

    jobs: list[Job]


class Batch(Jobs):
    """Several jobs that were sent together, in order."""

    batch: str = Field(description="The id of their batch, which is a job too.", examples=[EXAMPLE_JOB])


class JobPage(Jobs):
    """Some jobs, newest first."""

    next: str | None = Field(None, description="The `cursor` of the following page; absent at the end.")
    counts: dict[State, int] | None = Field(None, description="How many are in each state, if that was asked for.")


def path_of(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def job_of(record: Record, address: str) -> Job:
    """The public view of a record."""
    place = f"{address}{path_of(record.id)}"
    tally = {State(state): count for state, count in record.tally.items()}
    return Job(
        id=record.id,
        kind=record.kind,
        queue=record.queue,
        owner=record.owner,
        state=record.state,
        priority=record.priority,
        name=record.name,
        params=json.loads(record.params),
        created_at=from_ms(record.created_at),
        due_at=from_ms(record.due_at) if record.state in (State.SCHEDULED, State.RETRYING) else None,
        started_at=maybe_from_ms(record.started_at),
        finished_at=maybe_from_ms(record.finished_at),
        expires_at=maybe_from_ms(record.expires_at),
        attempts=[_attempt(attempt) for attempt in record.attempts],
        progress=record.progress,
        result=record.result,
        files=[_file(file, place) for file in record.files],
        error=Error(**record.error) if record.error else None,
        request_id=record.request_id,
        deliveries=tally if record.kind == "event" else None,
        jobs=tally if record.kind == "batch" else None,
        batch=record.batch,
        schedule=record.schedule,
        after=list(record.after) or None,
        links=_links(record, place),
    )


def json_of(view: BaseModel) -> bytes:
    return view.model_dump_json(exclude_none=True).encode()


def uncached(view: BaseModel, status: int = 200, **headers: str) -> Response:
    """An answer that is true now, and maybe not in a moment."""
    return Response(json_of(view), status, {"Cache-Control": "no-store", **headers}, "application/json")


def _links(record: Record, place: str) -> Links:
    alive = not record.state.ended
    again = record.state in RETRYABLE and record.kind != "batch"
    return Links(
        self=place,
        events=f"{place}/events" if alive else None,
        cancellation=f"{place}/cancellation" if alive else None,
        retry=f"{place}/retry" if again else None,
    )


def _file(file: dict[str, Any], place: str) -> File:
    return File(
        name=file["name"],
        type=file["type"],
        bytes=file["bytes"],
        sha256=file["blob"],
        url=f"{place}/files/{file['name']}",
        about=file.get("about", {}),
    )


def _attempt(attempt: dict[str, Any]) -> Attempt:
    times = {name: maybe_from_ms(attempt.get(name)) for name in ("started_at", "ended_at")}
    return Attempt.model_validate({**attempt, **times})
