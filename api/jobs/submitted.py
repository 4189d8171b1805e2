"""The response to a submit: 202 with the new job, or with the new batch and its jobs."""

from collections.abc import Sequence

from fastapi import Response

from api.http.answers import json_of
from api.http.caller import Caller
from api.http.context import Context
from api.jobs.views import Batch, job_of, path_of
from tasks import clock
from tasks.queue.jobs.submission import Submitted
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.refusal import Refusal

RETRY_AFTER_S = 1
MET_HEADER = "Pressroom-Unique"
"""What a submit with a unique key did to the job that holds it: `returned` or `replaced`."""


async def respond(caller: Caller, submitted: Submitted, warnings: Sequence[str] = ()) -> Response:
    """Respond with the job and its path in `Location`; with 200 if the Idempotency-Key, or a unique key, belongs to an
    existing job.

    Args:
        caller: The sender.
        submitted: The job.
        warnings: What the sender should know of the request.

    Raises:
        Refusal: `expired` if that existing job has just expired.
    """
    record = submitted.record or await _found(caller.context, submitted.job_id)
    job = job_of(record, caller)
    job.warnings = list(warnings) or None
    return _response(submitted, json_of(job))


async def respond_batch(caller: Caller, submitted: Submitted, warnings: Sequence[str] = ()) -> Response:
    """Respond with the batch's id, its path in `Location`, and its jobs in order.

    Args:
        caller: The sender.
        submitted: The batch.
        warnings: As of `respond`.

    Raises:
        Refusal: As `respond`.
    """
    records = submitted.records
    if not records:
        batch = await _found(caller.context, submitted.job_id)
        records = tuple([await _found(caller.context, job_id) for job_id in batch.jobs])
    jobs = [job_of(record, caller) for record in records]
    return _response(submitted, json_of(Batch(batch=submitted.job_id, jobs=jobs, warnings=list(warnings) or None)))


async def _found(context: Context, job_id: str) -> Record:
    record = await read(context.redis, job_id)
    if record is None or record.expired(clock.now_ms()):
        raise Refusal("expired", f"Job {job_id!r} has this key, and has just expired. Use a new key.")
    return record


def _response(submitted: Submitted, content: bytes) -> Response:
    headers = {"Location": path_of(submitted.job_id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    if submitted.met is not None:
        headers[MET_HEADER] = submitted.met
    return Response(content, 202 if submitted.created else 200, headers, "application/json")
