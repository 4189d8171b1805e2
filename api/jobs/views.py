"""The public JSON of a job. Fields without a value are left out."""

import json
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field, WithJsonSchema

from api.http.answers import Error, Links, as_sent
from api.http.caller import Caller
from api.http.components import component
from api.http.query import Page
from api.images.result import ImageResult
from api.jobs.waiting import WaitingFor
from api.labels import ShownMetadata, ShownTags
from api.unique.shown import ShownDebounce, ShownThrottle, ShownUnique
from tasks import clock
from tasks.clock import from_ms, maybe_from_ms
from tasks.kind import variant_of
from tasks.picture_result.view import shown_result
from tasks.public_files.urls import FileUrls
from tasks.queue.jobs.job_store import RETRYABLE
from tasks.queue.records.record import Priority, Record, RunIf, State

EXAMPLE_JOB = "5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42"
EXAMPLE_UPLOAD = "0b8f5c1d7e3a49c2a6d4e9f1b2c3d4e5"


class Attempt(BaseModel):
    """One attempt at a job."""

    number: int = Field(description="Counted from 1.")
    worker: str = Field(description="The id of the worker that ran it.")
    started_at: datetime = Field(description="When it started.")
    ended_at: datetime | None = Field(None, description="When it ended.")
    outcome: str = Field(
        description="`running`, `succeeded`, `failed`, `retrying`, `postponed` (what it needs was away), `cancelled`, "
        "`handed_back` (its worker stopped) or `lapsed` (its worker died). These two, and `postponed`, use up no try."
    )
    times: int | None = Field(
        None, description="Of a postponed one: as how many attempts in a row, all of which are this one entry."
    )
    error: Error | None = Field(None, description="Why it failed.")


class File(BaseModel):
    """An output file of a job."""

    name: str = Field(description="The file's name, unique in its job.", examples=["small.jpg"])
    variant: str = Field(
        description="Which output it is: of an image the name of the variant that was asked for, of any other the name "
        "of the file without its ending.",
        examples=["small"],
    )
    type: str = Field(description="The media type.", examples=["image/jpeg"])
    bytes: int = Field(description="The size in bytes.")
    sha256: str = Field(description="The SHA-256 of the bytes in hex; also the ETag of the download.")
    url: str = Field(
        description="The URL to download it from: it needs an API key, or is a public one if the job's `urls` says so."
    )
    about: dict[str, Any] = Field(
        description="Facts about the file that depend on the kind, such as the size of an image in pixels.",
        examples=[{"width": 256, "height": 171}],
    )


class BulkCounts(BaseModel):
    """The numbers of a bulk action."""

    examined: int = Field(description="The number of jobs that were looked at.", examples=[5012])
    matched: int = Field(
        description="The number of jobs that match the filter; at least so many, while `complete` is false.",
        examples=[4711],
    )
    changed: int = Field(
        description="The number of jobs that were cancelled, are `stopping`, were retried or were deleted; 0 in a dry "
        "run.",
        examples=[4711],
    )
    complete: bool = Field(
        description="Whether all jobs that match are in `matched`. In the result of a dry run it is false if more than "
        "`BULK_MAX_EXAMINED` jobs would have had to be looked at."
    )


class BulkResult(BulkCounts):
    """What a bulk action returned. Of the outcomes it has those of its verb, and a dry run has none."""

    cancelled: int | None = Field(None, description="The number of jobs that waited, and were cancelled.")
    stopping: int | None = Field(
        None, description="The number of running jobs whose workers were asked to stop them, and of batches."
    )
    retried: int | None = Field(None, description="The number of jobs that run again.")
    deleted: int | None = Field(None, description="The number of jobs that were deleted.")
    skipped: int | None = Field(
        None,
        description="The number of jobs that matched and were not changed: because of what had become of them, because "
        "others need them, or because they began to match while as many as expected did already.",
    )


class JobProgress(BaseModel):
    """How far a running job is, or how far one came that has ended. Of a bulk action it also has its numbers."""

    done: int = Field(description="Steps that are done.", examples=[2])
    total: int = Field(
        description="Steps in all, as far as is known: it grows with `done` where it is not known.", examples=[4]
    )
    note: str = Field(description="What is being done, or is counted.", examples=["medium"])
    examined: int | None = Field(None, description="Of a bulk action: as in its result.")
    matched: int | None = Field(None, description="Of a bulk action: as in its result, so far.")
    changed: int | None = Field(None, description="Of a bulk action: as in its result, so far.")
    complete: bool | None = Field(None, description="Of a bulk action: whether all jobs that match are in `matched`.")


