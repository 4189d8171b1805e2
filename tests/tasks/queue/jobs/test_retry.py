"""A retry is a reopening of jobs that failed, were cancelled, or wait for their next try, and of no others."""

from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import Priority, State
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit

BLOB = "a" * 64


async def test_only_what_failed_or_was_cancelled_or_waits_for_its_next_try_is_retried(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, settings: Settings
) -> None:
    ids = {}
    for verb in ("succeeded", "failed", "retrying"):
        ids[verb] = await submit(enqueuer)
        await worker.finish(await worker.one(), verb, delay_ms=60_000)
    ids["cancelled"] = await submit(enqueuer)
    await job_store.cancel(ids["cancelled"])
    ids["scheduled"] = await submit(enqueuer, delay_ms=60_000)
    ids["running"] = await submit(enqueuer)
    running = await worker.one()
    ids["queued"] = await submit(enqueuer)

    answers = dict(zip(ids, await JobStore(redis, settings).retry(list(ids.values())), strict=True))
    assert answers == {
        "succeeded": "succeeded",
        "failed": "reopened",
        "retrying": "reopened",
        "cancelled": "reopened",
        "scheduled": "scheduled",
        "running": "running",
        "queued": "queued",
    }
    await worker.finish(running)


async def test_a_retried_job_needs_its_blobs_anew(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    job_id = await submit(enqueuer, blobs=(BLOB,))
    await worker.finish(await worker.one(), "failed")
    await redis.delete(f"{redis_keys.BLOB}{BLOB}")
    assert await JobStore(redis, settings).retry([job_id]) == ["reopened"]
    assert await redis.smembers(f"{redis_keys.BLOB}{BLOB}") == {job_id.encode()}
    assert await redis.ttl(f"{redis_keys.BLOB}{BLOB}") > 0


async def test_a_retried_job_keeps_its_priority(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    low = await submit(enqueuer, priority=Priority.LOW)
    high = await submit(enqueuer, priority=Priority.HIGH)
    for job in (await worker.claim()).jobs:
        await worker.finish(job, "failed")
    normal = await submit(enqueuer)
    await JobStore(redis, settings).retry([low, high])
    assert (await worker.claim()).ids == [high, normal, low]
    assert (await record_of(redis, high)).state is State.RUNNING
