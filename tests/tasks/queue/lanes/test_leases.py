"""Leases: who lives keeps its jobs, who died loses them, and who lost them can do no harm."""

from dataclasses import replace

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, result_key_prefix

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BLOB, JOB, LEASE_MS, OUTAGE_MS, PATIENCE_MS, arq_queue
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob

QUEUE = redis_keys.QUEUE + "default"
LANE = redis_keys.LANE + "default:owner:dev"


@pytest.fixture
async def job(enqueuer: Enqueuer, worker: FakeWorker) -> ClaimedJob:
    """A job that `worker` runs."""
    await submit(enqueuer)
    return await worker.one()


async def redis_was_away(redis: ArqRedis) -> None:
    """Let the last claim be as long ago as an outage makes it."""
    seen = int(await redis.hget(QUEUE, "seen") or 0)
    await redis.hset(QUEUE, "seen", seen - OUTAGE_MS - 1000)


class TestRenewal:
    async def test_a_renewed_lease_runs_its_full_time_again(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await redis.pexpire(in_progress_key_prefix + job.id, 100)
        await look_now(redis, job.id)
        assert await worker.renew(job) == []
        assert LEASE_MS - 1000 < await redis.pttl(in_progress_key_prefix + job.id) <= LEASE_MS
        claim = await worker.claim()
        assert claim.jobs == []
        assert LEASE_MS - 1000 < claim.wait_ms <= LEASE_MS

    async def test_all_leases_are_renewed_in_one_call_and_the_lost_ones_named(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
    ) -> None:
        for n in range(6):
            await submit(enqueuer, queue="media" if n % 2 else "default", owner=f"o{n}")
        kept, lapsed, done, back, later, gone = (await worker.claim(default=9, media=9)).jobs
        await lapse(redis, lapsed)
        await rival.claim(default=9, media=9)
        await worker.finish(done)
        await worker.finish(back, "handed_back")
        await worker.finish(later, "retrying", delay_ms=60_000)
        nobody = replace(gone, id="nobody")
        assert await worker.renew(kept, lapsed, done, back, later, nobody, gone) == [
            lapsed.id,
            done.id,
            back.id,
            later.id,
            "nobody",
        ]

    async def test_nothing_to_renew_is_no_trouble(self, worker: FakeWorker) -> None:
        assert await worker.renew() == []

    async def test_a_lease_that_lapsed_while_nobody_claimed_is_taken_up_again(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        assert await worker.renew(job) == []
        assert (await rival.claim()).jobs == []
        assert await worker.finish(job)

    async def test_a_lease_that_redis_forgot_is_written_anew(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await redis.delete(in_progress_key_prefix + job.id)
        await redis.zrem(arq_queue("default"), job.id)
        assert await worker.renew(job) == []
        assert (await rival.claim()).wait_ms > LEASE_MS - 1000

    async def test_a_live_key_protects_a_job_whose_timer_is_due(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        """As `Job.abort()` leaves it, which lets the timer of any job be due."""
        await look_now(redis, job.id)
        assert (await rival.claim()).jobs == []
        assert (await record_of(redis, job.id)).attempts == ()
        assert await worker.finish(job)


class TestLapse:
    async def test_a_dead_workers_job_runs_again_and_no_try_is_used_up(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        again = await rival.one()
        assert (again.id, again.attempt, again.tries) == (job.id, 2, 0)
        record = await record_of(redis, job.id)
        assert (record.state, record.worker, record.tries) == (State.RUNNING, rival.name, 0)
        (attempt,) = record.attempts
        assert attempt.keys() == {"number", "worker", "outcome", "started_at", "ended_at"}
        assert (attempt["number"], attempt["worker"], attempt["outcome"]) == (1, worker.name, "lapsed")
        assert attempt["started_at"] <= attempt["ended_at"] <= (record.started_at or 0)

    async def test_the_lane_counts_it_once(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        await worker.claim(0)
        assert await redis.exists(LANE) == 0
        again = await rival.one()
        assert await redis.hget(LANE, "running") == b"1"
        await rival.finish(again)
        assert await redis.exists(LANE) == 0

    async def test_a_lapse_makes_room_in_a_full_lane(
        self, redis: ArqRedis, enqueuer: Enqueuer, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        waiting = await submit(enqueuer)
        assert (await rival.claim(lane_cap=1)).jobs == []
        await lapse(redis, job)
        assert (await rival.claim(lane_cap=1)).ids == [job.id], "it has waited longest"
        assert (await rival.claim(lane_cap=1)).jobs == []
        assert (await record_of(redis, waiting)).state is State.QUEUED

    async def test_failed_tries_and_lapses_are_counted_apart(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job, "retrying")
        await lapse(redis, await worker.one())
        await worker.finish(await worker.one(), "retrying")
        last = await worker.one()
        assert (last.attempt, last.tries) == (4, 2)
        outcomes = [one["outcome"] for one in (await record_of(redis, job.id)).attempts]
        assert outcomes == ["retrying", "lapsed", "retrying"]


class TestTheFence:
    @pytest.fixture
    async def again(self, redis: ArqRedis, rival: FakeWorker, job: ClaimedJob) -> ClaimedJob:
        """The job, whose lease lapsed, as its second worker runs it."""
        await lapse(redis, job)
        return await rival.one()

    @pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled", "retrying", "handed_back"])
    async def test_the_first_worker_changes_nothing_any_more(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob, again: ClaimedJob, verb: str
    ) -> None:
        before = await redis.hgetall(JOB + job.id)
        assert await worker.finish(job, verb, blobs=("b" * 64,)) is False
        assert await worker.progress(job, 50) is False
        assert await worker.renew(job) == [job.id]
        assert await redis.hgetall(JOB + job.id) == before
        assert await redis.get(in_progress_key_prefix + job.id) == b"worker-2"
        assert await redis.exists(BLOB + "b" * 64, result_key_prefix + job.id) == 0
        assert await redis.hget(LANE, "running") == b"1"
        assert (await record_of(redis, job.id)).attempt == again.attempt

    async def test_the_same_worker_is_fenced_by_its_attempt(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        again = await worker.one()
        assert await worker.renew(job) == [job.id]
        assert not await worker.finish(job)
        assert not await worker.progress(job, 1)
        assert await worker.renew(again) == []
        assert await worker.progress(again, 1)
        assert await worker.finish(again)

    async def test_a_finish_that_is_said_twice_counts_once(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        """A connection may break after the script ran and before it was answered."""
        assert await worker.finish_all(worker.outcome(job, "succeeded"), worker.outcome(job, "failed")) == [
            True,
            False,
        ]
        assert not await worker.finish(job, "handed_back")
        assert (await record_of(redis, job.id)).state is State.SUCCEEDED
        assert await redis.exists(LANE) == 0


class TestPatience:
    async def test_without_an_outage_a_lapsed_lease_is_claimed_at_once(
        self, redis: ArqRedis, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        assert (await rival.claim()).ids == [job.id]

    async def test_after_an_outage_nobodys_lease_lapses_before_its_worker_can_renew(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
    ) -> None:
        for _ in range(3):
            await submit(enqueuer)
        jobs = (await worker.claim()).jobs
        for job in jobs:
            await lapse(redis, job)
        await redis_was_away(redis)
        claim = await rival.claim()
        assert claim.jobs == []
        assert PATIENCE_MS - 1000 < claim.wait_ms <= PATIENCE_MS
        assert await worker.renew(*jobs) == []
        await redis.hset(QUEUE, "patience", 0)
        assert (await rival.claim()).jobs == []
        assert all([await worker.finish(job) for job in jobs])

    async def test_patience_does_not_grow_with_each_claim_and_ends(
        self, redis: ArqRedis, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        await redis_was_away(redis)
        await rival.claim()
        until = await redis.hget(QUEUE, "patience")
        for _ in range(3):
            await look_now(redis, job.id)
            assert (await rival.claim()).jobs == []
        assert await redis.hget(QUEUE, "patience") == until
        assert await redis.zscore(arq_queue("default"), job.id) == int(until or 0)
        await redis.hset(QUEUE, "patience", 0)
        await look_now(redis, job.id)
        assert (await rival.claim()).ids == [job.id]

    async def test_patience_holds_up_running_jobs_alone(
        self, redis: ArqRedis, enqueuer: Enqueuer, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        waiting = await submit(enqueuer)
        due = await submit(enqueuer, delay_ms=60_000)
        await look_now(redis, due)
        await redis_was_away(redis)
        assert (await rival.claim()).ids == [waiting, due]

    async def test_a_queue_that_was_never_claimed_from_has_no_outage_behind_it(
        self, redis: ArqRedis, rival: FakeWorker, job: ClaimedJob
    ) -> None:
        await lapse(redis, job)
        await redis.hdel(QUEUE, "seen", "patience")
        assert (await rival.claim()).ids == [job.id]
