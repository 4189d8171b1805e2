"""Forgetting a job: of one that has ended nothing is left; one that has not stays."""

import json
from collections.abc import Awaitable, Callable

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import indexes
from tasks.queue.redis_keys import AFTER, BLOB, JOB, JOBS
from tasks.webhook.events import delivery_id
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import deliveries, enable, expand, to
from tests.support.queue.submissions import submit

INPUT, OUTPUT = "a" * 64, "b" * 64


async def traces(redis: ArqRedis, job_id: str) -> list[bytes]:
    """Keys of its own, and those in which it is named."""
    found = []
    async for key in redis.scan_iter():
        named = job_id.encode() in key
        match await redis.type(key):  # type: ignore[no-untyped-call]
            case b"zset":
                named = named or await redis.zscore(key, job_id) is not None
            case b"set":
                named = named or bool(await redis.sismember(key, job_id))
        found += [key] if named else []
    return found


@pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled"])
async def test_of_a_deleted_job_nothing_is_left(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, verb: str
) -> None:
    job_id = await submit(enqueuer, blobs=(INPUT,))
    files = json.dumps([{"name": "a.jpg", "blob": OUTPUT, "type": "image/jpeg", "bytes": 1}])
    await worker.finish(await worker.one(), verb, fields=("files", files), blobs=(OUTPUT,))
    assert len(await traces(redis, job_id)) >= 6
    assert await job_store.delete([job_id]) == ["deleted"]
    assert await traces(redis, job_id) == []
    assert await job_store.delete([job_id]) == ["unknown"]


async def test_a_blob_that_another_job_needs_is_still_needed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first, second = [await submit(enqueuer, blobs=(INPUT,)) for _ in range(2)]
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    await job_store.delete([first])
    assert await redis.smembers(f"{BLOB}{INPUT}") == {second.encode()}


async def queued(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    return await submit(enqueuer)


async def scheduled(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    return await submit(enqueuer, delay_ms=60_000)


async def running(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    await submit(enqueuer)
    return (await worker.one()).id


async def retrying(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    await submit(enqueuer)
    job = await worker.one()
    await worker.finish(job, "retrying", delay_ms=60_000)
    return job.id


@pytest.mark.parametrize("living", [queued, scheduled, running, retrying])
async def test_a_job_that_has_not_ended_stays_as_it_is(
    redis: ArqRedis,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    job_store: JobStore,
    living: Callable[[Enqueuer, FakeWorker], Awaitable[str]],
) -> None:
    job_id = await living(enqueuer, worker)
    before = await redis.hgetall(JOB + job_id)
    assert await job_store.delete([job_id]) == [living.__name__]
    assert await redis.hgetall(JOB + job_id) == before


async def test_a_key_that_named_a_deleted_job_makes_a_new_one(
    enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer, idempotency_key="once")
    await worker.finish(await worker.one())
    await job_store.delete([first])
    assert await submit(enqueuer, idempotency_key="once") != first


async def test_an_event_is_needed_until_it_is_delivered(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    event = await submit(enqueuer, kind="event", params='{"type":"invoice.paid","data":{}}')
    await worker.finish(await worker.one())
    await enable(redis, "a")
    await expand(redis, event, to(event, "a"))
    assert await job_store.delete([event]) == ["needed"]
    (delivery,) = (await worker.claim(webhooks=1)).jobs
    await worker.finish(delivery, "failed", value=["bad_status", "500"])
    assert await job_store.delete([event]) == ["deleted"]
    assert await redis.exists(f"{JOBS}{indexes.of_event(event)}") == 0


async def test_a_deleted_delivery_leaves_the_lists_of_its_event_and_its_endpoint(
    redis: ArqRedis, worker: FakeWorker, job_store: JobStore
) -> None:
    (one,) = await deliveries(redis, 1)
    await worker.finish((await worker.claim(webhooks=1)).jobs[0])
    assert await job_store.delete([one]) == ["deleted"]
    assert one == delivery_id("event-0", "a")
    assert await traces(redis, one) == []


async def test_several_are_answered_in_order(enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore) -> None:
    done = await submit(enqueuer)
    await worker.finish(await worker.one())
    waiting = await submit(enqueuer)
    assert await job_store.delete([waiting, "nobody", done]) == ["queued", "unknown", "deleted"]


async def test_a_job_is_needed_until_all_who_wait_for_it_know_of_its_end(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    later = await submit(enqueuer, after=(first,))
    job = await worker.one()
    await redis.sadd(AFTER + first, *(f"nobody-{n}" for n in range(1_000)))
    await worker.finish(job)
    assert await job_store.delete([first]) == ["needed"]
    await redis.srem(AFTER + first, *(f"nobody-{n}" for n in range(1_000)), later)
    assert await job_store.delete([first]) == ["deleted"]
    assert (await worker.claim()).ids in ([later], [])
    await redis.flushall()
