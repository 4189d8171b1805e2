"""Claims are numbered: what a worker was given and never read of waits again at once, and counts as nothing."""

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks import clock
from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import State
from tasks.queue.redis_keys import AWAY_MS, CLAIMED, COUNTS, LEASE_MS, PATIENCE_MS, RENEW_MS
from tasks.queue.script import Script
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submit

QUEUE = redis_keys.QUEUE + "default"
SUSPECTS = redis_keys.SUSPECTS + "default"


async def now_ms(redis: ArqRedis) -> int:
    return clock.of_redis(await redis.time())


async def test_what_an_unread_claim_gave_is_given_again_at_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    ids = [await submit(enqueuer), await submit(enqueuer)]
    assert (await worker.claim(number=1)).ids == ids
    again = await worker.claim(number=2, read=0)
    assert [(job.id, job.attempt) for job in again.jobs] == [(job_id, 1) for job_id in ids]
    record = await record_of(redis, ids[0])
    assert (record.state, record.attempt, record.attempts) == (State.RUNNING, 1, ())
    assert (await worker.claim(number=3, read=2)).ids == [], "this one was read"
    for job in again.jobs:
        assert await worker.finish(job)


async def test_another_worker_may_have_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    unread = await worker.one(number=1)
    assert (await worker.claim(0, number=2, read=0)).jobs == []
    record = await record_of(redis, job_id)
    assert (record.state, record.attempt, record.worker, record.started_at) == (State.QUEUED, 0, None, None)
    assert await redis.exists(in_progress_key_prefix + job_id) == 0
    job = await rival.one(number=1)
    assert not await worker.finish(unread), "it never began"
    assert (await worker.claim(number=3, read=0)).jobs == []
    assert (await record_of(redis, job_id)).worker == rival.name, "it is no longer the first worker's to give back"
    assert await rival.finish(job)


async def test_three_lost_answers_do_not_make_a_job_poison(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    for number in range(1, 6):
        assert (await worker.claim(1, number=number, read=0)).ids == [job_id]
    assert await redis.zcard(SUSPECTS) == 0
    assert (await record_of(redis, job_id)).attempts == ()


@pytest.mark.parametrize("by", ["engine", "arq"])
async def test_the_pickup_of_a_job_is_counted_once(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, by: str
) -> None:
    job_id = await submit(enqueuer)
    await worker.claim(1, number=1)
    assert (await worker.claim(0, number=2, read=0)).jobs == []
    if by == "engine":
        assert (await worker.claim(1, number=3, read=2)).ids == [job_id]
    else:
        begin = {"id": job_id, "worker": worker.name, "keep": keep_ms(settings), "io_bound": {}}
        assert (await Script(redis, "run/begin")(begin))["attempt"] == 1
    counts = {name: int(number) for name, number in (await redis.hgetall(COUNTS)).items()}
    assert sum(number for name, number in counts.items() if name.startswith(b"pickup echo ")) == 1


async def test_a_suspect_whose_claim_was_not_read_is_a_suspect_still(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    for _ in range(2):
        await lapse(redis, await worker.one())
    assert (await worker.claim(number=1)).jobs[0].suspect
    claim = await worker.claim(number=2, read=0)
    assert (claim.ids, claim.jobs[0].suspect, claim.jobs[0].attempt) == ([job_id], True, 3)


async def test_a_claim_that_comes_after_a_later_one_is_given_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    """Its worker has given it up: Redis may read it from a connection that is closed at the other end."""
    assert (await worker.claim(number=5, read=3)).jobs == []
    job_id = await submit(enqueuer)
    late = await worker.claim(number=4, read=3)
    assert (late.jobs, late.refused) == ([], "late")
    assert (await worker.claim(number=6, read=5)).ids == [job_id]


async def test_a_renewal_keeps_the_jobs_of_a_claim_that_waits_to_be_read(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    """As while a function holds up the event loop."""
    await submit(enqueuer)
    job = await worker.one(number=1)
    await redis.pexpire(in_progress_key_prefix + job.id, 100)
    assert await worker.renew(unread_claim=2) == []
    assert await redis.pttl(in_progress_key_prefix + job.id) <= 100, "another claim's"
    assert await worker.renew(unread_claim=1) == []
    assert await redis.pttl(in_progress_key_prefix + job.id) > LEASE_MS - 1000
    assert (await worker.claim(0, number=2, read=1)).wait_ms > LEASE_MS - 1000


async def test_what_is_remembered_of_a_claim_expires(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await worker.claim(number=1)
    assert await redis.pttl(CLAIMED + worker.name) > 0


class TestAway:
    async def test_a_worker_that_was_away_renews_before_it_is_given_anything(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await submit(enqueuer)
        now = await now_ms(redis)
        claim = await worker.claim(number=1, renewed=now - AWAY_MS - 1)
        assert (claim.jobs, claim.refused) == ([], "renew")
        claim = await worker.claim(number=2, read=1, renewed=now)
        assert (claim.ids, claim.refused) == ([job_id], None)

    async def test_its_own_jobs_are_not_taken_from_it_meanwhile(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        """Redis' clock jumps forward by a minute: to Redis, every lease has lapsed and nobody has claimed for long."""
        await submit(enqueuer)
        job = await worker.one(number=1)
        await lapse(redis, job)
        await redis.hset(QUEUE, "seen", await now_ms(redis) - 60_000)
        assert (await worker.claim(number=2, read=1, renewed=await now_ms(redis) - 60_000)).refused == "renew"
        assert await worker.renew(job) == []
        assert (await worker.claim(number=3, read=2, renewed=await now_ms(redis))).jobs == []
        assert await worker.finish(job)

    def test_patience_lasts_until_every_worker_has_renewed(self) -> None:
        assert PATIENCE_MS >= RENEW_MS + 2000
        assert RENEW_MS < AWAY_MS < LEASE_MS

    async def test_patience_of_a_clock_that_was_set_back_ends_in_its_time(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
    ) -> None:
        await submit(enqueuer)
        job = await worker.one()
        await lapse(redis, job)
        now = await now_ms(redis)
        await redis.hset(QUEUE, mapping={"patience": now + 60_000, "seen": now + 60_000})
        claim = await rival.claim()
        assert claim.jobs == []
        assert 0 < claim.wait_ms <= PATIENCE_MS
