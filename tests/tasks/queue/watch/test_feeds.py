"""What changed in a list of jobs: noted while somebody follows it, read in bounded pieces, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from arq.connections import ArqRedis

from tasks.queue.feed_keys import FEED, FEED_CAP, FEED_MS
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.indexes import EVERYONE
from tasks.queue.redis_keys import WATCHED
from tasks.queue.watch.feeds import JOBS_AT_ONCE, Feed, FeedChanges, FeedReader
from tasks.queue.watch.watch import Watch
from tests.support.eventually import eventually
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit

KINDS = ("echo",)
DEV = Feed.of("dev", "jobs", KINDS)


class Follower:
    """Reads one feed again and again."""

    def __init__(self, redis: ArqRedis, feed: Feed) -> None:
        self._reader = FeedReader(redis)
        self._feed = feed
        self._since: int | None = None

    async def read(self) -> FeedChanges:
        # What happens in the millisecond of a reading is left to the next one.
        await asyncio.sleep(0.003)
        changes = (await self._reader.read({self._feed: self._since}))[self._feed]
        self._since = changes.until_ms
        return changes


@asynccontextmanager
async def following(redis: ArqRedis, watch: Watch, feed: Feed = DEV) -> AsyncIterator[Follower]:
    async with watch.feeds(feed.name):
        follower = Follower(redis, feed)
        await follower.read()
        yield follower


def told(changes: FeedChanges) -> dict[str, str | None]:
    return {job.id: job.state for job in changes.jobs}


async def test_each_change_of_a_job_is_read_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch, job_store: JobStore
) -> None:
    async with following(redis, watch) as follower:
        job_id = await submit(enqueuer)
        made = await follower.read()
        assert (told(made), made.made, made.more) == ({job_id: "queued"}, 1, 0)
        job = await worker.one()
        assert told(await follower.read()) == {job_id: "running"}
        await worker.progress(job, 3)
        (progressed,) = (await follower.read()).jobs
        assert (progressed.kind, progressed.attempt, progressed.progress) == ("echo", 1, {"done": 3})
        await worker.finish(job)
        assert told(await follower.read()) == {job_id: "succeeded"}
        await job_store.delete([job_id])
        (deleted,) = (await follower.read()).jobs
        assert (deleted.id, deleted.kind) == (job_id, None)
        nothing = await follower.read()
        assert (nothing.jobs, nothing.made, nothing.more) == ((), 0, 0)


async def test_of_several_changes_between_two_readings_the_last_is_read(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    async with following(redis, watch) as follower:
        job_id = await submit(enqueuer)
        await worker.finish(await worker.one(), "retrying")
        changes = await follower.read()
        assert (told(changes), changes.made, changes.more) == ({job_id: "retrying"}, 1, 0)


async def test_a_burst_is_read_in_part_and_counted_in_full(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    async with following(redis, watch) as follower:
        many = JOBS_AT_ONCE + 30
        for _ in range(many):
            await submit(enqueuer)
        made = await follower.read()
        assert (len(made.jobs), made.made, made.more) == (JOBS_AT_ONCE, many, 0)
        jobs = (await worker.claim(many)).jobs
        changed = await follower.read()
        assert (len(changed.jobs), changed.made, changed.more) == (JOBS_AT_ONCE, 0, 30)
        assert {job.id for job in changed.jobs} < {job.id for job in jobs}


async def test_owners_read_their_own_and_everyone_reads_all(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    everyone = Feed.of(EVERYONE, "jobs", KINDS)
    async with following(redis, watch) as devs, following(redis, watch, everyone) as all_of_them:
        ids = [await submit(enqueuer, owner=owner) for owner in ("dev", "other")]
        assert told(await devs.read()) == {ids[0]: "queued"}
        assert set(told(await all_of_them.read())) == set(ids)
        await worker.claim(2)
        assert told(await devs.read()) == {ids[0]: "running"}
        assert set(told(await all_of_them.read())) == set(ids)


async def test_nothing_is_noted_while_nobody_follows(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    async def listened() -> int:
        return sum(count for _, count in await redis.pubsub_numsub(WATCHED, FEED + DEV.name))

    async with following(redis, watch):
        assert await listened() == 2
    await eventually(listened, 0)
    await submit(enqueuer)
    await worker.finish(await worker.one())
    assert await redis.exists(FEED + DEV.name) == 0


async def test_another_owners_follower_costs_this_one_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    async with following(redis, watch, Feed.of("other", "jobs", KINDS)):
        await submit(enqueuer)
        await worker.finish(await worker.one())
        assert await redis.keys(FEED + "*") == []


async def test_what_is_noted_is_bounded_and_expires(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, watch: Watch
) -> None:
    async with following(redis, watch):
        for _ in range(2):
            await submit(enqueuer)
        key = FEED + DEV.name
        await worker.one()
        assert 0 < await redis.pttl(key) <= FEED_MS
        await redis.zadd(key, {f"older-{n}": n for n in range(FEED_CAP - 1)})
        job = await worker.one()
        assert await redis.zcard(key) == FEED_CAP
        assert await redis.zscore(key, job.id) is not None
        assert await redis.zscore(key, "older-0") is None


async def test_a_lost_connection_is_noticed(redis: ArqRedis, watch: Watch) -> None:
    async with watch.feeds(DEV.name) as changed:
        assert watch.hears(DEV.name)
        losses = watch.losses
        changed.clear()
        await redis.client_kill_filter(_type="pubsub")
        async with asyncio.timeout(5):
            while watch.losses == losses or not watch.hears(DEV.name):
                await changed.wait()
                changed.clear()


@pytest.mark.parametrize("names", [(), (DEV.name,)])
async def test_close_wakes_who_follows(watch: Watch, names: tuple[str, ...]) -> None:
    async with watch.feeds(*names) as changed:
        changed.clear()
        watch.close()
        assert changed.is_set()
        assert watch.closed
