"""Receivers that do not answer in time: they get one job at a time, and half of their owner's slots at most."""

from collections import Counter

import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import ENDPOINT, JOB, PARKED, UNANSWERED, UNANSWERED_LANES
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.fan_out import deliveries, expand, to
from worker.attempts.running import ClaimedJob

OWNER_CAP = 8


async def take(worker: FakeWorker, count: int = 100, owner_cap: int = OWNER_CAP) -> list[ClaimedJob]:
    return (await worker.claim(webhooks=count, owner_cap=owner_cap)).jobs


async def answer(redis: ArqRedis, worker: FakeWorker, *endpoints: str) -> None:
    """Let these endpoints have answered a delivery."""
    for endpoint in endpoints:
        await deliveries(redis, 1, endpoint=endpoint, event=f"first-{endpoint}")
        (job,) = await take(worker)
        assert await worker.finish(job, receiver_ok=True)


async def time_out(worker: FakeWorker, *jobs: ClaimedJob) -> None:
    outcomes = [
        worker.outcome(job, "retrying", delay_ms=3_600_000, receiver_ok=False, timed_out=True, last=True)
        for job in jobs
    ]
    assert all(await worker.finish_all(*outcomes))


async def endpoints_of(redis: ArqRedis, jobs: list[ClaimedJob]) -> Counter[str]:
    """How many of the jobs go to each endpoint."""
    lanes = [await redis.hget(JOB + job.id, "lane") for job in jobs]
    return Counter(lane.decode().removeprefix("endpoint:") for lane in lanes if lane)


class TestOneAtATime:
    async def test_after_one_time_out_a_lane_has_one_job_until_a_success(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        await deliveries(redis, 12)
        first, *others = await take(worker, 4, owner_cap=0)
        await time_out(worker, first)
        assert await take(worker, owner_cap=0) == [], "three are under way"
        for job in others:
            await worker.finish(job, "retrying", delay_ms=3_600_000, receiver_ok=False)
        (probe,) = await take(worker, owner_cap=0)
        assert await take(worker, owner_cap=0) == []
        await worker.finish(probe, receiver_ok=True)
        assert len(await take(worker, owner_cap=0)) == 7

    async def test_a_failure_that_is_answered_slows_nothing(self, redis: ArqRedis, worker: FakeWorker) -> None:
        await deliveries(redis, 6)
        first, second = await take(worker, 2)
        await worker.finish(first, "retrying", delay_ms=3_600_000, receiver_ok=False)
        await worker.finish(second, "retrying", delay_ms=3_600_000, receiver_ok=False)
        assert len(await take(worker)) == 4


class TestShare:
    async def test_half_of_the_owners_slots_are_kept_for_receivers_that_answer(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        await answer(redis, worker, "good")
        for number in range(20):
            await deliveries(redis, 3, endpoint=f"dead-{number}")
        hanging = await take(worker)
        assert len(hanging) == OWNER_CAP // 2
        await deliveries(redis, 6, endpoint="good", event="later")
        good = await take(worker)
        assert await endpoints_of(redis, good) == {"good": OWNER_CAP // 2}
        assert await take(worker) == []
        for job in good:
            await worker.finish(job, receiver_ok=True)
        assert await endpoints_of(redis, await take(worker)) == {"good": 2}

    async def test_each_that_ends_lets_in_one_of_those_that_wait_and_none_is_forgotten(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        for number in range(20):
            await deliveries(redis, 2, endpoint=f"dead-{number}")
        seen: Counter[str] = Counter()
        running = await take(worker)
        while running:
            assert len(running) <= OWNER_CAP // 2
            seen += await endpoints_of(redis, running)
            await worker.finish_all(*(worker.outcome(job, "failed", receiver_ok=False) for job in running))
            running = await take(worker)
        assert set(seen.values()) == {2}
        assert len(seen) == 20
        assert await redis.exists(UNANSWERED_LANES + "dev") == 0

    async def test_one_that_was_not_tried_yet_goes_before_one_that_timed_out(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        for number in range(6):
            await deliveries(redis, 3, endpoint=f"dead-{number}")
        hanging = await take(worker)
        await deliveries(redis, 1, endpoint="new")
        assert await take(worker) == []
        await time_out(worker, *hanging)
        assert "new" in await endpoints_of(redis, await take(worker))

    async def test_a_lane_that_is_parked_or_full_gives_its_turn_to_the_next(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        for number in range(10):
            await deliveries(redis, 8, endpoint=f"dead-{number}")
        for _ in range(30):
            running = await take(worker)
            if not running:
                break
            await time_out(worker, *running)
        parked = await redis.zcard(PARKED + "webhooks")
        assert parked == 10, "each of them was tried as often as it takes"

    async def test_a_success_makes_a_receiver_one_that_answers_and_a_time_out_unmakes_it(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        await answer(redis, worker, "a")
        assert await redis.hget(ENDPOINT + "a", "answered") == b"1"
        await deliveries(redis, 1, event="second")
        (job,) = await take(worker)
        assert await redis.exists(UNANSWERED + "dev") == 0
        await time_out(worker, job)
        assert await redis.hget(ENDPOINT + "a", "answered") is None

    async def test_a_worker_that_dies_gives_its_places_back(
        self, redis: ArqRedis, worker: FakeWorker, rival: FakeWorker
    ) -> None:
        for number in range(6):
            await deliveries(redis, 1, endpoint=f"dead-{number}")
        for job in await take(worker):
            await lapse(redis, job)
        assert len(await take(rival)) == OWNER_CAP // 2
        assert await redis.zcard(UNANSWERED + "dev") == OWNER_CAP // 2

    async def test_another_owner_has_slots_of_its_own(self, redis: ArqRedis, worker: FakeWorker) -> None:
        for number in range(10):
            await deliveries(redis, 1, endpoint=f"dead-{number}")
        await deliveries(redis, 3, endpoint="z", owner="another")
        jobs = await take(worker)
        assert Counter(job.owner for job in jobs) == {"dev": OWNER_CAP // 2, "another": 3}

    @pytest.mark.parametrize("owner_cap", [0, 1])
    async def test_without_a_cap_nothing_is_kept_and_with_the_smallest_one_may_be_tried(
        self, redis: ArqRedis, worker: FakeWorker, owner_cap: int
    ) -> None:
        await expand(redis, "event", *(to("event", f"e-{number}", always=True) for number in range(5)))
        for number in range(5):
            await redis.hset(f"{ENDPOINT}e-{number}", "owner", "dev")
            await redis.expire(f"{ENDPOINT}e-{number}", 60)
        assert len(await take(worker, owner_cap=owner_cap)) == (owner_cap or 5)
