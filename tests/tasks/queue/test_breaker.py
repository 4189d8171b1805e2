"""A lane whose receiver fails is left alone for a while, and probed; what waits in it uses up no try."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import LANE, PARKED, QUEUE
from tasks.settings import Settings
from tests.tasks.queue.claimant import Claimant, Taken
from tests.tasks.queue.fan_out import LANE_A, deliveries

FAILURES = 3
PAUSE_S = 30.0


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, breaker_failures=FAILURES, breaker_pause_s=PAUSE_S, breaker_max_pause_s=100)


@pytest.fixture
def claimant(redis: ArqRedis, settings: Settings) -> Claimant:
    return Claimant(redis, settings)


async def take(claimant: Claimant, count: int = 100) -> list[Taken]:
    return (await claimant.claim(webhooks=count)).jobs


async def fail(claimant: Claimant, *jobs: Taken) -> None:
    outcomes = [claimant.outcome(job, "retrying", delay_ms=3_600_000, well=False, last=True) for job in jobs]
    assert all(await claimant.finish_all(*outcomes))


async def pause_ms(redis: ArqRedis) -> float:
    """For how long the lane is parked from now on; 0 if it is not."""
    until = await redis.zscore(f"{PARKED}webhooks", LANE_A)
    seconds, micros = await redis.time()
    return 0 if until is None else until - seconds * 1000 - micros / 1000


async def let_it_go(redis: ArqRedis) -> None:
    """Let the lane's pause be over."""
    assert await redis.zadd(f"{PARKED}webhooks", {LANE_A: 1}, xx=True, ch=True) == 1


async def test_failures_in_a_row_park_the_lane_and_no_try_is_used_up(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 6)
    jobs = await take(claimant, FAILURES)
    await fail(claimant, *jobs[:-1])
    assert await pause_ms(redis) == 0
    await fail(claimant, jobs[-1])
    assert 29_000 < await pause_ms(redis) <= 30_000
    assert await take(claimant) == []
    waiting = await redis.zrange(f"pressroom:line:webhooks:{LANE_A}", 0, -1)
    assert len(waiting) == 3
    for job_id in waiting:
        assert await redis.hmget(f"pressroom:job:{job_id.decode()}", "attempt", "tries", "state") == [
            None,
            None,
            b"queued",
        ]


async def test_after_the_pause_one_job_at_a_time_probes_until_one_succeeds(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 8)
    await fail(claimant, *await take(claimant, FAILURES))
    await let_it_go(redis)
    (probe,) = await take(claimant)
    assert await take(claimant) == [], "another probe while the first is under way"
    assert await claimant.finish(probe, "succeeded", well=True)
    assert len(await take(claimant)) == 4
    assert await redis.hmget(f"{LANE}webhooks:{LANE_A}", "failures", "trips", "failing_since") == [None] * 3


async def test_each_failed_probe_doubles_the_pause_up_to_the_limit(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 10)
    await fail(claimant, *await take(claimant, FAILURES))
    for expected_s in (60, 100, 100):
        await let_it_go(redis)
        (probe,) = await take(claimant)
        await fail(claimant, probe)
        assert (expected_s - 1) * 1000 < await pause_ms(redis) <= expected_s * 1000


async def test_failures_that_were_under_way_when_the_lane_was_parked_lengthen_nothing(
    redis: ArqRedis, claimant: Claimant
) -> None:
    await deliveries(redis, 10)
    await fail(claimant, *await take(claimant))
    assert await pause_ms(redis) <= PAUSE_S * 1000
    assert await redis.hget(f"{LANE}webhooks:{LANE_A}", "trips") == b"1"


async def test_a_success_between_failures_starts_the_count_anew(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 5)
    first, second, third, fourth, fifth = await take(claimant)
    await fail(claimant, first, second)
    assert await redis.hget(f"{LANE}webhooks:{LANE_A}", "failing_since") is not None
    assert await claimant.finish(third, well=True)
    await fail(claimant, fourth, fifth)
    assert await pause_ms(redis) == 0


async def test_a_receiver_that_asks_for_a_pause_gets_it(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 2)
    job = (await take(claimant, 1))[0]
    await claimant.finish(job, "retrying", delay_ms=5_000, well=False, pause_ms=7_000)
    assert 6_000 < await pause_ms(redis) <= 7_000
    assert await take(claimant) == []


async def test_another_lane_goes_on(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 5)
    await fail(claimant, *await take(claimant, FAILURES))
    await deliveries(redis, 2, endpoint="b")
    assert len(await take(claimant)) == 2


async def test_first_tries_go_before_retries(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 1)
    (old,) = await take(claimant)
    await claimant.finish(old, "retrying", delay_ms=0, last=True)
    await deliveries(redis, 2, event="later")
    assert [job.attempt for job in await take(claimant)] == [1, 1, 2]


async def test_receivers_have_a_default_cap_of_their_own(redis: ArqRedis, claimant: Claimant) -> None:
    await deliveries(redis, 5)
    assert len((await claimant.claim(receiver_cap=2, lane_cap=4, webhooks=10)).jobs) == 2
    assert await redis.hget(f"{QUEUE}webhooks", "seen") is not None
