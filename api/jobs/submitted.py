"""How a submit is answered: 202 with the job, or the batch of jobs, that it made."""

import time

from fastapi import Request, Response

from api.http.context import Context
from api.jobs.views import Batch, address_of, job_of, json_of, path_of
from tasks.queue.jobs.enqueue import Accepted
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.refusal import Refusal

RETRY_AFTER_S = 1


async def answer(request: Request, context: Context, accepted: Accepted) -> Response:
    """The job, its address in `Location`; 200 where an Idempotency-Key has found it.

    Raises: Refusal `expired` for a job that the key found, and that was gone a moment later.
    """
    record = accepted.record or await _found(context, accepted.job_id)
    return _response(accepted, json_of(job_of(record, address_of(request, context.settings))))


async def answer_batch(request: Request, context: Context, accepted: Accepted) -> Response:
    """The batch's id, with its address in `Location`, and its jobs in order. Raises: as `answer`."""
    records = accepted.records
    if not records:
        batch = await _found(context, accepted.job_id)
        records = tuple([await _found(context, job_id) for job_id in batch.jobs])
    address = address_of(request, context.settings)
    jobs = [job_of(record, address) for record in records]
    return _response(accepted, json_of(Batch(batch=accepted.job_id, jobs=jobs)))


async def _found(context: Context, job_id: str) -> Record:
    record = await read(context.redis, job_id)
    if record is None or record.expired(int(time.time() * 1000)):
        raise Refusal("expired", f"Job {job_id}, which this Idempotency-Key names, has just expired; use a new key.")
    return record


def _response(accepted: Accepted, content: bytes) -> Response:
    headers = {"Location": path_of(accepted.job_id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return Response(content, 202 if accepted.created else 200, headers, "application/json")
