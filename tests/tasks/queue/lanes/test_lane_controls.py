"""Steering: what is said to a queue or a lane holds, for jobs that wait and for those that come later."""

import asyncio

import pytest
from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import JOB, PARKED, TURNS, WAKE
from tests.support.queue.fake_worker import FakeWorker, look_now
from tests.support.queue.submissions import submit

LANE = "owner:acme"


async def unlimited(redis: ArqRedis) -> bool:
    return await redis.exists(f"{redis_keys.LANE}default:{LANE}") == 0


class TestPause:
    async def test_a_paused_queue_starts_nothing_and_goes_on_where_it_was(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        first = await submit(enqueuer)
        await lanes.pause("default")
        second = await submit(enqueuer)
        assert (await worker.claim()).jobs == []
        await lanes.resume("default")
        assert (await worker.claim()).ids == [first, second]

    async def test_other_queues_go_on(self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls) -> None:
        await lanes.pause("default")
        await submit(enqueuer)
        job_id = await submit(enqueuer, queue="media")
        assert (await worker.claim(default=5, media=5)).ids == [job_id]

    async def test_what_runs_goes_on_and_may_be_retried_or_handed_back(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        for _ in range(3):
            await submit(enqueuer)
        done, retried, back = (await worker.claim()).jobs
        await lanes.pause("default")
        assert await worker.renew(done, retried, back) == []
        verbs = ("succeeded", "retrying", "handed_back")
        assert await worker.finish_all(
            *(worker.outcome(job, verb) for job, verb in zip((done, retried, back), verbs, strict=True))
        ) == [True, True, True]
        assert (await worker.claim()).jobs == []
        await lanes.resume("default")
        assert set((await worker.claim()).ids) == {retried.id, back.id}

    async def test_timers_that_fall_due_meanwhile_do_not_make_idle_workers_spin(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.pause("default")
        due = await submit(enqueuer, delay_ms=60_000)
        await look_now(redis, due)
        assert (await worker.claim()).wait_ms > 60_000
        assert await redis.exists(WAKE + "default") == 0, "signals would wake idle workers for nothing"
        await lanes.resume("default")
        assert (await worker.claim()).ids == [due]

    async def test_resuming_wakes_a_worker(self, redis: ArqRedis, enqueuer: Enqueuer, lanes: LaneControls) -> None:
        await lanes.pause("default")
        await submit(enqueuer)
        await redis.delete(WAKE + "default")
        await lanes.resume("default")
        assert await redis.llen(WAKE + "default") == 1


class TestPark:
    async def test_a_parked_lane_is_passed_over_until_its_time(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        parked, other = await submit(enqueuer, owner="acme"), await submit(enqueuer)
        await lanes.park("default", LANE, 9_000)
        later = await submit(enqueuer, owner="acme")
        claim = await worker.claim()
        assert claim.ids == [other]
        assert 0 < claim.wait_ms <= 9_000
        await redis.zadd(PARKED + "default", {LANE: 1}, xx=True)
        assert (await worker.claim()).ids == [parked, later]

    async def test_unparking_lets_it_go_at_once(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.park("default", LANE, 3_600_000)
        job_id = await submit(enqueuer, owner="acme")
        await worker.claim()
        await lanes.unpark("default", LANE)
        assert await redis.llen(WAKE + "default") == 1
        assert (await worker.claim()).ids == [job_id]
        assert await redis.exists(PARKED + "default") == 0

    async def test_neither_a_finish_nor_a_due_timer_lets_a_parked_lane_go(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await submit(enqueuer, owner="acme")
        running = await worker.one()
        waiting = await submit(enqueuer, owner="acme")
        scheduled = await submit(enqueuer, owner="acme", delay_ms=60_000)
        await lanes.park("default", LANE, 3_600_000)
        await worker.finish(running, "retrying", delay_ms=60_000)
        for job_id in (running.id, waiting, scheduled):
            await look_now(redis, job_id)
        assert (await worker.claim()).jobs == []
        await lanes.unpark("default", LANE)
        assert set((await worker.claim()).ids) == {running.id, waiting, scheduled}

    async def test_a_lane_may_be_parked_before_it_exists(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.park("default", LANE, 5)
        await asyncio.sleep(0.01)
        assert (await worker.claim()).jobs == []
        assert await redis.exists(PARKED + "default", TURNS + "default") == 0
        job_id = await submit(enqueuer, owner="acme")
        assert (await worker.claim()).ids == [job_id]


class TestCap:
    async def test_no_more_of_a_lane_run_than_its_cap(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, cap=2)
        ids = [await submit(enqueuer, owner="acme") for _ in range(5)]
        other = await submit(enqueuer)
        first = await worker.claim(10)
        assert set(first.ids) == {*ids[:2], other}
        assert (await worker.claim()).jobs == []
        await worker.finish(next(job for job in first.jobs if job.id == ids[0]))
        assert (await worker.claim()).ids == [ids[2]]
        await lanes.limit("default", LANE)
        assert (await worker.claim()).ids == ids[3:]

    @pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled", "retrying", "handed_back"])
    async def test_every_end_makes_room(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls, verb: str
    ) -> None:
        await lanes.limit("default", LANE, cap=1)
        await submit(enqueuer, owner="acme")
        job = await worker.one()
        await submit(enqueuer, owner="acme")
        assert (await worker.claim()).jobs == []
        await worker.finish(job, verb, delay_ms=60_000)
        assert len((await worker.claim()).jobs) == 1
        assert await redis.hget(f"{redis_keys.LANE}default:{LANE}", "running") == b"1"

    async def test_a_lowered_cap_lets_what_runs_end_first(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        for _ in range(6):
            await submit(enqueuer, owner="acme")
        running = (await worker.claim(4)).jobs
        await lanes.limit("default", LANE, cap=2)
        for job, startable in zip(running, (0, 0, 1, 1), strict=True):
            await worker.finish(job)
            assert len((await worker.claim()).jobs) == startable

    async def test_the_cap_of_all_lanes_yields_to_a_lanes_own(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, cap=3)
        for owner in ("acme", "dev"):
            for _ in range(5):
                await submit(enqueuer, owner=owner)
        owners = sorted(job.owner for job in (await worker.claim(lane_cap=1)).jobs)
        assert owners == ["acme"] * 3 + ["dev"]


class TestRate:
    async def test_jobs_start_no_faster_than_the_rate(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, rate=20)
        ids = [await submit(enqueuer, owner="acme") for _ in range(4)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        started: list[str] = []
        waits: list[float] = []
        while len(started) < 4:
            claim = await worker.claim()
            started += claim.ids
            waits.append(claim.wait_ms)
            await asyncio.sleep(max(claim.wait_ms, 0) / 1000 if len(started) < 4 else 0)
        assert started == ids
        assert loop.time() - began >= 3 * 0.05 - 0.005
        assert len(waits) <= 9, "a worker that sleeps as long as it is told is not called in vain"

    async def test_other_lanes_are_not_slowed(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, rate=0.001)
        slow = [await submit(enqueuer, owner="acme") for _ in range(3)]
        fast = [await submit(enqueuer) for _ in range(20)]
        assert set((await worker.claim(100)).ids) == {slow[0], *fast}

    async def test_a_rate_that_is_lifted_or_raised_holds_at_once(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, rate=0.001)
        ids = [await submit(enqueuer, owner="acme") for _ in range(4)]
        assert (await worker.claim()).ids == ids[:1]
        assert (await worker.claim()).jobs == []
        await lanes.limit("default", LANE, rate=0.002)
        assert (await worker.claim()).ids == ids[1:2]
        await lanes.limit("default", LANE)
        assert (await worker.claim()).ids == ids[2:]

    async def test_a_new_limit_does_not_let_a_parked_lane_go(
        self, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, rate=1000)
        await submit(enqueuer, owner="acme")
        await lanes.park("default", LANE, 3_600_000)
        await lanes.limit("default", LANE, cap=5)
        assert (await worker.claim()).jobs == []

    async def test_a_rate_of_thirds_keeps_its_fractions(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
    ) -> None:
        await lanes.limit("default", LANE, rate=3)
        await submit(enqueuer, owner="acme")
        job = await worker.one()
        started = int(await redis.hget(JOB + job.id, "started_at") or 0)
        following = float(await redis.hget(f"{redis_keys.LANE}default:{LANE}", "next") or 0)
        assert following - started == pytest.approx(1000 / 3, abs=0.01)


async def test_lifting_the_limits_leaves_nothing_of_the_lane(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    await lanes.limit("default", LANE, cap=1, rate=100)
    await submit(enqueuer, owner="acme")
    job = await worker.one()
    await lanes.limit("default", LANE)
    await worker.finish(job)
    assert await unlimited(redis)
