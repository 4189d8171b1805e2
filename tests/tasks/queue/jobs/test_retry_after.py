"""A retry heeds `after`, and the success of a job that was retried frees those that failed because of it."""

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import AFTER, FREED_BY, JOB
from tests.support.queue.fake_worker import FakeWorker, look_now
from tests.support.queue.submissions import record_of, submit


async def state_of(redis: ArqRedis, job_id: str) -> State:
    return (await record_of(redis, job_id)).state


async def fail(worker: FakeWorker) -> None:
    await worker.finish(await worker.one(), "failed")
    while (await worker.claim(0)).wait_ms == 0:  # those that wait for it are told
        pass


async def chain(enqueuer: Enqueuer, worker: FakeWorker, count: int) -> list[str]:
    """Jobs of which each comes after the one before; the first has failed, and the others with it."""
    ids = [await submit(enqueuer)]
    for _ in range(count - 1):
        ids.append(await submit(enqueuer, after=(ids[-1],)))
    await fail(worker)
    return ids


async def test_the_success_of_a_retried_job_frees_a_chain_of_those_that_failed_because_of_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    ids = await chain(enqueuer, worker, 4)
    assert {await state_of(redis, job_id) for job_id in ids} == {State.FAILED}
    assert await job_store.retry(ids[:1]) == ["reopened"]
    ran = []
    for _ in ids:
        job = await worker.one()
        ran.append(job.id)
        await worker.finish(job)
    assert ran == ids, "in their order"
    assert {await state_of(redis, job_id) for job_id in ids} == {State.SUCCEEDED}
    assert [key for job_id in ids for key in (AFTER + job_id, FREED_BY + job_id) if await redis.exists(key)] == []


async def test_a_retried_job_that_fails_again_frees_nobody(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first, second = await chain(enqueuer, worker, 2)
    await job_store.retry([first])
    await fail(worker)
    assert await state_of(redis, second) is State.FAILED
    await job_store.retry([first])
    await worker.finish(await worker.one())
    assert (await worker.one()).id == second, "the second time it succeeded"


async def test_a_retry_is_refused_while_a_job_that_comes_first_has_not_succeeded(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first, second = await chain(enqueuer, worker, 2)
    assert await job_store.retry([second]) == ["blocked"]
    assert await state_of(redis, second) is State.FAILED
    assert await job_store.retry([second, first]) == ["blocked", "reopened"]
    await worker.finish(await worker.one())
    assert (await worker.one()).id == second


async def test_a_retried_job_waits_for_one_that_runs_anew(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer, delay_ms=60_000)
    second = await submit(enqueuer, after=(first,))
    await job_store.cancel_all([second, first])
    assert await job_store.retry([first]) == ["reopened"]
    assert await job_store.retry([second]) == ["reopened"]
    assert await state_of(redis, second) is State.SCHEDULED
    job = await worker.one()
    assert job.id == first
    assert (await worker.claim()).jobs == []
    await worker.finish(job)
    job = await worker.one()
    assert job.id == second
    await worker.finish(job)


async def test_a_job_of_two_is_freed_by_the_last_of_them(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    firsts = [await submit(enqueuer), await submit(enqueuer)]
    last = await submit(enqueuer, after=tuple(firsts))
    for job in (await worker.claim()).jobs:
        await worker.finish(job, "failed")
    await worker.claim()
    for first in firsts:
        assert await state_of(redis, last) is State.FAILED
        assert await job_store.retry([first]) == ["reopened"]
        await worker.finish(await worker.one())
        claim = await worker.claim()
        assert claim.ids == ([last] if first == firsts[1] else [])


async def test_a_job_that_had_begun_is_retried_though_those_before_it_are_forgotten(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    second = await submit(enqueuer, after=(first,))
    await worker.finish(await worker.one())
    await worker.finish(await worker.one(), "failed")
    await redis.delete(JOB + first)
    assert await job_store.retry([second]) == ["reopened"]
    assert (await worker.one()).id == second


async def test_many_are_freed_a_few_in_one_call(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    waiting = {await submit(enqueuer, after=(first,)) for _ in range(120)}
    await fail(worker)
    await job_store.retry([first])
    await worker.finish(await worker.one())
    for _ in range(10):
        jobs = (await worker.claim(200)).jobs
        waiting -= {job.id for job in jobs}
        await worker.finish_all(*(worker.outcome(job, "succeeded") for job in jobs))
        await look_now(redis, first)
    assert waiting == set()
