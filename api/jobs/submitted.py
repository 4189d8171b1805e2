"""How a submit is answered: 202 with the job, or the batch of jobs, that it made."""

from fastapi import Response

from api.http.caller import Caller
from api.http.context import Context
from api.jobs.views import Batch, job_of, json_of, path_of
from tasks import clock
from tasks.queue.jobs.enqueue import Submitted
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.refusal import Refusal

RETRY_AFTER_S = 1


async def respond(caller: Caller, submitted: Submitted) -> Response:
    """The job, its address in `Location`; 200 where an Idempotency-Key has found it.

    Raises: Refusal `expired` for a job that the key found, and that was gone a moment later.
    """
    record = submitted.record or await _found(caller.context, submitted.job_id)
    return _response(submitted, json_of(job_of(record, caller.base_url)))


async def respond_batch(caller: Caller, submitted: Submitted) -> Response:
    """The batch's id, with its address in `Location`, and its jobs in order. Raises: as `answer`."""
    records = submitted.records
    if not records:
        batch = await _found(caller.context, submitted.job_id)
        records = tuple([await _found(caller.context, job_id) for job_id in batch.jobs])
    address = caller.base_url
    jobs = [job_of(record, address) for record in records]
    return _response(submitted, json_of(Batch(batch=submitted.job_id, jobs=jobs)))


async def _found(context: Context, job_id: str) -> Record:
    record = await read(context.redis, job_id)
    if record is None or record.expired(clock.now_ms()):
        raise Refusal("expired", f"Job {job_id}, which this Idempotency-Key names, has just expired; use a new key.")
    return record


def _response(submitted: Submitted, content: bytes) -> Response:
    headers = {"Location": path_of(submitted.job_id), "Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    return Response(content, 202 if submitted.created else 200, headers, "application/json")
