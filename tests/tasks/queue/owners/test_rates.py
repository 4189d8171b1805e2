"""Rates: how much an owner may ask for in a minute, and when it may ask again."""

import asyncio
import math
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.account_keys import RATE
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import SCHEDULES, SUBSCRIBERS
from tasks.refusal import Refusal
from tasks.schedule.scheduler import FireResult, Scheduler
from tasks.schedule.store import SchedulePatch, ScheduleRecord, ScheduleStore
from tasks.settings import SYSTEM, Settings
from tests.support.queue.submissions import submission, submit

PATCH = SchedulePatch(cron="0 * * * *", timezone="UTC", overlap="allow", misfire=3600)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        _env_file=None,
        owner_deliveries_per_minute=60,
        owner_runs_per_minute=3,
        owner_schedules_per_minute=2,
    )


@pytest.fixture
def schedule_store(redis: ArqRedis, settings: Settings) -> ScheduleStore:
    return ScheduleStore(redis, settings)


@pytest.fixture
def scheduler(redis: ArqRedis, settings: Settings) -> Scheduler:
    return Scheduler(redis, settings)


async def subscribers(redis: ArqRedis, count: int) -> None:
    key = f"{SUBSCRIBERS}dev:order.*"
    await redis.zadd(key, {f"endpoint-{number}": 0 for number in range(count)})
    await redis.expire(key, 60)


async def publish(enqueuer: Enqueuer, **fields: Any) -> str:
    return await submit(enqueuer, **{"kind": "event", "event_type": "order.paid", **fields})


async def later(redis: ArqRedis, what: str, seconds: int) -> None:
    """Let so much time have passed since the last request."""
    key = f"{RATE}{what}:dev"
    await redis.set(key, int(await redis.get(key) or 0) - seconds * 1000, keepttl=True)


class TestEvents:
    async def test_they_count_for_the_deliveries_that_they_make(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        await subscribers(redis, 20)
        for _ in range(3):
            await publish(enqueuer)
        with pytest.raises(Refusal, match="60 deliveries per minute") as refused:
            await publish(enqueuer)
        assert (refused.value.code, refused.value.limit) == ("rate_limited", 60)
        assert 10 <= (refused.value.retry_after_s or 0) <= 20, "when twenty more are paid for"
        await publish(enqueuer, owner="other")
        await submit(enqueuer), "what is no event has no rate"
        await later(redis, "deliveries", refused.value.retry_after_s or 0)
        await publish(enqueuer)
        with pytest.raises(Refusal, match="rate_limited"):
            await publish(enqueuer)

    async def test_one_that_nobody_asked_for_counts_for_one(self, enqueuer: Enqueuer) -> None:
        for _ in range(60):
            await publish(enqueuer)
        with pytest.raises(Refusal, match="Try again in 1 s"):
            await asyncio.gather(*(publish(enqueuer) for _ in range(60)))  # one more is accepted each second

    async def test_one_that_is_larger_than_the_rate_goes_while_nothing_is_owed(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 180)
        await publish(enqueuer)
        with pytest.raises(Refusal) as refused:
            await publish(enqueuer)
        assert math.isclose(refused.value.retry_after_s or 0, 180, abs_tol=20)

    async def test_a_repeat_and_a_refused_submit_cost_nothing(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        await subscribers(redis, 30)
        first = await publish(enqueuer, idempotency_key="k")
        assert await publish(enqueuer, idempotency_key="k") == first
        with pytest.raises(Refusal, match="not_found"):
            await publish(enqueuer, batch="0" * 32)
        await publish(enqueuer)

    async def test_a_batch_of_them_counts_as_a_whole(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        await subscribers(redis, 20)
        event = submission(kind="event", event_type="order.paid")
        await enqueuer.enqueue_batch([event] * 2)
        with pytest.raises(Refusal, match="rate_limited"):
            await enqueuer.enqueue_batch([event] * 2)

    async def test_what_is_kept_of_an_owner_expires_when_it_is_paid_for(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await publish(enqueuer)
        assert 0 < await redis.pttl(f"{RATE}deliveries:dev") <= 1_000
        unlimited = Enqueuer(redis, Settings(_env_file=None, owner_deliveries_per_minute=0))
        await redis.flushall()
        await publish(unlimited)
        assert await redis.exists(f"{RATE}deliveries:dev") == 0


class TestSchedules:
    async def schedule(self, store: ScheduleStore, owner: str = "dev", **fields: Any) -> ScheduleRecord:
        return await store.create(owner, PATCH, submission(owner=owner, **fields))

    async def test_runs_by_hand_and_new_schedules_have_rates(
        self, schedule_store: ScheduleStore, scheduler: Scheduler
    ) -> None:
        schedule = await self.schedule(schedule_store)
        for _ in range(3):
            await scheduler.run_now(schedule)
        with pytest.raises(Refusal, match="3 runs of schedules per minute") as refused:
            await scheduler.run_now(schedule)
        assert 10 <= (refused.value.retry_after_s or 0) <= 20
        await self.schedule(schedule_store)
        with pytest.raises(Refusal, match="2 schedules per minute") as refused:
            await self.schedule(schedule_store)
        assert refused.value.code == "rate_limited"
        await self.schedule(schedule_store, owner="other")
        for one in (await schedule_store.page("dev", 10, None))[0]:
            await schedule_store.delete(one)
        for one in (await schedule_store.page("other", 10, None))[0]:
            await schedule_store.delete(one)

    async def test_what_the_service_runs_for_itself_has_none(
        self, schedule_store: ScheduleStore, scheduler: Scheduler
    ) -> None:
        schedule = await self.schedule(schedule_store, owner=SYSTEM)
        for _ in range(5):
            await scheduler.run_now(schedule)
        await schedule_store.delete(schedule)

    async def test_an_event_of_a_schedule_counts_and_is_skipped_over_the_rate(
        self, redis: ArqRedis, schedule_store: ScheduleStore, scheduler: Scheduler, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 60)
        await publish(enqueuer)
        params = '{"type":"order.paid","data":{}}'
        schedule = await self.schedule(schedule_store, kind="event", params=params)
        now_ms = (await scheduler.find_due()).now_ms
        await redis.zadd(SCHEDULES, {schedule.id: now_ms})
        assert await scheduler.fire(schedule.id, now_ms, now_ms) == FireResult("skipped", "rate_limited")
        await schedule_store.delete(schedule)
