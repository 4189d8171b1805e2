"""How the queues stand: what waits, since when, and for what."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.stats import LaneStats, QueueCounts, QueueSnapshot, QueueStats
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import ENDS, FAILING, JOB, PARKED, QUEUES, arq_queue
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.fan_out import LANE_A, deliveries
from tests.support.queue.submissions import submission, submit

HOUR_MS = 3_600_000


@pytest.fixture
def stats(redis: ArqRedis, settings: Settings) -> QueueStats:
    return QueueStats(redis, settings)


def of(snapshot: QueueSnapshot, name: str = "default") -> QueueCounts:
    return snapshot.queues[QUEUES.index(name)]


async def jobs(stats: QueueStats, name: str = "default") -> dict[State, int]:
    """Those states of a queue in which there are jobs."""
    return {state: count for state, count in of(await stats.queues(), name).jobs.items() if count}


async def lanes_of(stats: QueueStats, queue: str = "default") -> dict[str, LaneStats]:
    found, cursor, _ = await stats.lanes(queue, limit=100, cursor=None)
    assert cursor is None
    return {lane.name: lane for lane in found}


async def make_due(redis: ArqRedis, job_id: str, seconds: float) -> None:
    """Let a job have been due for so long."""
    now, _ = await redis.time()
    await redis.hset(JOB + job_id, "due_at", int((now - seconds) * 1000))


async def test_jobs_are_counted_through_all_their_states(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    assert await jobs(stats) == {}
    await submit(enqueuer, delay_ms=HOUR_MS)
    first, second, third, fourth = [await submit(enqueuer) for _ in range(4)]
    await submit(enqueuer, queue="media")
    assert await jobs(stats) == {State.SCHEDULED: 1, State.QUEUED: 4}
    assert await jobs(stats, "media") == {State.QUEUED: 1}
    taken = {job.id: job for job in (await worker.claim(3)).jobs}
    assert await jobs(stats) == {State.SCHEDULED: 1, State.QUEUED: 1, State.RUNNING: 3}
    await worker.finish(taken[first])
    await worker.finish(taken[second], "retrying", delay_ms=HOUR_MS)
    await worker.finish(taken[third], "handed_back")
    await job_store.cancel(fourth)
    assert await jobs(stats) == {State.SCHEDULED: 1, State.QUEUED: 1, State.RETRYING: 1}
    snapshot = of(await stats.queues())
    assert (snapshot.waiting, snapshot.due) == (3, 1)
    assert snapshot.ended == {State.SUCCEEDED: 1, State.CANCELLED: 1}


async def test_a_job_whose_worker_died_runs_until_that_is_noticed(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    await lapse(redis, job)
    assert (await jobs(stats), of(await stats.queues()).due) == ({State.RUNNING: 1}, 0)
    await worker.claim(0)
    assert await jobs(stats) == {State.QUEUED: 1}


async def test_a_batch_is_in_no_queue(stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await enqueuer.enqueue_batch([submission(), submission()])
    assert await jobs(stats) == {State.QUEUED: 2}
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    snapshot = of(await stats.queues())
    assert (sum(snapshot.jobs.values()), snapshot.ended) == (0, {State.SUCCEEDED: 2})


async def test_a_scheduled_job_that_nobody_looked_at_in_time_is_due(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer
) -> None:
    job_id = await submit(enqueuer, delay_ms=HOUR_MS)
    now, _ = await redis.time()
    await redis.zadd(arq_queue("default"), {job_id: (now - 30) * 1000})
    snapshot = await stats.queues()
    assert of(snapshot).due == 1
    assert 29 < snapshot.age_s(of(snapshot)) < 60


async def test_the_age_is_that_of_the_oldest_job_that_could_start_whatever_its_rank(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer
) -> None:
    snapshot = await stats.queues()
    assert snapshot.age_s(of(snapshot)) == 0
    await make_due(redis, await submit(enqueuer, priority=Priority.LOW), 500)
    await make_due(redis, await submit(enqueuer, priority=Priority.HIGH), 20)
    await make_due(redis, await submit(enqueuer, owner="acme"), 100)
    snapshot = await stats.queues()
    assert 499 < snapshot.age_s(of(snapshot)) < 530


@pytest.mark.parametrize("why", ["parked", "full", "paused"])
async def test_jobs_that_wait_for_something_else_than_a_worker_are_not_old(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls, why: str
) -> None:
    if why == "full":
        await submit(enqueuer)
        await worker.claim(lane_cap=1)
    await make_due(redis, await submit(enqueuer), 500)
    if why == "parked":
        await lanes.park("default", "owner:dev", HOUR_MS)
    elif why == "full":
        await worker.claim(lane_cap=1)
    else:
        await lanes.pause("default")
    snapshot = await stats.queues()
    # What is paused may be forgotten: it ages.
    assert (snapshot.age_s(of(snapshot)) > 400) is (why == "paused")
    assert (of(snapshot).paused_ms is not None) is (why == "paused")


async def test_the_rate_is_of_the_window(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    for _ in range(6):
        await submit(enqueuer)
    # In one call, so that all of them end in the same slot of the window.
    await worker.finish_all(*(worker.outcome(job, "succeeded") for job in (await worker.claim()).jobs))
    snapshot = await stats.queues()
    assert 60 <= snapshot.window_s < 70
    assert snapshot.rate(of(snapshot)) == 6 / snapshot.window_s
    (slot,) = [key async for key in redis.scan_iter(ENDS + "*")]
    await redis.copy(slot, f"{ENDS}{int(slot.rpartition(b':')[2]) - 30}")
    await redis.delete(slot)
    assert of(await stats.queues()).ended == {}
    assert of(await stats.queues(window_s=600)).ended == {State.SUCCEEDED: 6}


async def test_a_lane_says_why_it_waits(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    for owner, count in (("ready", 1), ("full", 3), ("parked", 1), ("limited", 2)):
        for _ in range(count):
            await submit(enqueuer, owner=owner)
    await lanes.limit("default", "owner:full", cap=1)
    await lanes.limit("default", "owner:limited", rate=0.001)
    await lanes.park("default", "owner:parked", HOUR_MS)
    await lanes.park("default", "owner:ready", HOUR_MS)
    taken = (await worker.claim()).jobs
    await lanes.unpark("default", "owner:ready")
    found = await lanes_of(stats)
    assert {name: (lane.state, lane.waiting, lane.running, lane.cap) for name, lane in found.items()} == {
        "owner:parked": ("parked", 1, 0, 0),
        "owner:limited": ("limited", 1, 1, 0),
        "owner:full": ("full", 2, 1, 1),
        "owner:ready": ("ready", 1, 0, 0),
    }
    assert list(found)[-2:] == ["owner:full", "owner:ready"], "those that may not be served come first"
    assert found["owner:limited"].rate == 0.001
    assert found["owner:parked"].until_ms > found["owner:parked"].since_ms > 0 == found["owner:full"].until_ms
    for job in taken:
        await worker.finish(job)
    assert (await lanes_of(stats))["owner:full"].state == "ready", "what ended made room"
    for lane in ("owner:full", "owner:limited"):
        await lanes.limit("default", lane)


async def test_a_full_lane_whose_jobs_are_cancelled_or_that_is_parked_is_full_no_more(
    redis: ArqRedis, stats: QueueStats, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls, job_store: JobStore
) -> None:
    _, second, third = [await submit(enqueuer) for _ in range(3)]
    await worker.claim(lane_cap=1)
    await worker.claim(lane_cap=1)
    await job_store.cancel(second)
    assert (await lanes_of(stats))["owner:dev"].state == "full"
    await lanes.park("default", "owner:dev", HOUR_MS)
    assert (await lanes_of(stats))["owner:dev"].state == "parked"
    await lanes.unpark("default", "owner:dev")
    await worker.claim(lane_cap=1)
    assert (await lanes_of(stats))["owner:dev"].state == "full"
    await job_store.cancel(third)
    assert await lanes_of(stats) == {}


async def test_an_endpoints_lane_tells_of_its_failures(redis: ArqRedis, stats: QueueStats, worker: FakeWorker) -> None:
    await deliveries(redis, 7)
    for job in (await worker.claim(webhooks=5)).jobs:
        await worker.finish(job, "retrying", delay_ms=HOUR_MS, receiver_ok=False)
    lane = (await lanes_of(stats, "webhooks"))[LANE_A]
    assert (lane.state, lane.waiting, lane.cap, lane.failures) == ("parked", 2, 1, 5)
    assert lane.failing_since_ms == await redis.zscore(FAILING, "a")
    await redis.zadd(PARKED + "webhooks", {LANE_A: 1})
    await worker.finish(await worker.one(webhooks=1), receiver_ok=True)
    assert await redis.exists(FAILING) == 0


async def test_lanes_are_paged(stats: QueueStats, enqueuer: Enqueuer, lanes: LaneControls) -> None:
    names = [f"owner:{n}" for n in range(7)]
    for name in names:
        await submit(enqueuer, owner=name.removeprefix("owner:"))
    for name in names[:3]:
        await lanes.park("default", name, HOUR_MS)
    seen: list[str] = []
    cursor: str | None = None
    for expected in (2, 2, 2, 1):
        found, cursor, _ = await stats.lanes("default", limit=2, cursor=cursor)
        assert len(found) == expected
        seen += [lane.name for lane in found]
    assert (sorted(seen), seen[:3], cursor) == (names, names[:3], None)
    with pytest.raises(Refusal, match="cursor"):
        await stats.lanes("default", limit=2, cursor="nonsense")
