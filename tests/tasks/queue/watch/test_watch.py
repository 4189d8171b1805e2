"""Waiting for a job: woken by the transition itself, over one connection, and never left asleep."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import CHANGES
from tasks.queue.watch import watch as watch_module
from tasks.queue.watch.watch import Watch
from tests.support.eventually import eventually
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.proxy import Proxy
from tests.support.queue.submissions import submit
from tools.servers import Valkey
from worker.attempts.running import ClaimedJob

AWAKE_S = 60.0
"""Nobody here waits so long: who does was not woken."""


async def running(enqueuer: Enqueuer, worker: FakeWorker, count: int) -> list[ClaimedJob]:
    for _ in range(count):
        await submit(enqueuer)
    jobs = (await worker.claim(count)).jobs
    assert len(jobs) == count
    return jobs


async def ended(watch: Watch, job_id: str) -> Record:
    """Wait for a job that somebody ends meanwhile."""
    began = time.monotonic()
    record = await watch.wait_until_ended(job_id, AWAKE_S)
    assert record is not None
    assert record.state.ended
    assert time.monotonic() - began < AWAKE_S / 2, "it was found at the end of the wait, not woken"
    return record


async def channels(redis: ArqRedis) -> int:
    """How many jobs are listened for, and one for the connection's own sake."""
    return len(await redis.pubsub_channels(CHANGES + "*"))


async def subscribed(redis: ArqRedis, count: int) -> None:
    """Until so many jobs are listened for."""
    await eventually(lambda: channels(redis), count + 1)


