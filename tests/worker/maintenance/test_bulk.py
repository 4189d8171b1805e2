"""Many jobs at once: bounded steps, a true count, and a worker's death in between changes neither."""

import asyncio
import json
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.maintenance.bulk import BULK, BulkParams, Place
from tasks.queue.jobs.bulk_step import BulkStep, Superseded
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import Listing, Selection, read
from tasks.queue.records.record import Priority, Record, State
from tasks.queue.redis_keys import JOB, JOBS, arq_queue
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.kinds import KINDS
from tests.support.processes import worker_process
from tests.support.queue.bulk_results import outcomes
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.many_failed import make_failed
from tests.support.queue.submissions import record_of, submission
from tests.support.queue.submissions import submit as put
from tools.servers import Valkey
from worker.attempts.running import SERVICE, ClaimedJob

ALL = {**KINDS, BULK.name: BULK}
DEV = ("dev/echo", "dev/sleep", "dev/refuse", "dev/nothing", "dev/bulk")
WAITING = (State.SCHEDULED, State.RETRYING, State.QUEUED, State.RUNNING)


async def submit(enqueuer: Enqueuer, verb: str, states: tuple[State, ...], **more: Any) -> str:
    params = BulkParams.model_validate({"verb": verb, "job_indexes": DEV, "states": states, **more})
    asked = Submission(
        kind=BULK.name, queue=BULK.queue, owner="dev", params=params.model_dump_json(), priority=Priority.HIGH
    )
    return (await enqueuer.enqueue(asked)).job_id


async def done(redis: ArqRedis, settings: Settings, job_client: JobClient, job_id: str) -> Record:
    async with working(redis, settings, concurrency={"default": 0, SERVICE: 1}, kinds=ALL):
        return await job_client.ended(job_id)


