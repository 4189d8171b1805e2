"""What may be done to a job: `/v1/jobs/{id}/cancellation`, `/retry`, and to forget it."""

import asyncio

from fastapi import APIRouter, Request, Response

from api.http.caller import caller_of
from api.http.context import Context
from api.http.problems import documented, problem
from api.jobs.get import JobId, find
from api.jobs.views import Job, job_of, path_of, uncached
from tasks.queue.jobs.reopen import RETRYABLE
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

CANCEL_WAIT_S = 2.0
"""Seconds that a cancellation waits for the job to end: a worker hears of it within half a second."""


@router.post(
    "/{job_id}/cancellation",
    operation_id="cancel_job",
    summary="Cancel a job",
    response_model=Job,
    response_description="It is cancelled, now or since long.",
    responses={
        202: {"model": Job, "description": "Its worker has been told, and has not let go of it yet."},
        **documented("unauthorized", "not_found", "expired", "already_ended"),
    },
)
async def cancel_job(request: Request, job_id: JobId) -> Response:
    """One that waits never starts. One that runs is stopped: its sandbox child is killed, and none of its files is to
    be had. A batch is cancelled with all its jobs.

    If it ends by itself first, that is how it ended: 409 `already_ended`, which gives the `state`.
    """
    caller = caller_of(request)
    await find(caller, job_id)
    answer = await caller.context.canceller.cancel(job_id)
    if answer == State.RUNNING:
        await caller.context.watch.wait_until_ended(job_id, CANCEL_WAIT_S)
    record = await find(caller, job_id)
    if record.state.ended and record.state is not State.CANCELLED:
        detail = f"Job {job_id} ended before it could be cancelled: it is {record.state}."
        return problem(request, "already_ended", detail, state=record.state)
    job = job_of(record, caller.base_url)
    return uncached(job) if record.state.ended else uncached(job, 202, Location=path_of(job_id))


@router.post(
    "/{job_id}/retry",
    status_code=202,
    operation_id="retry_job",
    summary="Run a job anew",
    response_model=Job,
    responses=documented("unauthorized", "not_found", "expired", "not_retryable", "inputs_gone"),
)
async def retry_job(request: Request, job_id: JobId) -> Response:
    """For one that failed or was cancelled: it has all its tries again, keeps its id, and the story of the old ones.
    One that waits for its next try has it now."""
    caller = caller_of(request)
    record = await find(caller, job_id)
    if record.state in RETRYABLE:
        await _check_inputs(caller.context, record)
    (answer,) = await caller.context.reopener.retry([job_id])
    record = await find(caller, job_id)
    if answer != "reopened":
        what = f"is a {record.kind}" if record.kind == "batch" else f"is {answer}"
        raise Refusal("not_retryable", f"Job {job_id} {what}; only one that failed or was cancelled can be retried.")
    return uncached(job_of(record, caller.base_url), 202, Location=path_of(job_id))


@router.delete(
    "/{job_id}",
    status_code=204,
    operation_id="delete_job",
    summary="Delete a job",
    response_class=Response,
    responses=documented("unauthorized", "not_found", "expired", "not_ended"),
)
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Its record is gone at once, its files with the next cleanup, unless another job needs them. It must have ended;
    an event must have been delivered, or given up."""
    caller = caller_of(request)
    await find(caller, job_id)
    (answer,) = await caller.context.deleter.delete([job_id])
    if answer == "needed":
        raise Refusal("not_ended", f"Job {job_id} is needed by deliveries or by jobs that come after it.")
    if answer not in ("deleted", "unknown"):
        raise Refusal("not_ended", f"Job {job_id} is {answer}; cancel it first.")
    return Response(status_code=204)


async def _check_inputs(context: Context, record: Record) -> None:
    """Raises: Refusal `inputs_gone`."""
    try:
        await asyncio.gather(*(context.storage.size(blob) for blob in record.blobs))
    except BlobMissing as error:
        raise Refusal(
            "inputs_gone", f"A file that job {record.id} reads is no longer stored; submit it anew."
        ) from error
