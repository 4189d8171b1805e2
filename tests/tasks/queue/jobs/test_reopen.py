"""An ended job runs again: all its tries, its old attempts kept, every index right."""

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job, JobStatus

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, JOBS
from tasks.queue.wire import deserialize
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import enable, expand, to
from tests.support.queue.submissions import record_of, submit


@pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled"])
async def test_an_ended_job_runs_anew(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, verb: str
) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one(), "retrying")
    job = await worker.one()
    assert (job.attempt, job.tries) == (2, 1)
    fields = ("error", '{"code": "x", "message": "y"}', "result", "{}", "files", "[]", "progress", "{}")
    await worker.finish(job, verb, fields=fields)

    assert await job_store.reopen([job_id]) == ["reopened"]
    record = await record_of(redis, job_id)
    assert (record.state, record.tries, record.error, record.result) == (State.QUEUED, 0, None, None)
    assert (record.finished_at, record.expires_at, record.files, record.progress) == (None, None, (), None)
    assert [one["outcome"] for one in record.attempts] == ["retrying", verb]
    assert await redis.ttl(JOB + job_id) == -1
    found = [state for state in State if await redis.zscore(f"{JOBS}dev/echo:{state}", job_id) is not None]
    assert found == [State.QUEUED]
    assert await Job(job_id, redis, _deserializer=deserialize).status() is JobStatus.deferred, (
        "as all that wait in lanes"
    )

    again = await worker.one()
    assert (again.id, again.attempt, again.tries) == (job_id, 3, 0)
    await worker.finish(again)
    assert (await record_of(redis, job_id)).state is State.SUCCEEDED


async def test_what_waits_for_its_next_try_has_it_now(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one(), "retrying", delay_ms=3_600_000)
    assert (await worker.claim()).jobs == []
    assert await job_store.reopen([job_id]) == ["reopened"]
    job = await worker.one()
    assert (job.id, job.tries) == (job_id, 1), "its tries go on counting: it had not given up"
    await worker.finish(job)


async def test_what_waits_or_runs_or_is_not_there_stays_as_it_is(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    assert await job_store.reopen([job_id, "nobody"]) == ["queued", "unknown"]
    job = await worker.one()
    assert await job_store.reopen([job_id]) == ["running"]
    assert await worker.finish(job), "its worker still holds it"
    assert await worker.claim() is not None
    assert (await record_of(redis, job_id)).attempt == 1


async def test_a_tombstone_stays_one(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one())
    await redis.hset(JOB + job_id, "expires_at", 1)
    assert await job_store.reopen([job_id]) == ["expired"]
    assert (await record_of(redis, job_id)).state is State.SUCCEEDED


async def test_a_reopened_delivery_keeps_its_event_for_as_long_as_a_new_one_would(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, settings: Settings
) -> None:
    event = await submit(enqueuer, kind="event", params='{"type":"invoice.paid","data":{}}')
    await worker.finish(await worker.one())
    await enable(redis, "a")
    await expand(redis, event, to(event, "a"))
    (delivery,) = (await worker.claim(webhooks=1)).jobs
    await worker.finish(delivery, "failed", value=["bad_status", "500"])
    await redis.expire(JOB + event, 60)

    assert await job_store.reopen([delivery.id]) == ["reopened"]
    keep = keep_ms(settings)["event"]
    assert keep - 5_000 < await redis.pttl(JOB + event) <= keep
    assert keep - 5_000 < await redis.pttl(f"{JOBS}event/{event}") <= keep
    record = await record_of(redis, event)
    assert record.tally == {"queued": 1}
    seconds, _ = await redis.time()
    assert abs((record.expires_at or 0) - seconds * 1000 - keep) < 5_000


async def test_a_cancellation_that_came_too_late_is_forgotten(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    job = await worker.one()
    assert await job_store.cancel(job_id) == "running"
    await worker.finish(job, "retrying", delay_ms=60_000)
    assert await job_store.reopen([job_id]) == ["reopened"]
    again = await worker.one()
    assert again.id == job_id
    await worker.finish(again)
