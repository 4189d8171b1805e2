"""How a submit is answered: 202 with the job, or the jobs, that it made."""

import time
from collections.abc import Sequence

from fastapi import Request, Response

from api.context import Context
from api.views import Jobs, address_of, job_of, json_of, path_of
from tasks.queue.enqueue import Accepted
from tasks.queue.read import read
from tasks.queue.record import Record
from tasks.refusal import Refusal

RETRY_AFTER_S = 1


async def answer(request: Request, context: Context, accepted: Sequence[Accepted]) -> Response:
    """One job with its address in `Location`, or `jobs`. 200 where an Idempotency-Key has found them all.

    Raises: Refusal `expired` for a job that the key found, and that was gone a moment later.
    """
    address = address_of(request, context.settings)
    jobs = [job_of(await _record_of(context, one), address) for one in accepted]
    status = 202 if any(one.created for one in accepted) else 200
    headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
    if len(jobs) > 1:
        return Response(json_of(Jobs(jobs=jobs)), status, headers, "application/json")
    return Response(json_of(jobs[0]), status, headers | {"Location": path_of(jobs[0].id)}, "application/json")


async def _record_of(context: Context, accepted: Accepted) -> Record:
    record = accepted.record or await read(context.redis, accepted.job_id)
    if record is None or record.expired(int(time.time() * 1000)):
        raise Refusal(
            "expired", f"Job {accepted.job_id}, which this Idempotency-Key names, has just expired; use a new key."
        )
    return record
