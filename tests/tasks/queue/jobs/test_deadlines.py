"""A job that has not begun by its deadline fails then, whatever it waits for, and uses no attempt."""

from collections.abc import Awaitable, Callable

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job

from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, JOB, LANE, PARKED, SUSPECTS, TURNS, arq_queue
from tasks.queue.script import Script
from tasks.queue.wire import deserialize
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit

SOON = AttemptLimits(start_within_ms=60_000)
LIFELESS = (TURNS, BACKLOG, SUSPECTS, LANE, PARKED)


async def queued(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    return await submit(enqueuer, limits=SOON)


async def scheduled(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    return await submit(enqueuer, limits=SOON, delay_ms=50_000)


async def after_another(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    return await submit(enqueuer, limits=SOON, after=(await submit(enqueuer, queue="media"),))


async def freed_for_later(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    first = await submit(enqueuer)
    job_id = await submit(enqueuer, limits=SOON, after=(first,), delay_ms=50_000)
    await worker.finish(await worker.one())
    return job_id


async def after_one_of_two(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    first, second = await submit(enqueuer), await submit(enqueuer, queue="media")
    job_id = await submit(enqueuer, limits=SOON, after=(first, second))
    await worker.finish(await worker.one())
    return job_id


async def retrying(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    await submit(enqueuer, limits=SOON)
    job = await worker.one()
    await worker.finish(job, "retrying", delay_ms=3_600_000)
    return job.id


async def handed_back(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    await submit(enqueuer, limits=SOON)
    job = await worker.one()
    await worker.finish(job, "handed_back")
    return job.id


async def lapsed(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    await submit(enqueuer, limits=SOON)
    job = await worker.one()
    await lapse(redis, job)
    await worker.claim(0)
    return job.id


async def suspect(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    await submit(enqueuer, limits=SOON)
    for _ in range(2):
        job = await worker.one()
        await lapse(redis, job)
        await worker.claim(0)
    return job.id


async def retried_by_hand(enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis) -> str:
    await submit(enqueuer, limits=SOON)
    job = await worker.one()
    await worker.finish(job, "failed", value=("failed", "It failed."))
    script = Script(redis, "verbs/reopen")
    assert (await script({"ids": [job.id], "keep_event_ms": 0})) == ["reopened"]
    return job.id


WAYS = [
    *(queued, scheduled, after_another, freed_for_later, after_one_of_two),
    *(retrying, handed_back, lapsed, suspect, retried_by_hand),
]


async def pass_deadline(redis: ArqRedis, job_id: str) -> None:
    """Let the deadline be over, of which somebody takes note: a timer is due by then, or before (a due time)."""
    deadline = int(await redis.hget(JOB + job_id, "deadline") or 0)
    assert await redis.zscore(arq_queue("default"), job_id) in {deadline, deadline - 10_000}
    await redis.hset(JOB + job_id, "deadline", 1)
    await look_now(redis, job_id)


@pytest.mark.parametrize("waiting", WAYS)
async def test_a_job_that_waits_fails_at_its_deadline(
    redis: ArqRedis,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    job_store: JobStore,
    waiting: Callable[[Enqueuer, FakeWorker, ArqRedis], Awaitable[str]],
) -> None:
    job_id = await waiting(enqueuer, worker, redis)
    before = await record_of(redis, job_id)
    await pass_deadline(redis, job_id)
    assert (await worker.claim()).jobs == []
    record = await record_of(redis, job_id)
    assert (record.state, (record.error or {})["code"]) == (State.FAILED, "deadline_passed")
    assert (record.attempt, record.tries, record.attempts) == (before.attempt, before.tries, before.attempts)
    assert [key for name in LIFELESS for key in await redis.keys(f"{name}default*")] == []
    assert await redis.zscore(arq_queue("default"), job_id) is None
    info = await Job(job_id, redis, _deserializer=deserialize).result_info()
    assert info is not None
    assert not info.success
    for other in await redis.zrange(arq_queue("media"), 0, -1):
        await job_store.cancel(other.decode())


async def test_the_deadline_counts_from_the_submit_by_redis_clock(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    record = await record_of(redis, await submit(enqueuer, limits=SOON))
    assert record.deadline == record.created_at + 60_000
    at = record.created_at + 123_456
    record = await record_of(redis, await submit(enqueuer, limits=AttemptLimits(deadline_ms=at)))
    assert record.deadline == at


async def test_a_job_that_has_begun_goes_on_after_its_deadline(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await submit(enqueuer, limits=SOON)
    job = await worker.one()
    await redis.hset(JOB + job.id, "deadline", 1)
    await look_now(redis, job.id)
    await worker.claim(0)
    assert await worker.finish(job)
    assert (await record_of(redis, job.id)).state is State.SUCCEEDED


async def test_a_claim_that_comes_upon_a_job_before_its_timer_does_not_start_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer, limits=SOON)
    await redis.hset(JOB + job_id, "deadline", 1)
    claim = await worker.claim()
    assert (claim.jobs, claim.wait_ms) == ([], 0)
    await worker.claim()
    assert (await record_of(redis, job_id)).state is State.FAILED


async def test_many_deadlines_that_pass_together_are_handled_by_several_claims(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    ids = [await submit(enqueuer, limits=SOON, owner=f"o{n % 3}") for n in range(400)]
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hset(JOB + job_id, "deadline", 1)
        await pipe.execute()
    await redis.zadd(arq_queue("default"), dict.fromkeys(ids, 1))
    left = len(ids)
    while left:
        claim = await worker.claim(50)
        before, left = left, await redis.zcard(arq_queue("default"))
        assert claim.jobs == []
        assert 0 < before - left <= 150
        assert claim.wait_ms == 0 or not left
    assert {(await record_of(redis, job_id)).state for job_id in ids} == {State.FAILED}


async def test_it_fails_in_a_paused_queue_and_those_after_it_fail_too(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    await lanes.pause("default")
    first = await submit(enqueuer, limits=SOON)
    second = await submit(enqueuer, after=(first,))
    await pass_deadline(redis, first)
    await worker.claim()
    await worker.claim()
    assert (await record_of(redis, first)).state is State.FAILED
    record = await record_of(redis, second)
    assert (record.state, (record.error or {})["code"]) == (State.FAILED, "prerequisite_failed")
    await lanes.resume("default")


async def test_a_retry_by_hand_after_the_deadline_has_none(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer, limits=SOON)
    await pass_deadline(redis, job_id)
    await worker.claim()
    assert await job_store.retry([job_id]) == ["reopened"]
    assert (await record_of(redis, job_id)).deadline is None
    assert (await worker.one()).id == job_id


async def test_arqs_own_worker_does_not_begin_it_either(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer
) -> None:
    job_id = await submit(enqueuer, limits=SOON)
    await redis.hset(JOB + job_id, "deadline", 1)
    payload = {"id": job_id, "worker": "stock", "keep": keep_ms(settings), "io_bound": {}}
    assert await Script(redis, "run/begin")(payload) == "failed"
    assert (await record_of(redis, job_id)).state is State.FAILED


async def test_limits_of_attempts_reach_the_worker(enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await submit(enqueuer)
    job = await worker.one()
    assert (job.timeout_s, job.max_tries) == (None, None)
    await submit(enqueuer, limits=AttemptLimits(timeout_s=0.25, max_tries=2))
    job = await worker.one()
    assert (job.timeout_s, job.max_tries) == (0.25, 2)
