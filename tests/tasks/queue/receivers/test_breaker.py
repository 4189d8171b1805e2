"""A lane whose receiver fails is left alone for a while, and probed; what waits in it uses up no try."""

import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import BACKLOG, ENDPOINT, FAILURE_GAP_MS, JOB, LANE, PARKED, PAUSE_JITTER, QUEUE
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import LANE_A, deliveries
from worker.attempts.running import ClaimedJob

FAILURES = 3
PAUSE_S = 30.0


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, breaker_failures=FAILURES, breaker_pause_s=PAUSE_S, breaker_max_pause_s=100)


async def take(worker: FakeWorker, count: int = 100) -> list[ClaimedJob]:
    return (await worker.claim(webhooks=count)).jobs


async def fail(worker: FakeWorker, *jobs: ClaimedJob) -> None:
    outcomes = [worker.outcome(job, "retrying", delay_ms=3_600_000, receiver_ok=False, last=True) for job in jobs]
    assert all(await worker.finish_all(*outcomes))


async def pause_ms(redis: ArqRedis) -> float:
    """For how long the lane is parked from now on; 0 if it is not."""
    until = await redis.zscore(f"{PARKED}webhooks", LANE_A)
    return 0 if until is None else until - clock.of_redis(await redis.time())


def shortest_ms(seconds: float) -> float:
    """Of a pause that lasts so long at most, less a second that the test may take."""
    return (seconds * (1 - PAUSE_JITTER) - 1) * 1000


async def let_it_go(redis: ArqRedis, *, missing_ok: bool = False) -> None:
    """Let the lane's pause be over."""
    parked = await redis.zadd(f"{PARKED}webhooks", {LANE_A: 1}, xx=True, ch=True) == 1
    assert parked or missing_ok


async def test_failures_in_a_row_park_the_lane_and_no_try_is_used_up(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 6)
    jobs = await take(worker, FAILURES)
    await fail(worker, *jobs[:-1])
    assert await pause_ms(redis) == 0
    await fail(worker, jobs[-1])
    assert shortest_ms(30) < await pause_ms(redis) <= 30_000
    assert await take(worker) == []
    waiting = await redis.zrange(f"{BACKLOG}webhooks:{LANE_A}", 0, -1)
    assert len(waiting) == 3
    for job_id in waiting:
        assert await redis.hmget(f"{JOB}{job_id.decode()}", "attempt", "tries", "state") == [
            None,
            None,
            b"queued",
        ]


async def test_after_the_pause_one_job_at_a_time_probes_until_one_succeeds(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 8)
    await fail(worker, *await take(worker, FAILURES))
    await let_it_go(redis)
    (probe,) = await take(worker)
    assert await take(worker) == [], "another probe while the first is under way"
    assert await worker.finish(probe, "succeeded", receiver_ok=True)
    assert len(await take(worker)) == 4
    assert await redis.hmget(f"{LANE}webhooks:{LANE_A}", "failures", "trips", "failing_since") == [None] * 3


async def test_each_failed_probe_doubles_the_pause_up_to_the_limit(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 10)
    await fail(worker, *await take(worker, FAILURES))
    for expected_s in (60, 100, 100):
        await let_it_go(redis)
        (probe,) = await take(worker)
        await fail(worker, probe)
        assert shortest_ms(expected_s) < await pause_ms(redis) <= expected_s * 1000


async def test_lanes_that_are_parked_together_are_not_probed_together(redis: ArqRedis, worker: FakeWorker) -> None:
    for endpoint in "abcdefgh":
        await deliveries(redis, FAILURES, endpoint=endpoint)
    await fail(worker, *await take(worker))
    until = [score for _, score in await redis.zrange(f"{PARKED}webhooks", 0, -1, withscores=True)]
    assert len(until) == 8
    assert 500 < max(until) - min(until) <= PAUSE_S * PAUSE_JITTER * 1000 + 100


async def test_failures_that_were_under_way_when_the_lane_was_parked_lengthen_nothing(
    redis: ArqRedis, worker: FakeWorker
) -> None:
    await deliveries(redis, 10)
    await fail(worker, *await take(worker))
    assert await pause_ms(redis) <= PAUSE_S * 1000
    assert await redis.hget(f"{LANE}webhooks:{LANE_A}", "trips") == b"1"


