"""Actions on one job: `POST /v1/jobs/{job_id}/cancellation`, `POST …/retry` and `DELETE`."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_for_owner
from api.http.context import Context
from api.http.problems import documented, problem
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.get import JobId, find, find_unexpired
from api.jobs.views import Job, job_of, path_of
from tasks.queue.jobs.job_store import RETRYABLE
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

CANCEL_WAIT_S = 2.0
"""Seconds that a cancellation waits for the job to end. A worker notices a cancellation within half a second."""


def documented_cancellation(model: type[BaseModel], noun: str) -> dict[str, Any]:
    """The documentation of a request that cancels a `noun`, which is answered as `model`."""
    return {
        "response_model": model,
        "response_description": f"The {noun} is cancelled, by this request or by an earlier one.",
        "responses": {
            202: {"model": model, "description": f"The worker was notified, but has not stopped the {noun} yet."},
            **documented(*OF_OWNER, "expired", "already_ended"),
        },
        "openapi_extra": documented_query(OwnerQuery),
    }


@router.post(
    "/{job_id}/cancellation",
    operation_id="cancel_job",
    summary="Cancel a job",
    **documented_cancellation(Job, "job"),
)
@requires("jobs:write")
async def cancel_job(request: Request, job_id: JobId) -> Response:
    """A waiting job never starts. A running job is stopped: its sandbox process is killed and its files are discarded.
    A batch is cancelled with all its jobs.

    If the job ends by itself first, the response is 409 `already_ended` with its `state`.
    """
    caller = caller_for_owner(request)
    await find(caller, job_id)
    answer = await caller.context.job_store.cancel(job_id)
    if answer == State.RUNNING:
        await caller.context.watch.wait_until_ended(job_id, CANCEL_WAIT_S)
    record = await find(caller, job_id)
    if record.state.ended and record.state is not State.CANCELLED:
        detail = f"Job {job_id!r} ended before it could be cancelled. Its state is {record.state}."
        return problem(request, "already_ended", detail, state=record.state)
    job = job_of(record, caller)
    return uncached(job) if record.state.ended else uncached(job, 202, Location=path_of(job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    operation_id="retry_job",
    summary="Retry a job",
    response_model=Job,
    responses=documented(
        "unauthorized",
        "forbidden",
        "invalid_request",
        "not_found",
        "expired",
        "not_retryable",
        "not_unique",
        "prerequisite_failed",
        "inputs_gone",
        "redis_full",
    ),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def retry_job(request: Request, job_id: JobId) -> Response:
    """For a job that failed or was cancelled. It keeps its id and its earlier attempts, and gets all its tries again.
    A job that waits for its next attempt starts it now. One that comes `after` others waits for those of them that run
    again, and is refused while one of them has not succeeded.
    """
    caller = caller_for_owner(request)
    record = await find_unexpired(caller, job_id)
    if record.state in RETRYABLE:
        await _check_inputs(caller.context, record)
    (answer,) = await caller.context.job_store.retry([job_id])
    record = await find(caller, job_id)
    if answer == "blocked":
        raise Refusal(
            "prerequisite_failed",
            f"Job {job_id!r} comes after a job that did not succeed. Retry that one: once it has succeeded, this one "
            "runs by itself.",
        )
    if answer == "not_needed":
        raise Refusal(
            "not_retryable",
            f"Job {job_id!r} was not needed, since a job that it comes after ended in another way. Submit it again "
            "without 'after'.",
        )
    if answer == "held":
        raise Refusal(
            "not_unique",
            f"Another job holds the unique key of job {job_id!r}. Wait until it lets go of the key, or cancel it.",
        )
    if answer == "unknown":
        raise Refusal(
            "not_retryable",
            f"Job {job_id!r} has left Redis for the history, where it cannot run again. Submit it again.",
        )
    if answer != "reopened":
        what = f"is a {record.kind}" if record.kind == "batch" else f"is {answer}"
        raise Refusal(
            "not_retryable", f"Job {job_id!r} {what}. Only a job that failed or was cancelled can be retried."
        )
    return uncached(job_of(record, caller), 202, Location=path_of(job_id))


@router.delete(
    "/{job_id}",
    status_code=204,
    operation_id="delete_job",
    summary="Delete a job",
    response_class=Response,
    responses=documented(*OF_OWNER, "expired", "not_ended"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Removes the record at once, and its bytes from the storage within minutes, unless another record needs them.

    The history (`HISTORY=storage`) loses it at once too, and its bytes are removed from the storage within minutes.

    The job must have ended. An event can be deleted once all its deliveries have ended.
    """
    caller = caller_for_owner(request)
    record = await find(caller, job_id)
    (answer,) = await caller.context.job_store.delete([job_id])
    if answer in ("deleted", "unknown"):
        # It may have left Redis, or so may a former job of this id, which an ARQ client has used again.
        await caller.context.history.erase(job_id, record)
    if answer == "needed":
        raise Refusal(
            "not_ended", f"Job {job_id!r} is still needed by deliveries or by jobs that wait for it. Cancel them first."
        )
    if answer not in ("deleted", "unknown"):
        raise Refusal("not_ended", f"Job {job_id!r} is {answer}. Cancel it first.")
    return Response(status_code=204)


async def _check_inputs(context: Context, record: Record) -> None:
    """Raises: Refusal `inputs_gone`."""
    try:
        await asyncio.gather(*(context.storage.size(blob) for blob in record.blobs))
    except BlobMissing as error:
        raise Refusal(
            "inputs_gone", f"A file that job {record.id!r} reads is no longer stored. Submit the job again."
        ) from error
