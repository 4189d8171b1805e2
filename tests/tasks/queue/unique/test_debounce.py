"""A debounced job waits for the last of its submits; a submit puts it off, and the last params win."""

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, arq_queue
from tests.support.queue.fake_worker import FakeWorker, look_now
from tests.support.queue.submissions import record_of, submission
from tests.support.queue.unique_keys import debounce


async def test_each_submit_puts_it_off_and_the_last_params_win(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    def change(n: int, wait_ms: int) -> object:
        return enqueuer.enqueue(submission(params={"n": n}, delay_ms=wait_ms, unique=debounce(wait_ms=wait_ms)))

    first = await change(1, 60_000)  # type: ignore[misc]
    due = (await record_of(redis, first.job_id)).due_at
    second = await change(2, 90_000)  # type: ignore[misc]
    assert (second.job_id, second.met) == (first.job_id, "replaced")
    record = await record_of(redis, first.job_id)
    assert record.due_at >= due + 30_000
    assert await redis.zscore(arq_queue("default"), first.job_id) == record.due_at
    assert (record.state, record.params) == (State.SCHEDULED, '{"n": 2}')
    assert (await worker.claim()).jobs == []

    await look_now(redis, first.job_id)
    (job,) = (await worker.claim()).jobs
    assert (job.id, job.params) == (first.job_id, '{"n": 2}')
    third = await change(3, 60_000)  # type: ignore[misc]
    assert third.created, "what runs is not put off"


async def test_it_never_waits_longer_than_said_after_the_first(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    held = debounce(wait_ms=60_000, max_wait_ms=100_000)
    first = (await enqueuer.enqueue(submission(delay_ms=60_000, unique=held))).job_id
    created = (await record_of(redis, first)).created_at - 70_000
    await redis.hset(JOB + first, "created_at", created)
    await enqueuer.enqueue(submission(delay_ms=60_000, unique=held))
    assert (await record_of(redis, first)).due_at == created + 100_000


async def test_one_whose_time_has_come_is_not_put_off_and_has_the_last_params(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = (await enqueuer.enqueue(submission(delay_ms=60_000, unique=debounce()))).job_id
    await look_now(redis, first)
    await worker.claim(default=0)
    assert (await record_of(redis, first)).state is State.QUEUED
    again = await enqueuer.enqueue(submission(delay_ms=60_000, params={"n": 2}, unique=debounce()))
    assert (again.job_id, again.met) == (first, "replaced")
    (job,) = (await worker.claim()).jobs
    assert job.params == '{"n": 2}'