ShownProgress = Annotated[dict[str, Any] | None, WithJsonSchema({"anyOf": [component(JobProgress), {"type": "null"}]})]
JobResult = Annotated[
    dict[str, Any] | None,
    WithJsonSchema({"anyOf": [component(ImageResult), component(BulkResult), {"type": "object"}, {"type": "null"}]}),
]
"""A job's result: of an image job an `ImageResult`, of a bulk action a `BulkResult`, of others their own object."""

Warnings = Annotated[
    list[str] | None,
    Field(
        description="Only in the response to a submit: what of the request was ignored, such as unknown form fields."
    ),
]


class Job(BaseModel):
    """A unit of background work. Times are UTC."""

    id: str = Field(description="The job's id: 32 hex digits.", examples=[EXAMPLE_JOB])
    kind: str = Field(description="What sort of work it is.", examples=["thumbnail"])
    queue: str = Field(description="The queue that it runs in.", examples=["media"])
    owner: str = Field(description="The owner of the API key that submitted it.", examples=["shop"])
    state: State = Field(description="The job's state.")
    priority: Priority = Field(description="Which of the owner's jobs start first.")
    name: str | None = Field(None, description="A name to show, such as the uploaded file's name.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    params: dict[str, Any] = Field(description="The parameters of the job.")
    created_at: datetime = Field(description="When it was submitted.")
    due_at: datetime | None = Field(None, description="When it may start, or when its next attempt is due.")
    started_at: datetime | None = Field(None, description="When its last attempt started.")
    finished_at: datetime | None = Field(None, description="When it ended.")
    expires_at: datetime | None = Field(
        None,
        description="When it expires. From then on its files are gone and the job answers 410, unless the service "
        "keeps a history (`HISTORY=storage`).",
    )
    attempts: list[Attempt] = Field(description="The attempts, oldest first. The last may be `running`.")
    max_tries: int | None = Field(
        None,
        description="How many attempts it has at most, as its submit or its kind says; postponed ones, and those whose "
        "worker died, do not count, and a retry begins afresh. Absent if this service does not have the kind.",
        examples=[4],
    )
    timeout_s: float | None = Field(None, description="The seconds that one attempt may take, if its submit set them.")
    deadline: datetime | None = Field(
        None, description="When the last attempt may begin. One that waits longer fails with `deadline_passed`."
    )
    progress: ShownProgress = Field(None, description="How far it is: `done`, `total`, `note`, and more by kind.")
    result: JobResult = Field(
        None,
        description="What the job returned, by kind; of an image an `ImageResult`, of a bulk action a `BulkResult`.",
    )
    files: list[File] = Field(description="The output files. Empty until the job has succeeded.")
    error: Error | None = Field(
        None, description="Why it failed or was cancelled; while it is `retrying`, why the last attempt failed."
    )
    request_id: str | None = Field(None, description="The id of the request that submitted it.")
    deliveries: dict[State, int] | None = Field(
        None, description="Only for an event: the number of its deliveries in each state."
    )
    jobs: dict[State, int] | None = Field(None, description="Only for a batch: the number of its jobs in each state.")
    batch: str | None = Field(None, description="The id of the batch that it belongs to.")
    schedule: str | None = Field(None, description="The id of the schedule that submitted it.")
    after: list[str] | None = Field(None, description="Ids of the jobs that must end before it starts.")
    run_if: RunIf | None = Field(
        None, description="For which end of them it waits: absent for `success`, else `failure` or `any`."
    )
    unique: ShownUnique = Field(None, description="The unique key that it was submitted with.")
    debounce: ShownDebounce = Field(None, description="The same, of a debounce.")
    throttle: ShownThrottle = Field(None, description="The same, of a throttle.")
    warnings: Warnings = None
    waiting_for: list[WaitingFor] | None = Field(
        None,
        description="Why it waits; in the answer for one job, and in a list with `waiting_for=true`. Absent if it runs "
        "or has ended.",
    )
    links: Links = Field(description="URLs of the job and of the actions that are possible now.")


class Jobs(BaseModel):
    """Several jobs."""

    jobs: list[Job] = Field(description="The jobs.")


class Batch(Jobs):
    """Several jobs that were submitted in one request, in order."""

    batch: str = Field(description="The id of their batch, which is a job of kind `batch`.", examples=[EXAMPLE_JOB])
    warnings: Warnings = None


class JobPage(Jobs, Page):
    """A page of jobs, newest first."""

    counts: dict[State, int] | None = Field(None, description="The number of jobs in each state, with `counts=true`.")


def path_of(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def shown_params(kind: str, text: str) -> dict[str, Any]:
    """The params of a job. The data of an event are answered as they were sent."""
    if kind != "event":
        params: dict[str, Any] = json.loads(text)
        return params
    raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    return {name: as_sent(bytes(value)) if name == "data" else json.loads(bytes(value)) for name, value in raw.items()}


def job_of(record: Record, caller: Caller, *, urls: FileUrls | None = None, with_markup: bool = True) -> Job:
    """The public view of a record.

    Args:
        record: The record.
        caller: Who reads it.
        urls: Which URLs they have, whatever its submit asked for.
        with_markup: Whether the result of an image job has its markup, which is long.
    """
    place = f"{caller.base_url}{path_of(record.id)}"
    url_of = caller.public_files.url_of(caller.base_url, record.id, urls or record.urls)
    kind = caller.context.kinds.get(record.kind)
    tally = {State(state): count for state, count in record.tally.items()}
    return Job(
        id=record.id,
        kind=record.kind,
        queue=record.queue,
        owner=record.owner,
        state=record.state,
        priority=record.priority,
        name=record.name,
        params=shown_params(record.kind, record.params),
        created_at=from_ms(record.created_at),
        due_at=from_ms(record.due_at) if record.state in (State.SCHEDULED, State.RETRYING) else None,
        started_at=maybe_from_ms(record.started_at),
        finished_at=maybe_from_ms(record.finished_at),
        expires_at=maybe_from_ms(record.expires_at),
        attempts=[_attempt(attempt) for attempt in attempts_of(record)],
        max_tries=min(record.max_tries or kind.retry.max_tries, kind.retry.max_tries) if kind else None,
        timeout_s=record.timeout_s,
        deadline=maybe_from_ms(record.deadline),
        progress=record.progress,
        result=shown_result(record.kind, record.result, record.files, url_of, with_markup=with_markup),
        files=[_file(file, url_of(file)) for file in record.files],
        error=Error(**record.last_error) if record.last_error else None,
        request_id=record.request_id,
        deliveries=tally if record.kind == "event" else None,
        jobs=tally if record.kind == "batch" else None,
        batch=record.batch,
        schedule=record.schedule,
        after=list(record.after) or None,
        run_if=None if record.run_if is RunIf.SUCCESS else record.run_if,
        tags=list(record.tags) or None,
        metadata=dict(record.metadata) or None,
        links=_links(record, place),
        **record.unique_as,
    )


def shown_job(record: Record, caller: Caller, urls: FileUrls | None = None) -> Job:
    """The public view of a record for its reader. A job token shows what became of the upload, with public URLs of its
    files, and nothing that its owner notes, nor how it is run.

    Args:
        record: The record.
        caller: Who reads it.
        urls: As of `job_of`.
    """
    if caller.access.job_id is None:
        return job_of(record, caller, urls=urls)
    job = job_of(record, caller, urls="public")
    return Job(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        owner="",
        state=job.state,
        priority=job.priority,
        name=job.name,
        params={},
        created_at=job.created_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        attempts=[],
        progress=job.progress,
        result=job.result,
        files=job.files,
        error=job.error,
        links=Links(self=job.links.self, events=job.links.events),
    )


def _links(record: Record, place: str) -> Links:
    alive = not record.state.ended
    again = record.state in RETRYABLE and record.kind != "batch" and not record.expired(clock.now_ms())
    return Links(
        self=place,
        events=f"{place}/events" if alive else None,
        cancellation=f"{place}/cancellation" if alive else None,
        retry=f"{place}/retry" if again else None,
    )


def _file(file: dict[str, Any], url: str) -> File:
    return File(
        name=file["name"],
        variant=variant_of(file["name"]),
        type=file["type"],
        bytes=file["bytes"],
        sha256=file["blob"],
        url=url,
        about=file.get("about", {}),
    )


def _attempt(attempt: dict[str, Any]) -> Attempt:
    times = {name: maybe_from_ms(attempt.get(name)) for name in ("started_at", "ended_at")}
    return Attempt.model_validate({**attempt, **times})


def attempts_of(record: Record) -> list[dict[str, Any]]:
    """The attempts as their views take them: with the one that runs, and with words for those whose worker died."""
    last = record.attempts[-1] if record.attempts and record.finished_at is not None else None
    attempts = [
        _in_words(attempt, was_last=attempt is last) if attempt["outcome"] == "lapsed" else attempt
        for attempt in record.attempts
    ]
    if record.state is State.RUNNING and record.worker and record.attempt:
        running = {"number": record.attempt, "worker": record.worker, "started_at": record.started_at}
        attempts.append({**running, "outcome": "running"})
    return attempts


def _in_words(lapsed: dict[str, Any], *, was_last: bool) -> dict[str, Any]:
    """was_last: whether the job ended with this attempt."""
    message = (
        f"The worker {lapsed['worker']} died, or was cut off, while it ran this attempt. "
        f"{'The job is not run again by itself.' if was_last else 'The job is run again, and no try is used up.'}"
    )
    return {"error": {"code": "lapsed", "message": message}, **lapsed}
