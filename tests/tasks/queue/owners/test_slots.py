"""OWNER_MAX_RUNNING=auto: half of a queue's slots for an owner while another was active, else all of them."""

from collections import Counter

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.redis_keys import ACTIVE_MS, QUEUE, WORKER_MS, WORKERS
from tasks.queue.script import Script
from tasks.settings import SYSTEM, Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from worker.attempts.running import ClaimedJob

SLOTS = 6


@pytest.fixture(autouse=True)
async def slots(redis: ArqRedis) -> None:
    """The workers of the queue run so many jobs at once."""
    await redis.hset(QUEUE + "default", "slots", SLOTS)


async def take(worker: FakeWorker, free: int = SLOTS) -> list[ClaimedJob]:
    return (await worker.claim(free, auto=True)).jobs


async def fill(enqueuer: Enqueuer, owner: str, count: int = 20) -> None:
    for _ in range(count):
        await submit(enqueuer, owner=owner)


async def be_active(redis: ArqRedis, worker: FakeWorker, enqueuer: Enqueuer, owner: str, ago_ms: int = 0) -> None:
    """Let an owner have run a job some time ago."""
    await submit(enqueuer, owner=owner)
    (job,) = await take(worker)
    await worker.finish(job)
    key = QUEUE + "default"
    for name, at in (("active_owner", "active_at"), ("active_owner2", "active_at2")):
        if await redis.hget(key, name) == owner.encode():
            await redis.hincrby(key, at, -ago_ms)


def owners(jobs: list[ClaimedJob]) -> Counter[str]:
    return Counter(job.owner for job in jobs)


async def test_who_is_alone_has_all_slots(enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await fill(enqueuer, "a")
    assert owners(await take(worker)) == {"a": SLOTS}


async def test_while_another_was_active_an_owner_has_half(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await be_active(redis, worker, enqueuer, "b", ago_ms=ACTIVE_MS - 5_000)
    await fill(enqueuer, "a")
    running = await take(worker)
    assert owners(running) == {"a": SLOTS // 2}
    assert await take(worker) == []
    await submit(enqueuer, owner="b")
    assert owners(await take(worker)) == {"b": 1}, "it finds a free slot at once"
    await worker.finish(running[0])
    assert owners(await take(worker)) == {"a": 1}


async def test_after_ten_minutes_it_has_all_again(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await be_active(redis, worker, enqueuer, "b", ago_ms=ACTIVE_MS + 1_000)
    await fill(enqueuer, "a")
    assert owners(await take(worker)) == {"a": SLOTS}
    assert b"b" not in await redis.hmget(QUEUE + "default", "active_owner", "active_owner2"), "forgotten"


async def test_an_owner_whose_job_runs_is_active_however_long_ago_it_started(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await submit(enqueuer, owner="b")
    (long,) = await take(worker)
    for at in ("active_at", "active_at2"):
        await redis.hset(QUEUE + "default", at, 1)
    await fill(enqueuer, "a")
    assert owners(await take(worker)) == {"a": SLOTS // 2}
    await worker.finish(long)


async def test_owners_that_come_together_share_at_once(enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await fill(enqueuer, "a")
    await fill(enqueuer, "b", 1)
    assert owners(await take(worker)) == {"a": SLOTS // 2, "b": 1}


async def test_with_many_owners_each_has_half_at_most(enqueuer: Enqueuer, worker: FakeWorker) -> None:
    for owner in "abcd":
        await fill(enqueuer, owner, 8)
    jobs = await take(worker, 40)
    assert owners(jobs) == dict.fromkeys("abcd", SLOTS // 2), "more slots are free than the workers said"


@pytest.mark.parametrize(("slots", "share"), [(1, 1), (2, 1), (3, 1), (5, 2)])
async def test_half_is_rounded_down_but_at_least_one(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, slots: int, share: int
) -> None:
    await redis.hset(QUEUE + "default", "slots", slots)
    await fill(enqueuer, "a")
    await fill(enqueuer, "b")
    assert owners(await take(worker, 40)) == {"a": share, "b": share}


async def test_the_services_own_jobs_are_no_owners(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await be_active(redis, worker, enqueuer, SYSTEM)
    await fill(enqueuer, "a", 3)
    await fill(enqueuer, SYSTEM, 3)
    assert owners(await take(worker)) == {"a": 3, SYSTEM: 3}


async def test_another_queue_is_another_matter(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await submit(enqueuer, owner="b", queue="media")
    assert len((await worker.claim(media=1, auto=True)).jobs) == 1
    await fill(enqueuer, "a")
    assert owners(await take(worker)) == {"a": SLOTS}


async def test_of_the_media_queue_an_owner_alone_leaves_one_slot_for_others(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await redis.hset(QUEUE + "media", "slots", SLOTS)
    for _ in range(2 * SLOTS):
        await submit(enqueuer, owner="a", queue="media")
    running = (await worker.claim(media=SLOTS, auto=True)).jobs
    assert owners(running) == {"a": SLOTS - 1}
    await worker.finish(running[0])
    assert owners((await worker.claim(media=2, auto=True)).jobs) == {"a": 1}
    await submit(enqueuer, owner="b", queue="media")
    assert owners((await worker.claim(media=1, auto=True)).jobs) == {"b": 1}, "it finds a free slot at once"


async def test_a_single_slot_of_the_media_queue_is_for_everyone(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await redis.hset(QUEUE + "media", "slots", 1)
    await submit(enqueuer, owner="a", queue="media")
    assert owners((await worker.claim(media=1, auto=True)).jobs) == {"a": 1}


async def test_a_lanes_own_cap_and_a_number_hold_instead(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    await lanes.limit("default", "owner:a", cap=5)
    await fill(enqueuer, "a")
    await fill(enqueuer, "b")
    jobs = await take(worker, 40)
    assert owners(jobs) == {"a": 5, "b": SLOTS // 2}
    await worker.finish(next(job for job in jobs if job.owner == "b"))
    assert owners((await worker.claim(40, lane_cap=4)).jobs) == {"b": 2}


async def test_lists_of_lanes_show_the_share(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    for owner in "ab":
        await fill(enqueuer, owner)
    await take(worker, 40)
    lanes, *_ = await QueueStats(redis, settings).lanes("default", limit=10, cursor=None)
    assert [(lane.name, lane.state, lane.cap) for lane in lanes] == [
        ("owner:a", "full", SLOTS // 2),
        ("owner:b", "full", SLOTS // 2),
    ]


async def test_the_slots_of_a_queue_are_those_of_the_workers_that_live(redis: ArqRedis) -> None:
    slots = Script(redis, "run/slots")
    seconds, _ = await redis.time()
    await redis.zadd(WORKERS, {"w1": seconds * 1000, "w2": seconds * 1000})
    await slots({"worker": "w1", "slots": {"media": 4, "reports": 2}})
    assert await redis.hget(QUEUE + "media", "slots") == b"4"
    await slots({"worker": "w2", "slots": {"media": 3}})
    assert await redis.hget(QUEUE + "media", "slots") == b"7"
    await redis.zadd(WORKERS, {"w1": seconds * 1000 - WORKER_MS - 1_000})
    await slots({"worker": "w2", "slots": {"media": 5}})
    assert await redis.hget(QUEUE + "media", "slots") == b"5"
