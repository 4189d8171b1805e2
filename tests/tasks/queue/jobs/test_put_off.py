"""Jobs that are put off, and jobs that go first: both stay so over every retry and hand-back."""

import pytest
from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import BLOB_MS, DAY_MS
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit

BLOB = "a" * 64


async def tried(worker: FakeWorker, redis: ArqRedis, job_id: str) -> None:
    """Failed once, and due again."""
    job = await worker.one()
    assert job.id == job_id
    await worker.finish(job, "retrying", delay_ms=60_000)
    await look_now(redis, job_id)


async def handed_back(worker: FakeWorker, redis: ArqRedis, job_id: str) -> None:
    await worker.finish(await worker.one(), "handed_back")


async def lapsed(worker: FakeWorker, redis: ArqRedis, job_id: str) -> None:
    await lapse(redis, await worker.one())


@pytest.mark.parametrize("happens", [tried, handed_back, lapsed])
@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.LOW])
async def test_a_job_keeps_its_priority_whatever_happens_to_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, happens: object, priority: Priority
) -> None:
    job_id = await submit(enqueuer, priority=priority)
    await happens(worker, redis, job_id)  # type: ignore[operator]
    others = [await submit(enqueuer) for _ in range(2)]
    expected = [job_id, *others] if priority is Priority.HIGH else [*others, job_id]
    assert (await worker.claim()).ids == expected


async def test_a_job_that_was_put_off_goes_first_when_its_time_has_come(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    later = await submit(enqueuer, delay_ms=60_000, priority=Priority.HIGH)
    now = [await submit(enqueuer) for _ in range(2)]
    assert (await worker.claim(1)).ids == [now[0]]
    await look_now(redis, later)
    assert (await worker.claim()).ids == [later, now[1]]


async def test_a_retry_of_a_job_that_was_put_off_is_not_put_off_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer, delay_ms=3_600_000)
    await look_now(redis, job_id)
    await worker.finish(await worker.one(), "retrying", delay_ms=5)
    record = await record_of(redis, job_id)
    seconds, _ = await redis.time()
    assert record.state is State.RETRYING
    assert record.due_at < (seconds + 5) * 1000


async def test_what_a_job_reads_is_needed_until_long_after_it_is_due(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await submit(enqueuer, delay_ms=30 * DAY_MS, blobs=(BLOB,))
    assert await redis.pttl(f"{redis_keys.BLOB}{BLOB}") > 59 * DAY_MS
    await submit(enqueuer, blobs=(BLOB,))
    assert await redis.pttl(f"{redis_keys.BLOB}{BLOB}") > 59 * DAY_MS, "who needs it less long shortens nothing"
    await redis.pexpire(f"{redis_keys.BLOB}{BLOB}", 1_000)
    await submit(enqueuer, blobs=(BLOB,))
    assert BLOB_MS - 5_000 < await redis.pttl(f"{redis_keys.BLOB}{BLOB}") <= BLOB_MS
