"""A job may wait until others have succeeded."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import State
from tasks.queue.redis_keys import AFTER
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, look_now
from tests.support.queue.submissions import record_of, submit


async def state_of(redis: ArqRedis, job_id: str) -> State:
    return (await record_of(redis, job_id)).state


async def test_it_starts_when_the_last_of_them_has_succeeded(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first, second = await submit(enqueuer), await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first, second, first))
    record = await record_of(redis, waiting)
    assert (record.state, record.after) == (State.SCHEDULED, (first, second))
    jobs = {job.id: job for job in (await worker.claim()).jobs}
    assert set(jobs) == {first, second}
    await worker.finish(jobs[first])
    assert (await worker.claim()).jobs == []
    await worker.finish(jobs[second])
    assert (await worker.claim()).ids == [waiting]
    assert await redis.keys(AFTER + "*") == []


async def test_its_timer_starts_nothing_that_still_has_to_wait(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await submit(enqueuer, queue="media")
    waiting = await submit(enqueuer, after=(first,))
    await look_now(redis, waiting)
    assert (await worker.claim()).jobs == []
    assert await state_of(redis, waiting) is State.SCHEDULED


async def test_what_has_succeeded_already_is_not_waited_for(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await submit(enqueuer)
    await worker.finish(await worker.one())
    assert await state_of(redis, await submit(enqueuer, after=(first,))) is State.QUEUED
    later = await submit(enqueuer, after=(first,), delay_ms=60_000)
    assert await state_of(redis, later) is State.SCHEDULED


async def test_a_delay_holds_as_well(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,), delay_ms=60_000)
    await worker.finish(await worker.one())
    assert (await worker.claim()).jobs == []
    await look_now(redis, waiting)
    assert (await worker.claim()).ids == [waiting]


@pytest.mark.parametrize("verb", ["failed", "cancelled"])
async def test_if_one_does_not_succeed_it_fails_and_so_does_what_waits_for_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, verb: str
) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,))
    last = await submit(enqueuer, after=(waiting,))
    await worker.finish(await worker.one(), verb, value=["x", "y"])
    for _ in range(2):
        assert (await worker.claim()).jobs == []
    for one, before in ((waiting, first), (last, waiting)):
        record = await record_of(redis, one)
        assert record.state is State.FAILED
        assert record.error is not None
        assert record.error["code"] == "prerequisite_failed"
        assert before in record.error["message"]
    assert (await worker.claim()).jobs == []


async def test_a_retry_is_not_an_end(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,))
    await worker.finish(await worker.one(), "retrying")
    assert await state_of(redis, waiting) is State.SCHEDULED
    await worker.finish(await worker.one())
    assert (await worker.claim()).ids == [waiting]


async def test_it_can_be_cancelled_while_it_waits(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,))
    assert await job_store.cancel(waiting) == "cancelled"
    await worker.finish(await worker.one())
    assert (await worker.claim()).jobs == []
    assert await state_of(redis, waiting) is State.CANCELLED


async def test_what_cannot_be_waited_for_is_refused(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    failed = await submit(enqueuer)
    await worker.finish(await worker.one(), "failed", value=["x", "y"])
    batch = await JobStore(redis, settings).open_batch("dev")
    with pytest.raises(Refusal, match=r"batch_open.*Seal it first"):
        await submit(enqueuer, after=(batch,))
    with pytest.raises(Refusal, match="batch_open"):
        await submit(enqueuer, after=(batch,), batch=batch)
    await JobStore(redis, settings).seal_batch("dev", batch)
    with pytest.raises(Refusal, match=r"prerequisite_failed.*Retry it first"):
        await submit(enqueuer, after=(failed,))
    foreign = await submit(enqueuer, owner="another")
    for unknown in (foreign, "nobody"):
        with pytest.raises(Refusal, match="not_found") as refused:
            await submit(enqueuer, after=(unknown,))
        assert refused.value.field == "after"
    assert (await worker.claim()).ids == [foreign]


async def test_thousands_may_wait_for_one_and_no_script_takes_them_all(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await submit(enqueuer)
    waiting = {await submit(enqueuer, after=(first,)) for _ in range(170)}
    await worker.finish(await worker.one())
    claims = 0
    while waiting:
        jobs = (await worker.claim(300)).jobs
        assert len(jobs) <= 100
        waiting -= {job.id for job in jobs}
        assert await worker.finish_all(*(worker.outcome(job, "succeeded") for job in jobs)) == [True] * len(jobs)
        claims += 1
        assert claims < 20
    assert await redis.keys(AFTER + "*") == []


async def test_a_long_chain_ends_a_link_at_a_time(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    chain = [await submit(enqueuer)]
    for _ in range(300):
        chain.append(await submit(enqueuer, after=(chain[-1],)))
    await worker.finish(await worker.one(), "failed", value=["x", "y"])
    for _ in range(320):
        assert (await worker.claim()).jobs == []
    assert await state_of(redis, chain[-1]) is State.FAILED


async def test_an_open_batch_is_sealed_by_its_timer(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    batch = await JobStore(redis, settings).open_batch("dev")
    await submit(enqueuer, batch=batch)
    await worker.finish(await worker.one())
    assert await state_of(redis, batch) is State.RUNNING
    await look_now(redis, batch)
    await worker.claim()
    assert await state_of(redis, batch) is State.SUCCEEDED


async def test_arqs_own_worker_starts_nothing_that_still_has_to_wait(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    begin = Script(redis, "run/begin")
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,))
    asked = {"id": waiting, "worker": "arq", "keep": keep_ms(settings), "io_bound": {}}
    assert await begin(asked) == "scheduled"
    await worker.finish(await worker.one(), "cancelled")
    assert await begin(asked) == "failed"
    record = await record_of(redis, waiting)
    assert record.error is not None
    assert record.error["code"] == "prerequisite_failed"


async def test_many_who_wait_for_many_are_let_go_a_few_in_one_call(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    firsts = [await submit(enqueuer) for _ in range(20)]
    waiting = {await submit(enqueuer, after=(first,)) for first in firsts for _ in range(10)}
    jobs = (await worker.claim(50)).jobs
    await worker.finish_all(*(worker.outcome(job, "succeeded") for job in jobs))
    for _ in range(20):
        jobs = (await worker.claim(300)).jobs
        waiting -= {job.id for job in jobs}
        await worker.finish_all(*(worker.outcome(job, "succeeded") for job in jobs))
    assert waiting == set()