async def test_a_success_between_failures_starts_the_count_anew(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 5)
    first, second, third, fourth, fifth = await take(worker)
    await fail(worker, first, second)
    assert await redis.hget(f"{LANE}webhooks:{LANE_A}", "failing_since") is not None
    assert await worker.finish(third, receiver_ok=True)
    await fail(worker, fourth, fifth)
    assert await pause_ms(redis) == 0


async def test_a_receiver_that_asks_for_a_pause_gets_it(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 2)
    job = (await take(worker, 1))[0]
    await worker.finish(job, "retrying", delay_ms=5_000, receiver_ok=False, pause_ms=7_000)
    assert 6_000 < await pause_ms(redis) <= 7_000
    assert await take(worker) == []


async def test_another_lane_goes_on(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 5)
    await fail(worker, *await take(worker, FAILURES))
    await deliveries(redis, 2, endpoint="b")
    assert len(await take(worker)) == 2


async def test_first_tries_go_before_retries(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 1)
    (old,) = await take(worker)
    await worker.finish(old, "retrying", delay_ms=0, last=True)
    await deliveries(redis, 2, event="later")
    assert [job.attempt for job in await take(worker)] == [1, 1, 2]


async def test_receivers_have_a_default_cap_of_their_own(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 5)
    assert len((await worker.claim(receiver_cap=2, lane_cap=4, webhooks=10)).jobs) == 2
    assert await redis.hget(f"{QUEUE}webhooks", "seen") is not None


async def test_a_lane_with_a_rate_trips_like_any_other(redis: ArqRedis, worker: FakeWorker, settings: Settings) -> None:
    await deliveries(redis, 20)
    await LaneControls(redis).limit("webhooks", LANE_A, rate=50)
    for _ in range(FAILURES):
        await let_it_go(redis, missing_ok=True)
        await redis.hdel(f"{LANE}webhooks:{LANE_A}", "next")
        (job,) = await take(worker, 1)
        await take(worker, 1)  # parks the lane until its next start
        await fail(worker, job)
    assert await redis.hget(f"{LANE}webhooks:{LANE_A}", "trips") == b"1"
    assert await pause_ms(redis) > shortest_ms(30)
    await LaneControls(redis).limit("webhooks", LANE_A)


async def test_no_endpoint_gets_more_at_once_than_the_setting_allows(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 9)
    await LaneControls(redis).limit("webhooks", LANE_A, cap=1_000)
    assert len((await worker.claim(receiver_cap=3, webhooks=50)).jobs) == 3
    await LaneControls(redis).limit("webhooks", LANE_A)


async def test_a_failure_of_long_ago_is_not_the_begin_of_this_one(redis: ArqRedis, worker: FakeWorker) -> None:
    await deliveries(redis, 2)
    first, second = await take(worker)
    await fail(worker, first)
    key = f"{LANE}webhooks:{LANE_A}"
    long_ago = int(await redis.hget(key, "failed_at") or 0) - FAILURE_GAP_MS - 1_000
    await redis.hset(key, mapping={"failing_since": long_ago, "failed_at": long_ago})
    await fail(worker, second)
    assert int(await redis.hget(key, "failing_since") or 0) > long_ago + FAILURE_GAP_MS


async def test_many_slow_endpoints_of_one_owner_leave_room_for_anothers(redis: ArqRedis, worker: FakeWorker) -> None:
    for endpoint in "abcdef":
        await deliveries(redis, 3, endpoint=endpoint)
        await redis.hset(ENDPOINT + endpoint, "answered", "1")
    await deliveries(redis, 2, endpoint="z", owner="another")

    async def owners() -> list[str]:
        return sorted(job.owner for job in (await worker.claim(owner_cap=4, webhooks=100)).jobs)

    first = (await worker.claim(owner_cap=4, webhooks=100)).jobs
    assert sorted(job.owner for job in first) == ["another"] * 2 + ["dev"] * 4
    assert await owners() == []
    ours = [job for job in first if job.owner == "dev"]
    for job in ours[:2]:
        await worker.finish(job, receiver_ok=True)
    assert await owners() == ["dev"] * 2
    taken = 8
    while jobs := [*ours[2:], *(await worker.claim(owner_cap=4, webhooks=100)).jobs]:
        ours = ours[:2]
        for job in jobs:
            await worker.finish(job, receiver_ok=True)
        taken += len(jobs)
    assert taken >= 18
