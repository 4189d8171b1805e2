"""Jobs of ARQ's clients that a worker leaves to others hold up no other job."""

from arq.connections import ArqRedis
from arq.constants import job_key_prefix

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import arq_queue
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


async def foreign(redis: ArqRedis, *scores: int) -> dict[str, bool]:
    """Jobs with these timers, as a worker that has left them names them."""
    ids = [f"theirs-{number}" for number in range(len(scores))]
    await redis.zadd(arq_queue("default"), dict(zip(ids, scores, strict=True)))
    await redis.mset({job_key_prefix + job_id: b"body" for job_id in ids})
    return dict.fromkeys(ids, True)


async def forget(redis: ArqRedis, left: dict[str, bool]) -> None:
    await redis.delete(*(job_key_prefix + job_id for job_id in left))
    await redis.zrem(arq_queue("default"), *left)


async def scheduled(redis: ArqRedis, enqueuer: Enqueuer, jobs: int, score: int, queue: str = "default") -> set[str]:
    """Jobs that wait for a time, which came at `score`."""
    ids = [await submit(enqueuer, queue=queue, delay_ms=3_600_000) for _ in range(jobs)]
    await redis.zadd(arq_queue(queue), dict.fromkeys(ids, score))
    return set(ids)


async def test_a_jobs_time_comes_though_many_that_are_left_are_due_before_and_after_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    left = await foreign(redis, *[1] * 120, *[3] * 60)
    ours = await scheduled(redis, enqueuer, 5, 2)
    claim = await worker.claim(left=left)
    assert set(claim.ids) == ours
    assert (await worker.claim(left=left)).wait_ms > 0, "it does not turn round for what it leaves"
    await forget(redis, left)


async def test_many_jobs_whose_time_has_come_are_not_waited_for_because_some_are_left(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    left = await foreign(redis, 1)
    ours = await scheduled(redis, enqueuer, 160, 2)
    others = await scheduled(redis, enqueuer, 160, 2, "media")
    found: set[str] = set()
    waits = []
    for _ in range(3):
        claim = await worker.claim(default=500, media=500, left=left)
        found |= set(claim.ids)
        waits.append(claim.wait_ms)
    assert found == ours | others
    assert waits[0] == 0
    assert waits[-1] > 0
    await forget(redis, left)


async def test_a_queue_whose_timers_are_due_is_looked_at_again_though_another_has_some_that_are_left(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    left = await foreign(redis, 1)
    await scheduled(redis, enqueuer, 160, 2, "media")
    assert (await worker.claim(default=500, media=500, left=left)).wait_ms == 0
    await forget(redis, left)
