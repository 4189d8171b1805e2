"""A job that waits is changed by one script: its time, its priority, its deadline; nothing is lost on the way."""

from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix

from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import ARQ_JOB_MS, BACKLOG, TURNS, arq_queue
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit

HOUR_MS = 3_600_000


async def change(job_store: JobStore, job_id: str, **changes: Any) -> str:
    return str((await job_store.change(job_id, changes))["answer"])


async def test_a_scheduled_job_runs_now(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer, delay_ms=HOUR_MS)
    assert await change(job_store, job_id, delay_ms=0) == "changed"
    assert (await record_of(redis, job_id)).state is State.QUEUED
    assert (await worker.one()).id == job_id


async def test_a_retry_is_due_now_and_the_tries_stay_counted(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    await worker.finish(job, "retrying", delay_ms=HOUR_MS)
    assert await change(job_store, job.id, delay_ms=0) == "changed"
    assert (await worker.one()).tries == 1


async def test_a_queued_job_is_put_off_and_leaves_its_lane(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    assert await change(job_store, job_id, delay_ms=HOUR_MS) == "changed"
    record = await record_of(redis, job_id)
    assert (record.state, await redis.zscore(arq_queue("default"), job_id)) == (State.SCHEDULED, record.due_at)
    assert await redis.exists(f"{BACKLOG}default:owner:dev", TURNS + "default") == 0
    assert await redis.pttl(job_key_prefix + job_id) > ARQ_JOB_MS
    assert (await worker.claim()).jobs == []
    await look_now(redis, job_id)
    assert (await worker.one()).id == job_id


async def test_a_scheduled_job_is_moved_by_redis_clock(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer, delay_ms=HOUR_MS)
    at = (await record_of(redis, job_id)).created_at + 2 * HOUR_MS
    assert await change(job_store, job_id, run_at=at) == "changed"
    record = await record_of(redis, job_id)
    assert (record.due_at, record.state) == (at, State.SCHEDULED)
    assert await redis.zscore(arq_queue("default"), job_id) == at


async def test_a_priority_moves_a_job_in_its_lane_and_among_its_equals_it_keeps_its_place(
    enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    ids = [await submit(enqueuer) for _ in range(4)]
    for job_id in (ids[3], ids[1]):
        assert await change(job_store, job_id, priority="high") == "changed"
    assert await change(job_store, ids[0], priority="low") == "changed"
    assert await change(job_store, ids[2], delay_ms=0) == "changed"
    assert (await worker.claim()).ids == [ids[1], ids[3], ids[2], ids[0]]


async def test_a_priority_of_one_that_is_not_due_counts_later(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    later = await submit(enqueuer, delay_ms=HOUR_MS)
    assert await change(job_store, later, priority="high") == "changed"
    other = await submit(enqueuer)
    await look_now(redis, later)
    assert (await worker.claim()).ids == [later, other]
    assert (await record_of(redis, later)).priority is Priority.HIGH


async def test_one_that_waits_for_others_still_does(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    job_id = await submit(enqueuer, after=(first,), delay_ms=HOUR_MS)
    assert await change(job_store, job_id, delay_ms=0) == "changed"
    assert (await record_of(redis, job_id)).state is State.SCHEDULED
    await worker.finish(await worker.one())
    assert (await worker.one()).id == job_id


async def test_a_suspect_stays_one(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    await submit(enqueuer)
    for _ in range(2):
        job = await worker.one()
        await lapse(redis, job)
        await worker.claim(0)
    assert await change(job_store, job.id, priority="high") == "changed"
    assert await change(job_store, job.id, delay_ms=HOUR_MS) == "changed"
    assert await change(job_store, job.id, delay_ms=0) == "changed"
    assert (await worker.one()).suspect


async def test_a_deadline_comes_and_goes(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    assert await change(job_store, job_id, start_within_ms=60_000) == "changed"
    deadline = (await record_of(redis, job_id)).deadline
    assert deadline
    assert await redis.zscore(arq_queue("default"), job_id) == deadline
    assert await change(job_store, job_id, no_deadline=True) == "changed"
    assert (await record_of(redis, job_id)).deadline is None
    assert (await redis.zscore(arq_queue("default"), job_id) or 0) > deadline


@pytest.mark.parametrize("changes", [{"delay_ms": 60_000}, {"deadline": 1}, {"start_within_ms": 0}])
async def test_no_deadline_is_before_the_time_to_run(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore, changes: dict[str, int]
) -> None:
    job_id = await submit(enqueuer, limits=AttemptLimits(start_within_ms=30_000))
    before = await record_of(redis, job_id)
    assert await change(job_store, job_id, **changes) == "too_early"
    assert await record_of(redis, job_id) == before


async def test_what_does_not_wait_is_not_changed(enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore) -> None:
    await submit(enqueuer)
    job = await worker.one()
    assert await change(job_store, job.id, delay_ms=0) == "running"
    await worker.finish(job)
    assert await change(job_store, job.id, priority="high") == "succeeded"
    assert await change(job_store, "unknown", priority="high") == "unknown"
    batch = await job_store.open_batch("dev")
    assert await change(job_store, batch, priority="high") == "kind"


async def test_an_owner_schedules_no_more_than_allowed(enqueuer: Enqueuer, job_store: JobStore) -> None:
    limits = {"waiting": 10, "scheduled": 1, "job_indexes": ["dev/echo"]}
    ids = [await submit(enqueuer) for _ in range(2)]
    answers = [await change(job_store, job_id, delay_ms=HOUR_MS, owner_limits=limits) for job_id in ids]
    assert answers == ["changed", "owner_full"]


async def test_a_change_does_not_put_off_the_end_of_one_whose_wait_is_over(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    waiting = await submit(enqueuer, after=(await submit(enqueuer),))
    await worker.finish(await worker.one(), "failed", value=["x", "y"])
    assert await change(job_store, waiting, delay_ms=HOUR_MS) == "changed"
    assert (await worker.claim()).ids == []
    assert (await record_of(redis, waiting)).state is State.FAILED
