"""Stopping a job: where it waits it never starts, and nothing of it is left in any line."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss
from arq.jobs import Job

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, JOB, LANE, SUSPECTS, TURNS, arq_queue
from tasks.queue.wire import deserialize
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit

LIFELESS = (
    TURNS + "*",
    BACKLOG + "*",
    SUSPECTS + "*",
    LANE + "*",
    arq_queue("default") + "*",
    abort_jobs_ss,
)


async def leftovers(redis: ArqRedis) -> list[bytes]:
    return [key for pattern in LIFELESS for key in await redis.keys(pattern)]


async def queued(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    return await submit(enqueuer)


async def scheduled(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    return await submit(enqueuer, delay_ms=60_000)


async def retrying(enqueuer: Enqueuer, worker: FakeWorker) -> str:
    await submit(enqueuer)
    job = await worker.one()
    await worker.finish(job, "retrying", delay_ms=60_000)
    return job.id


@pytest.mark.parametrize("waiting", [queued, scheduled, retrying])
async def test_a_job_that_waits_is_cancelled_at_once_and_leaves_every_line(
    redis: ArqRedis,
    settings: Settings,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    waiting: Callable[[Enqueuer, FakeWorker], Awaitable[str]],
) -> None:
    job_id = await waiting(enqueuer, worker)
    assert await JobStore(redis, settings).cancel(job_id) == "cancelled"
    record = await record_of(redis, job_id)
    assert record.state is State.CANCELLED
    assert record.error == {"code": "cancelled", "message": "Cancelled while it waited."}
    assert record.expires_at == (record.finished_at or 0) + settings.keep_cancelled_s * 1000
    assert await leftovers(redis) == []
    assert (await worker.claim()).jobs == []
    with pytest.raises(asyncio.CancelledError):
        await Job(job_id, redis, _deserializer=deserialize).result()


async def test_neighbours_in_the_lane_keep_their_turn(
    enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    ids = [await submit(enqueuer) for _ in range(3)]
    assert await job_store.cancel(ids[1]) == "cancelled"
    assert (await worker.claim()).ids == [ids[0], ids[2]]


async def test_the_worker_of_a_running_job_is_told_by_arqs_own_sign(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    assert await job_store.cancel(job.id) == "running"
    assert await redis.zrange(abort_jobs_ss, 0, -1) == [job.id.encode()]
    assert (await record_of(redis, job.id)).state is State.RUNNING
    await worker.finish(job, "cancelled", value=["cancelled", "Cancelled while it ran."])
    assert await leftovers(redis) == []


async def test_asking_again_changes_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await submit(enqueuer)
    await job_store.cancel(job_id)
    before = await redis.hgetall(JOB + job_id)
    assert await job_store.cancel(job_id) == "cancelled"
    assert await redis.hgetall(JOB + job_id) == before
    running = await submit(enqueuer)
    await worker.claim()
    assert [await job_store.cancel(running) for _ in range(2)] == ["running", "running"]


@pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled"])
async def test_a_job_that_has_ended_says_how(
    enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, verb: str
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    await worker.finish(job, verb)
    assert await job_store.cancel(job.id) == verb


async def test_an_unknown_job_is_unknown(job_store: JobStore) -> None:
    assert await job_store.cancel("nobody") == "unknown"


async def test_a_sign_that_came_too_late_is_taken_down(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    """Signs are read a limited number at a time: those that mean nothing must not hide those that do."""
    await submit(enqueuer)
    job = await worker.one()
    await worker.finish(job)
    await redis.zadd(abort_jobs_ss, {job.id: 1})
    assert await job_store.cancel(job.id) == "succeeded"
    assert await redis.exists(abort_jobs_ss) == 0


async def test_a_job_that_ended_first_stays_as_it_ended(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    assert await job_store.cancel(job.id) == "running"
    assert await worker.finish(job)
    assert (await record_of(redis, job.id)).state is State.SUCCEEDED
    assert await redis.exists(abort_jobs_ss) == 0


class TestASignMeetsAJobThatNobodyRuns:
    """Given while the job ran, or by `Job.abort()` while it waits: the next claim heeds it."""

    async def sign(self, redis: ArqRedis, job_id: str) -> None:
        await redis.zadd(abort_jobs_ss, {job_id: 1})

    async def over(self, redis: ArqRedis, worker: FakeWorker, job_id: str) -> None:
        assert (await worker.claim()).jobs == []
        record = await record_of(redis, job_id)
        assert record.state is State.CANCELLED
        assert record.error == {"code": "cancelled", "message": "Cancelled before it started."}
        assert await leftovers(redis) == []

    async def test_in_its_lane(self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        job_id = await submit(enqueuer)
        await self.sign(redis, job_id)
        await self.over(redis, worker, job_id)

    async def test_when_it_is_handed_back(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        await submit(enqueuer)
        job = await worker.one()
        await job_store.cancel(job.id)
        await worker.finish(job, "handed_back")
        await self.over(redis, worker, job.id)

    async def test_when_its_worker_has_died(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        await submit(enqueuer)
        job = await worker.one()
        await job_store.cancel(job.id)
        await lapse(redis, job)
        await self.over(redis, worker, job.id)

    async def test_when_its_timer_is_due(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        """As `Job.abort()` leaves it, in a queue where nothing may start."""
        await lanes.pause("default")
        waiting = await submit(enqueuer)
        later = await submit(enqueuer, delay_ms=60_000)
        for job_id in (waiting, later):
            await self.sign(redis, job_id)
            await look_now(redis, job_id)
        await self.over(redis, worker, waiting)
        assert (await record_of(redis, later)).state is State.CANCELLED

    async def test_among_the_suspects(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        await submit(enqueuer)
        for _ in range(2):
            await lapse(redis, await worker.one())
        busy = await worker.claim(idle=False)
        assert busy.draining == "default"
        (suspect,) = await redis.zrange(SUSPECTS + "default", 0, -1)
        assert await job_store.cancel(suspect.decode()) == "cancelled"
        assert await leftovers(redis) == []
        assert (await worker.claim()).draining is None