async def test_a_waiter_is_woken_at_once(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    delays = []
    for job in await running(enqueuer, worker, 30):
        waiting = asyncio.create_task(ended(watch, job.id))
        await asyncio.sleep(0.01)
        finished = time.monotonic()
        await worker.finish(job)
        await waiting
        delays.append(time.monotonic() - finished)
    assert statistics.median(delays) < 0.5  # milliseconds on a machine that is not busy


async def test_a_job_that_has_ended_is_answered_at_once(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    (job,) = await running(enqueuer, worker, 1)
    await worker.finish(job)
    assert (await ended(watch, job.id)).state is State.SUCCEEDED


async def test_no_wake_is_lost_wherever_the_end_falls(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    """The end comes before, between and after the waiter's subscription and its look at the record."""
    for _ in range(4):
        for n, job in enumerate(await running(enqueuer, worker, 100)):
            waiting = asyncio.create_task(ended(watch, job.id))
            for _ in range(n % 25):
                await asyncio.sleep(0)
            finishing = asyncio.create_task(worker.finish(job))
            await asyncio.gather(waiting, finishing)


async def test_no_wake_is_lost_by_those_who_leave_and_come_back(
    enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    """Subscriptions and their ends overtake each other: a confirmation may belong to the wait before."""
    for n, job in enumerate(await running(enqueuer, worker, 220)):
        for _ in range(n % 4):
            await watch.wait_until_ended(job.id, 0)
        waiting = asyncio.create_task(ended(watch, job.id))
        for _ in range(n % 11):
            await asyncio.sleep(0)
        await asyncio.gather(waiting, worker.finish(job))


async def test_a_wait_that_begins_while_the_connection_is_made_is_subscribed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    for n, job in enumerate(await running(enqueuer, worker, 40)):
        watch = Watch(redis)
        watch.start()
        for _ in range(n):
            await asyncio.sleep(0)
        waiting = asyncio.create_task(ended(watch, job.id))
        await asyncio.sleep(0.01)
        await worker.finish(job)
        await waiting
        await watch.stop()


async def test_any_number_of_waiters_share_one_connection(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    jobs = await running(enqueuer, worker, 100)
    waiting = [asyncio.create_task(ended(watch, job.id)) for job in jobs for _ in range(5)]
    await subscribed(redis, 100)
    assert len(await redis.client_list(_type="pubsub")) == 1
    assert await worker.finish_all(*(worker.outcome(job, "succeeded") for job in jobs)) == [True] * 100
    assert {(await one).state for one in waiting} == {State.SUCCEEDED}
    await subscribed(redis, 0)


async def test_who_waits_is_woken_though_the_connection_was_killed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    for n, job in enumerate(await running(enqueuer, worker, 6)):
        waiting = asyncio.create_task(ended(watch, job.id))
        await subscribed(redis, 1)
        await redis.client_kill_filter(_type="pubsub")
        for _ in range(n):
            await asyncio.sleep(0.001)
        await worker.finish(job)
        await waiting


async def test_a_wait_that_begins_after_the_connection_was_killed_is_served_by_the_next(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    jobs = await running(enqueuer, worker, 2)
    first = asyncio.create_task(ended(watch, jobs[0].id))
    await subscribed(redis, 1)
    await redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: channels(redis), 0)
    await asyncio.sleep(0.05)  # by now the reader has noticed
    second = asyncio.create_task(ended(watch, jobs[1].id))
    await subscribed(redis, 2)
    assert len(await redis.client_list(_type="pubsub")) == 1
    for job in jobs:
        await worker.finish(job)
    await asyncio.gather(first, second)


@pytest.fixture
async def proxy(valkey: Valkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey.port) as proxy:
        yield proxy


async def test_a_connection_that_has_gone_silent_is_given_up(
    enqueuer: Enqueuer, worker: FakeWorker, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No reset, no error: a router that has forgotten the connection just drops what is sent."""
    monkeypatch.setattr(watch_module, "PING_S", 0.1)
    client = connect(f"redis://127.0.0.1:{proxy.port}/0")
    watch = Watch(client)
    watch.start()
    (job,) = await running(enqueuer, worker, 1)
    waiting = asyncio.create_task(ended(watch, job.id))
    await eventually(lambda: proxy.silence(b"SUBSCRIBE"))
    await worker.finish(job)
    await waiting
    await watch.stop()
    await close(client)


async def test_after_its_time_a_waiter_gets_the_record_as_it_then_stands(
    enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    job_id = await submit(enqueuer)
    waiting = asyncio.create_task(watch.wait_until_ended(job_id, 0.2))
    await asyncio.sleep(0.05)
    await worker.claim()
    record = await waiting
    assert record is not None
    assert record.state is State.RUNNING


async def test_progress_does_not_end_the_wait(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    (job,) = await running(enqueuer, worker, 1)
    waiting = asyncio.create_task(ended(watch, job.id))
    for done in range(5):
        assert await worker.progress(job, done)
        await asyncio.sleep(0.005)
    assert not waiting.done()
    await worker.finish(job)
    assert (await waiting).progress == {"done": 4}


async def test_nobody_waits_for_a_job_that_is_unknown(watch: Watch) -> None:
    began = time.monotonic()
    assert await watch.wait_until_ended("unknown", AWAKE_S) is None
    assert time.monotonic() - began < AWAKE_S / 2


async def test_the_last_waiter_to_leave_ends_the_subscription(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    (job,) = await running(enqueuer, worker, 1)
    short = asyncio.create_task(watch.wait_until_ended(job.id, 0.05))
    given_up = asyncio.create_task(watch.wait_until_ended(job.id, AWAKE_S))
    stays = asyncio.create_task(ended(watch, job.id))
    await subscribed(redis, 1)
    await short
    given_up.cancel()
    await asyncio.wait([given_up])
    assert await channels(redis) == 2, "one still waits"
    await worker.finish(job)
    await stays
    await subscribed(redis, 0)


async def test_a_closed_watch_gives_waiters_the_record_as_it_stands(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    jobs = await running(enqueuer, worker, 2)
    waiting = [asyncio.create_task(watch.wait_until_ended(job.id, AWAKE_S)) for job in jobs for _ in range(2)]
    await subscribed(redis, 2)
    watch.close()
    async with asyncio.timeout(AWAKE_S / 2):
        records = [*await asyncio.gather(*waiting), await watch.wait_until_ended(jobs[0].id, AWAKE_S)]
    assert [record.state if record else None for record in records] == [State.RUNNING] * 5
    await subscribed(redis, 0)


async def test_a_closed_watch_ends_what_followers_are_told(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    (job,) = await running(enqueuer, worker, 1)

    async def told() -> list[State | None]:
        return [record.state if record else None async for record in watch.follow(job.id, AWAKE_S)]

    following = asyncio.create_task(told())
    await subscribed(redis, 1)
    watch.close()
    async with asyncio.timeout(AWAKE_S / 2):
        assert await following == [State.RUNNING]
        assert await told() == [State.RUNNING], "who comes later is told how it stands, too"
    await subscribed(redis, 0)


async def test_a_closed_watch_lets_go_who_waits_for_a_confirmation(
    enqueuer: Enqueuer, worker: FakeWorker, redis: ArqRedis
) -> None:
    """As while the connection that confirms is away."""
    (job,) = await running(enqueuer, worker, 1)
    watch = Watch(redis)  # never started
    waiting = asyncio.create_task(watch.wait_until_ended(job.id, AWAKE_S))
    await asyncio.sleep(0)
    watch.close()
    async with asyncio.timeout(watch_module.CONFIRM_S / 2):
        record = await waiting
    assert record is not None
    assert record.state is State.RUNNING


async def test_a_confirmation_that_does_not_come_is_an_error_of_redis(
    redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API takes nothing else for an outage of Redis, no TimeoutError of its own either."""
    monkeypatch.setattr(watch_module, "CONFIRM_S", 0.01)
    with pytest.raises(RedisError, match="confirmed"):
        await Watch(redis).wait_until_ended("a-job", AWAKE_S)


async def test_a_stopped_watch_leaves_no_connection(redis: ArqRedis) -> None:
    watch = Watch(redis)
    watch.start()
    await subscribed(redis, 0)
    await watch.stop()
    await eventually(lambda: redis.client_list(_type="pubsub"), [])
