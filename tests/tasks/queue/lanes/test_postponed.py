"""Attempts that lacked something outside, such as the storage: growing pauses, no try, one entry for a whole wait."""

import asyncio
from typing import Any

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import COUNTS
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, look_now
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob

CODE = "storage_unavailable"


async def postpone(worker: FakeWorker, job: ClaimedJob, *, patience_ms: int = 60_000, max_ms: int = 120_000) -> bool:
    wait = {"first_ms": 2_000, "max_ms": max_ms, "patience_ms": patience_ms, "given_up": "Waited for long."}
    entry: dict[str, Any] = {"number": job.attempt, "worker": worker.name, "outcome": "postponed"}
    return await worker.finish(job, "postponed", value=[CODE, "It is away."], entry=entry, wait=wait)


async def postponed_again(redis: ArqRedis, worker: FakeWorker, job_id: str, **wait: int) -> tuple[Record, int]:
    """The record after one more attempt that was postponed, and the pause that follows in milliseconds."""
    await look_now(redis, job_id)
    job = await worker.one()
    assert await postpone(worker, job, **wait)
    record = await record_of(redis, job_id)
    return record, record.due_at - (record.started_at or 0)


async def test_pauses_grow_and_the_record_does_not(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    job_id = await submit(enqueuer)
    began = None
    for times, pause in enumerate((2_000, 4_000, 8_000, 10_000, 10_000), 1):
        record, pause_ms = await postponed_again(redis, worker, job_id, max_ms=10_000)
        assert pause <= pause_ms < pause + 1_900
        assert (record.state, record.tries, record.attempt) == (State.RETRYING, 0, times)
        (entry,) = record.attempts
        began = began or record.started_at
        assert (entry["number"], entry["times"], entry["started_at"]) == (times, times, began)
    assert await redis.hget(COUNTS, f"errors echo {CODE}") == b"5"
    await look_now(redis, job_id)
    await worker.finish(await worker.one())
    record = await record_of(redis, job_id)
    assert [(one["number"], one["outcome"]) for one in record.attempts] == [(5, "postponed"), (6, "succeeded")]


async def test_a_hand_back_in_between_does_not_begin_a_new_wait(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    await postponed_again(redis, worker, job_id)
    await look_now(redis, job_id)
    await worker.finish(await worker.one(), "handed_back")
    record, pause_ms = await postponed_again(redis, worker, job_id)
    assert 4_000 <= pause_ms < 5_900
    assert [one["outcome"] for one in record.attempts] == ["handed_back", "postponed"]


async def test_a_try_that_was_used_up_ends_the_wait(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    job_id = await submit(enqueuer)
    await postponed_again(redis, worker, job_id)
    await look_now(redis, job_id)
    await worker.finish(await worker.one(), "retrying", delay_ms=60_000)
    record, pause_ms = await postponed_again(redis, worker, job_id)
    assert 2_000 <= pause_ms < 3_900
    assert [one["outcome"] for one in record.attempts] == ["postponed", "retrying", "postponed"]


async def test_after_its_patience_the_job_fails_and_a_retry_waits_anew(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    await postponed_again(redis, worker, job_id, patience_ms=20)
    await asyncio.sleep(0.03)
    await look_now(redis, job_id)
    await postpone(worker, await worker.one(), patience_ms=20)
    record = await record_of(redis, job_id)
    assert (record.state, record.error) == (State.FAILED, {"code": CODE, "message": "Waited for long."})
    assert [one["times"] for one in record.attempts] == [2]
    await JobStore(redis, settings).reopen([job_id])
    _, pause_ms = await postponed_again(redis, worker, job_id)
    assert 2_000 <= pause_ms < 3_900


async def test_a_wait_of_long_ago_is_another_one(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    job_id = await submit(enqueuer)
    await postponed_again(redis, worker, job_id, max_ms=10, patience_ms=500)
    await asyncio.sleep(0.6)
    record, _ = await postponed_again(redis, worker, job_id, patience_ms=500)
    assert record.state is State.RETRYING
    assert [one["times"] for one in record.attempts] == [1, 1]


async def test_a_worker_that_lost_the_job_postpones_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    job = await worker.one()
    assert await postpone(worker, job)
    assert not await postpone(worker, job), "the answer was lost on the wire, and the call is repeated"
    (entry,) = (await record_of(redis, job_id)).attempts
    assert entry["times"] == 1
