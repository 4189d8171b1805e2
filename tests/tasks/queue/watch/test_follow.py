"""Following a job: how it stands at once, then every change, over one connection for all who follow."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import CHANGES
from tasks.queue.watch.watch import Watch
from tasks.settings import Settings
from tests.support.eventually import eventually
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from tools.servers import Valkey

pytestmark = pytest.mark.seconds(60)
LONG_S = 30.0


async def following(changes: AsyncGenerator[Record | None]) -> Record:
    """The next that is told."""
    async with asyncio.timeout(5):
        record = await anext(changes)
    assert record is not None
    return record


async def test_every_change_is_told_until_the_end(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    job_id = await submit(enqueuer)
    async with aclosing(watch.follow(job_id, LONG_S)) as changes:
        assert (await following(changes)).state is State.QUEUED
        job = await worker.one()
        assert (await following(changes)).state is State.RUNNING
        for done in (1, 2):
            await worker.progress(job, done)
            assert (await following(changes)).progress == {"done": done}
        await worker.finish(job, "retrying")
        assert (await following(changes)).state is State.RETRYING
        again = await worker.one()
        assert (await following(changes)).attempt == 2
        await worker.finish(again)
        assert (await following(changes)).state is State.SUCCEEDED
        with pytest.raises(StopAsyncIteration):
            await anext(changes)


async def test_of_a_job_that_has_ended_the_end_is_told(enqueuer: Enqueuer, worker: FakeWorker, watch: Watch) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one())
    assert [record and record.state async for record in watch.follow(job_id, LONG_S)] == [State.SUCCEEDED]


async def test_of_an_unknown_job_nothing_is_told(watch: Watch) -> None:
    assert [record async for record in watch.follow("nobody", LONG_S)] == []


async def test_silence_is_told_too(enqueuer: Enqueuer, watch: Watch) -> None:
    job_id = await submit(enqueuer)
    async with aclosing(watch.follow(job_id, 0.01)) as changes:
        assert (await following(changes)).state is State.QUEUED
        assert [await anext(changes) for _ in range(3)] == [None] * 3


async def test_who_is_slow_is_told_the_latest_and_nothing_is_kept_for_him(
    enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    job_id = await submit(enqueuer)
    async with aclosing(watch.follow(job_id, LONG_S)) as changes:
        await following(changes)
        job = await worker.one()
        for done in range(1, 201):
            await worker.progress(job, done)
        assert (await following(changes)).progress == {"done": 200}
        await worker.finish(job)
        assert (await following(changes)).state is State.SUCCEEDED


async def test_all_who_follow_one_job_read_it_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    job_id = await submit(enqueuer)

    told: list[list[State]] = [[] for _ in range(500)]

    async def follow(states: list[State]) -> None:
        async for record in watch.follow(job_id, LONG_S):
            if record is not None:
                states.append(record.state)  # noqa: PERF401 - it is looked at meanwhile

    followers = [asyncio.create_task(follow(states)) for states in told]
    await eventually(lambda: all(told))
    before = (await redis.info("commandstats"))["cmdstat_hgetall"]["calls"]
    await worker.finish(await worker.one())
    await asyncio.gather(*followers)
    after = (await redis.info("commandstats"))["cmdstat_hgetall"]["calls"]
    assert {tuple(one) for one in told} <= {
        (State.QUEUED, State.RUNNING, State.SUCCEEDED),
        (State.QUEUED, State.SUCCEEDED),
    }
    assert after - before < 20
    assert len(await redis.client_list(_type="pubsub")) == 1


async def test_who_stops_following_is_forgotten(redis: ArqRedis, enqueuer: Enqueuer, watch: Watch) -> None:
    job_id = await submit(enqueuer)
    async with aclosing(watch.follow(job_id, LONG_S)) as changes:
        await following(changes)
        assert (await redis.pubsub_numsub(CHANGES + job_id))[0][1] == 1
    await eventually(lambda: redis.pubsub_numsub(CHANGES + job_id), lambda seen: not seen[0][1])


async def test_an_outage_is_silence_and_then_the_latest() -> None:
    """Redis is killed and comes back with what it had written down."""
    # Not WAITAOF, which is Redis 7.2's.
    with Valkey(appendonly=True, options={"appendfsync": "always"}) as valkey:
        redis = connect(valkey.url)
        settings = Settings(_env_file=None)
        enqueuer, worker, watch = Enqueuer(redis, settings), FakeWorker(redis, settings), Watch(redis)
        watch.start()
        job_id = await submit(enqueuer)
        async with aclosing(watch.follow(job_id, 0.05)) as changes:
            await following(changes)
            valkey.kill()
            assert await anext(changes) is None
            with pytest.raises((RedisError, OSError)):
                await redis.ping()
            valkey.start()
            await worker.finish(await worker.one())
            async with asyncio.timeout(10):
                told = [record async for record in changes if record is not None]
        assert told[-1].state is State.SUCCEEDED
        await watch.stop()
        await close(redis)
