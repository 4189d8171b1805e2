"""Get a job by id, optionally waiting until it ends: `GET /v1/jobs/{job_id}`."""

import re
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.http.access.scopes import requires
from api.http.answers import json_of
from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from api.jobs.views import Job, shown_job
from api.jobs.waiting import find_waiting_for
from tasks import clock
from tasks.public_files.urls import FileUrls
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

RETRY_AFTER_S = 1
PREFER_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})', re.IGNORECASE)

JobId = Annotated[
    str,
    Path(description="The job's id, from the response to the submit.", examples=["5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42"]),
]


class WaitQuery(OwnerQuery):
    """The query parameters of a job."""

    wait: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Seconds to wait for the job to end.", examples=[5]
    )
    urls: FileUrls | None = Field(
        None, description="Which URLs `url` and `markup` have, whatever the job's submit asked for."
    )


@router.get(
    "/{job_id}",
    operation_id="get_job",
    summary="Get a job",
    response_model=Job,
    responses=documented(*OF_OWNER, "expired"),
    openapi_extra=documented_query(WaitQuery),
)
@requires("jobs:read")
async def get_job(request: Request, job_id: JobId) -> Response:
    """The status is 200 for a failed job too; `error` says what went wrong. `waiting_for` says why a job that has not
    started does not start.

    With `?wait=N` or the header `Prefer: wait=N` the response is sent as soon as the job ends, or after N seconds with
    the job's state at that time. `Preference-Applied` says how long it waited at most: MAX_WAIT_S is the limit.

    The token of a job (`POST /v1/upload-tokens`) is answered its state, progress, result, files and error; what its
    owner notes on it, and how it was run, are left out or empty.

    A job is answered until it expires, and where the service keeps a history (`HISTORY=storage`) for `KEEP_HISTORY_S`
    longer, without its files. There a job with `keep` leaves the lists a day after its end, and has its files until it
    expires.
    """
    query = query_of(request, WaitQuery)
    caller, wait = caller_of(request).acting_for(query.owner), query.wait
    record = await find(caller, job_id)
    headers = {"Cache-Control": "no-store"}
    seconds = _seconds(request, wait, caller.context.settings.max_wait_s)
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
        if seconds and not record.state.ended:
            record = _known(caller, await caller.context.watch.wait_until_ended(job_id, seconds), job_id)
            await caller.check_again()
    if not record.state.ended:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    job = shown_job(record, caller, query.urls)
    if caller.access.job_id is None:
        job.waiting_for = (await find_waiting_for(caller.context, [record])).get(record.id)
    return Response(json_of(job), headers=headers, media_type="application/json")


async def find(caller: Caller, job_id: str) -> Record:
    """The caller's job; to an admin, anyone's. It may be one whose time is over and whose files are gone, where the
    history has such. Raises: Refusal `not_found`, `expired`."""
    context = caller.context
    return _known(caller, await read(context.redis, job_id) or await context.history.find(job_id), job_id)


async def find_unexpired(caller: Caller, job_id: str) -> Record:
    """As `find`, for what the history does not have: files, and another run. Raises: as `find`."""
    return _unexpired(await find(caller, job_id))


def _known(caller: Caller, record: Record | None, job_id: str) -> Record:
    is_other = record is not None and caller.access.job_id not in (None, record.id)
    if record is None or is_other or (record.owner != caller.owner and not caller.is_admin):
        raise Refusal("not_found", f"Job {job_id!r} was not found.")
    if record.owner != caller.owner:
        caller.act_as_admin(record.owner)
    return record if caller.context.history.on else _unexpired(record)


def _unexpired(record: Record) -> Record:
    if record.expired(clock.now_ms()):
        raise Refusal("expired", f"Job {record.id!r} has expired and its result was removed. Submit it again.")
    return record


def _seconds(request: Request, wait: float | None, most: float) -> float | None:
    """Seconds to wait, at most the limit; the answer's `Preference-Applied` says how many they are."""
    if wait is not None:
        return min(wait, most)
    preferred = PREFER_WAIT.search(", ".join(request.headers.getlist("prefer")))
    return min(float(preferred[1]), most) if preferred else None