async def test_all_that_wait_are_cancelled_and_counted(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    queued = [await put(job_client.enqueuer, owner="dev") for _ in range(130)]
    scheduled = [await put(job_client.enqueuer, delay_ms=60_000) for _ in range(20)]
    others = await put(job_client.enqueuer, owner="another", delay_ms=60_000)
    record = await done(redis, settings, job_client, await submit(job_client.enqueuer, "cancellation", WAITING))
    assert record.state is State.SUCCEEDED
    assert outcomes(record.result) == {"matched": 150, "cancelled": 150, "stopping": 0, "skipped": 0}
    assert {(await record_of(redis, one)).state for one in queued + scheduled} == {State.CANCELLED}
    assert (await record_of(redis, others)).state is State.SCHEDULED
    assert record.progress is not None
    assert record.progress["done"] == record.progress["total"] == 151, "itself among them"


async def test_the_workers_of_those_that_run_are_told(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings, concurrency={"default": 5}, kinds=ALL):
        asleep = [await job_client.submit("sleep", seconds=60, file="/dev/null") for _ in range(3)]
        for job_id in asleep:
            await job_client.until(job_id, State.RUNNING)
        states = (State.RETRYING, State.RUNNING)  # the former once more after the latter: nothing is counted twice
        record = await job_client.ended(await submit(job_client.enqueuer, "cancellation", states, expect=3))
        assert outcomes(record.result) == {"matched": 3, "cancelled": 0, "stopping": 3, "skipped": 0}
        assert {(await job_client.ended(job_id, seconds=5)).state for job_id in asleep} == {State.CANCELLED}


async def test_of_a_batch_the_jobs_are_cancelled_too(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    parts = [submission(delay_ms=60_000) for _ in range(3)]
    batch = await job_client.enqueuer.enqueue_batch(parts)
    bulk = await submit(job_client.enqueuer, "cancellation", (State.RUNNING,), job_indexes=("dev/batch",))
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result) == {"matched": 1, "cancelled": 1, "stopping": 0, "skipped": 0}
    assert {(await record_of(redis, one.id)).state for one in batch.records} == {State.CANCELLED}


async def test_one_that_an_older_version_submitted_finds_all_jobs_of_its_owner(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    """It names the index of the owner, which has become one for each kind."""
    waits = await put(job_client.enqueuer, delay_ms=60_000)
    bulk = await submit(job_client.enqueuer, "cancellation", (State.SCHEDULED,), job_indexes=("dev",))
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result) == {"matched": 1, "cancelled": 1, "stopping": 0, "skipped": 0}
    assert (await record_of(redis, waits)).state is State.CANCELLED


async def test_what_failed_is_retried_once_though_it_fails_again(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings, concurrency={"default": 20}, kinds=ALL):
        refused = [await job_client.submit("refuse") for _ in range(70)]
        for job_id in refused:
            await job_client.ended(job_id)
        record = await job_client.ended(await submit(job_client.enqueuer, "retry", (State.FAILED, State.CANCELLED)))
        assert outcomes(record.result) == {"matched": 70, "retried": 70, "skipped": 0}
        for job_id in refused:
            again = await job_client.ended(job_id)
            while again.attempt < 2:
                again = await job_client.ended(job_id)
            assert [one["outcome"] for one in again.attempts] == ["failed", "failed"]


async def test_only_what_fits_is_deleted(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    kept = [
        await put(job_client.enqueuer, name="keep me"),
        await put(job_client.enqueuer, kind="nothing", delay_ms=60_000),
    ]
    gone = [await put(job_client.enqueuer, name=f"Old {n}") for n in range(3)]
    job_store = JobStore(redis, settings)
    await job_store.cancel_all([kept[0], *gone])
    record = await done(
        redis,
        settings,
        job_client,
        await submit(job_client.enqueuer, "deletion", (State.CANCELLED,), prefix="old", queue="default"),
    )
    assert outcomes(record.result) == {"matched": 3, "deleted": 3, "skipped": 0}
    assert [await read(redis, job_id) for job_id in gone] == [None] * 3
    assert [(await record_of(redis, job_id)).state for job_id in kept] == [State.CANCELLED, State.SCHEDULED]


async def test_what_is_younger_is_left_alone(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    bulk = await submit(job_client.enqueuer, "cancellation", WAITING)
    await asyncio.sleep(0.005)
    younger = await put(job_client.enqueuer, delay_ms=60_000)
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result) == {"matched": 0, "cancelled": 0, "stopping": 0, "skipped": 0}
    assert (await record_of(redis, younger)).state is State.SCHEDULED


async def progress_of(job_client: JobClient, job_id: str, attempt: int) -> list[dict[str, Any]]:
    """Each progress that is seen while this attempt is the last, until the job ends."""
    records = [one async for one in job_client.watch.follow(job_id, silence_s=20) if one is not None]
    return [one.progress for one in records if one.attempt == attempt and one.progress is not None]


async def begun(worker: FakeWorker, job_id: str) -> ClaimedJob:
    job = await worker.one()
    assert job.id == job_id
    return job


async def test_who_has_lost_the_job_does_nothing_more(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    victim = await put(job_client.enqueuer, delay_ms=60_000)
    bulk = await submit(job_client.enqueuer, "cancellation", WAITING)
    worker = FakeWorker(redis, settings)
    job = await begun(worker, bulk)
    await lapse(redis, job)
    await begun(worker, bulk)
    with pytest.raises(Superseded):
        await JobStore(redis, settings).cancel_all([victim], BulkStep(bulk, job.attempt, "{}"))
    assert (await record_of(redis, victim)).state is State.SCHEDULED


async def test_another_worker_goes_on_where_the_first_one_died_and_counts_on(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    await put(job_client.enqueuer, delay_ms=60_000)
    await asyncio.sleep(0.002)
    newest = await put(job_client.enqueuer, delay_ms=60_000)
    bulk = await submit(job_client.enqueuer, "cancellation", (State.SCHEDULED,))
    job = await begun(FakeWorker(redis, settings), bulk)
    found = await Listing(redis).ids(Selection(DEV, State.SCHEDULED), limit=1)
    assert found.ids == [newest]
    place = Place(cursor=found.cursor, looked=found.examined).model_dump_json()
    await JobStore(redis, settings).cancel_all(found.ids, BulkStep(bulk, job.attempt, place))
    await lapse(redis, job)
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result) == {"matched": 2, "cancelled": 2, "stopping": 0, "skipped": 0}
    assert record.progress == {
        "done": 2,
        "total": 2,
        "note": "jobs",
        "examined": 2,
        "matched": 2,
        "changed": 2,
        "complete": True,
    }


async def test_a_worker_killed_in_the_middle_costs_no_job_and_no_count(
    redis: ArqRedis, settings: Settings, job_client: JobClient, valkey: Valkey
) -> None:
    count = 4_000
    for _ in range(0, count, 100):
        await asyncio.gather(*(put(job_client.enqueuer, delay_ms=600_000) for _ in range(100)))
    bulk = await submit(job_client.enqueuer, "cancellation", (State.SCHEDULED,))
    async with worker_process(redis, valkey.url, default=1) as doomed:
        async with asyncio.timeout(20):
            while Place.of(await redis.hget(JOB + bulk, "place")).looked < 500:
                await asyncio.sleep(0)
        doomed.kill()
        doomed.wait()
    record = await record_of(redis, bulk)
    assert record.state is State.RUNNING, "it was killed too late"
    progress_at_death = record.progress
    place = json.loads(await redis.hget(JOB + bulk, "place") or "")
    assert 500 <= place["looked"] < count
    # Its lease lapses, as twelve seconds would let it.
    await redis.delete(in_progress_key_prefix + bulk)
    await redis.zadd(arq_queue("default"), {bulk: 1})
    following = asyncio.create_task(progress_of(job_client, bulk, attempt=2))
    record = await done(redis, settings, job_client, bulk)
    assert [one["outcome"] for one in record.attempts] == ["lapsed", "succeeded"]
    assert outcomes(record.result) == {"matched": count, "cancelled": count, "stopping": 0, "skipped": 0}
    shown = [one for one in await following if one != progress_at_death]
    assert all(place["looked"] <= one["changed"] <= count for one in shown), "it is counted on, and none twice"
    numbers = {"examined": count, "matched": count, "changed": count, "complete": True}
    assert shown[-1] == {"done": count, "total": count, "note": "jobs", **numbers}
    assert await redis.zcard(JOBS + "dev/echo:cancelled") == count
    await redis.flushall()  # or the look for leaks would take longer than the test


async def test_one_that_was_asked_to_stop_and_waits_for_its_next_try_is_cancelled_whatever_was_expected(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    running = await put(job_client.enqueuer)
    worker = FakeWorker(redis, settings)
    attempt = await begun(worker, running)
    other = await put(job_client.enqueuer)
    await worker.finish(await begun(worker, other), "retrying", delay_ms=60_000)
    bulk = await submit(job_client.enqueuer, "cancellation", (State.RETRYING, State.RUNNING), expect=1)
    job = await begun(worker, bulk)
    step = BulkStep(bulk, job.attempt, Place(passed=2, looked=1).model_dump_json())
    assert await JobStore(redis, settings).cancel_all([running], step) == ["running"]
    await worker.finish(attempt, "retrying", delay_ms=60_000)  # before it hears of that
    await lapse(redis, job)
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result)["skipped"] == 1
    assert (await record_of(redis, running)).state is State.CANCELLED
    assert (await record_of(redis, other)).state is State.RETRYING


async def counted_by_one_that_died(
    redis: ArqRedis, settings: Settings, job_client: JobClient, bulk: str, *, limit: int
) -> Place:
    """The place in its count that a worker has noted before it died: after so many jobs that failed."""
    job = await begun(FakeWorker(redis, settings), bulk)
    found = await Listing(redis).ids(Selection(DEV, State.FAILED), limit=limit)
    place = Place(passed=found.cursor is None, cursor=found.cursor, looked=found.examined, matched=len(found.ids))
    await JobStore(redis, settings).note_place(BulkStep(bulk, job.attempt, place.model_dump_json(), "counting"))
    await lapse(redis, job)
    return place


async def test_another_worker_counts_on_where_the_first_one_died(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    made = await make_failed(redis, 5_000)
    bulk = await submit(job_client.enqueuer, "deletion", (State.FAILED,), dry_run=True)
    place = await counted_by_one_that_died(redis, settings, job_client, bulk, limit=900)
    assert (place.looked, place.matched) == (900, 900)
    await JobStore(redis, settings).delete(made[:900])  # so that one which begins again does not count them
    record = await done(redis, settings, job_client, bulk)
    assert record.result == {"examined": 5_000, "matched": 5_000, "changed": 0, "complete": True}
    await redis.flushall()


async def test_what_begins_to_match_after_the_count_is_not_changed_beyond_what_was_expected(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    await make_failed(redis, 130, age_ms=10_000)
    bulk = await submit(job_client.enqueuer, "deletion", (State.FAILED,), expect=130)
    place = await counted_by_one_that_died(redis, settings, job_client, bulk, limit=1_000)
    assert (place.passed, place.matched) == (1, 130), "the count is done"
    await make_failed(redis, 70, age_ms=5_000)  # they come first
    record = await done(redis, settings, job_client, bulk)
    assert outcomes(record.result) == {"matched": 200, "deleted": 130, "skipped": 70}
    assert await redis.zcard(JOBS + "dev/echo:failed") == 70
    await redis.flushall()
