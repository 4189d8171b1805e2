"""The job of a recovery: what an endpoint missed is sent again."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from tasks.kind import JobContext, Result
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records import indexes
from tasks.queue.records.packing import unpack
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, JOB, JOBS
from tasks.refusal import Refusal
from tasks.webhook.endpoint_record import read_endpoint

READ_AT_ONCE: Final = 1_000
REOPEN_AT_ONCE: Final = 100


class RecoveryParams(BaseModel):
    """Params of a `recovery` job. since: milliseconds since 1970."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    since: int


async def recover(job: JobContext[RecoveryParams]) -> Result:
    """Send again the deliveries that failed since a time, and send those that wait for a retry now."""
    endpoint = read_endpoint(job.params.endpoint, await job.reader.hash(ENDPOINT + job.params.endpoint))
    if endpoint.owner != job.owner:
        raise Refusal("not_found", f"Endpoint {endpoint.id!r} was not found.")
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it first.")
    wanted = [*await _failed_since(job), *await _ids(job, State.RETRYING, 0)]
    job_store, reopened = JobStore(job.redis, job.settings), 0
    for start in range(0, len(wanted), REOPEN_AT_ONCE):
        answers = await job_store.reopen(wanted[start : start + REOPEN_AT_ONCE])
        reopened += answers.count("reopened")
        job.progress(start + len(answers), len(wanted), "deliveries")
    return Result(value={"found": len(wanted), "redelivered": reopened})


async def _failed_since(job: JobContext[RecoveryParams]) -> list[str]:
    """Ids of deliveries that failed finally since the time. They may have been created long before."""
    ids = await _ids(job, State.FAILED, job.params.since - keep_ms(job.settings)["event"])
    failed: list[str] = []
    for start in range(0, len(ids), READ_AT_ONCE):
        some = ids[start : start + READ_AT_ONCE]
        async with job.redis.pipeline(transaction=False) as pipe:
            for one in some:
                pipe.hgetall(JOB + one)
            times = [unpack(fields).get(b"finished_at", 0) for fields in await pipe.execute()]
        failed += [one for one, at in zip(some, times, strict=True) if int(at) >= job.params.since]
    return failed


async def _ids(job: JobContext[RecoveryParams], state: State, since_ms: int) -> list[str]:
    """Ids of the endpoint's deliveries in a state, created since a time.

    All are read before the first is reopened: one that fails again returns to the index, and must not be found twice.
    """
    index = f"{JOBS}{indexes.of_endpoint(job.params.endpoint)}:{state}"
    ids: dict[bytes, None] = {}
    while page := await job.redis.zrangebyscore(index, since_ms, "+inf", start=len(ids), num=READ_AT_ONCE):
        ids.update(dict.fromkeys(page))
    return [one.decode() for one in ids]
