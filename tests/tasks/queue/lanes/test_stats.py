"""How the queues stand: what waits, since when, and for what."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.cancel import Canceller
from tasks.queue.jobs.enqueue import Intake
from tasks.queue.lanes.lanes import Lanes
from tasks.queue.lanes.stats import Lane, Overview, Queue, Standing
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import FAILING, JOB, QUEUES
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.fan_out import LANE_A, deliveries
from tests.support.queue.submissions import submission, submit

HOUR_MS = 3_600_000


@pytest.fixture
def overview(redis: ArqRedis, settings: Settings) -> Overview:
    return Overview(redis, settings)


def of(standing: Standing, name: str = "default") -> Queue:
    return standing.queues[QUEUES.index(name)]


async def jobs(overview: Overview, name: str = "default") -> dict[State, int]:
    """Those states of a queue in which there are jobs."""
    return {state: count for state, count in of(await overview.queues(), name).jobs.items() if count}


async def lanes_of(overview: Overview, queue: str = "default") -> dict[str, Lane]:
    found, cursor = await overview.lanes(queue, limit=100, cursor=None)
    assert cursor is None
    return {lane.name: lane for lane in found}


async def make_due(redis: ArqRedis, job_id: str, seconds: float) -> None:
    """Let a job have been due for so long."""
    now, _ = await redis.time()
    await redis.hset(JOB + job_id, "due_at", int((now - seconds) * 1000))


async def test_jobs_are_counted_through_all_their_states(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker, canceller: Canceller
) -> None:
    assert await jobs(overview) == {}
    await submit(intake, delay_ms=HOUR_MS)
    first, second, third, fourth = [await submit(intake) for _ in range(4)]
    await submit(intake, queue="media")
    assert await jobs(overview) == {State.SCHEDULED: 1, State.QUEUED: 4}
    assert await jobs(overview, "media") == {State.QUEUED: 1}
    taken = {job.id: job for job in (await worker.claim(3)).jobs}
    assert await jobs(overview) == {State.SCHEDULED: 1, State.QUEUED: 1, State.RUNNING: 3}
    await worker.finish(taken[first])
    await worker.finish(taken[second], "retrying", delay_ms=HOUR_MS)
    await worker.finish(taken[third], "handed_back")
    await canceller.cancel(fourth)
    assert await jobs(overview) == {State.SCHEDULED: 1, State.QUEUED: 1, State.RETRYING: 1}
    standing = of(await overview.queues())
    assert (standing.waiting, standing.due) == (3, 1)
    assert standing.ended == {State.SUCCEEDED: 1, State.CANCELLED: 1}


async def test_a_job_whose_worker_died_runs_until_that_is_noticed(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker
) -> None:
    await submit(intake)
    job = await worker.one()
    await lapse(redis, job)
    assert (await jobs(overview), of(await overview.queues()).due) == ({State.RUNNING: 1}, 0)
    await worker.claim(0)
    assert await jobs(overview) == {State.QUEUED: 1}


async def test_a_batch_is_in_no_queue(overview: Overview, intake: Intake, worker: FakeWorker) -> None:
    await intake.accept_batch([submission(), submission()])
    assert await jobs(overview) == {State.QUEUED: 2}
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    standing = of(await overview.queues())
    assert (sum(standing.jobs.values()), standing.ended) == (0, {State.SUCCEEDED: 2})


async def test_a_scheduled_job_that_nobody_looked_at_in_time_is_due(
    redis: ArqRedis, overview: Overview, intake: Intake
) -> None:
    job_id = await submit(intake, delay_ms=HOUR_MS)
    now, _ = await redis.time()
    await redis.zadd("arq:queue", {job_id: (now - 30) * 1000})
    standing = await overview.queues()
    assert of(standing).due == 1
    assert 29 < standing.age_s(of(standing)) < 32


async def test_the_age_is_that_of_the_oldest_job_that_could_start_whatever_its_rank(
    redis: ArqRedis, overview: Overview, intake: Intake
) -> None:
    standing = await overview.queues()
    assert standing.age_s(of(standing)) == 0
    await make_due(redis, await submit(intake, priority=Priority.LOW), 500)
    await make_due(redis, await submit(intake, priority=Priority.HIGH), 20)
    await make_due(redis, await submit(intake, owner="acme"), 100)
    standing = await overview.queues()
    assert 499 < standing.age_s(of(standing)) < 502


@pytest.mark.parametrize("why", ["parked", "full", "paused"])
async def test_jobs_that_wait_for_something_else_than_a_worker_are_not_old(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker, lanes: Lanes, why: str
) -> None:
    if why == "full":
        await submit(intake)
        await worker.claim(lane_cap=1)
    await make_due(redis, await submit(intake), 500)
    if why == "parked":
        await lanes.park("default", "owner:dev", HOUR_MS)
    elif why == "full":
        await worker.claim(lane_cap=1)
    else:
        await lanes.pause("default")
    standing = await overview.queues()
    # What is paused may be forgotten: it ages.
    assert (standing.age_s(of(standing)) > 400) is (why == "paused")
    assert (of(standing).paused_ms is not None) is (why == "paused")


async def test_the_rate_is_of_the_window(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker
) -> None:
    for _ in range(6):
        await submit(intake)
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    standing = await overview.queues()
    assert 60 <= standing.window_s < 70
    assert standing.rate(of(standing)) == 6 / standing.window_s
    (slot,) = [key async for key in redis.scan_iter("pressroom:ends:*")]
    await redis.copy(slot, f"pressroom:ends:{int(slot.rpartition(b':')[2]) - 30}")
    await redis.delete(slot)
    assert of(await overview.queues()).ended == {}
    assert of(await overview.queues(window_s=600)).ended == {State.SUCCEEDED: 6}


async def test_a_lane_says_why_it_waits(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker, lanes: Lanes
) -> None:
    for owner, count in (("ready", 1), ("full", 3), ("parked", 1), ("limited", 2)):
        for _ in range(count):
            await submit(intake, owner=owner)
    await lanes.limit("default", "owner:full", cap=1)
    await lanes.limit("default", "owner:limited", rate=0.001)
    await lanes.park("default", "owner:parked", HOUR_MS)
    await lanes.park("default", "owner:ready", HOUR_MS)
    taken = (await worker.claim()).jobs
    await lanes.unpark("default", "owner:ready")
    found = await lanes_of(overview)
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
    assert (await lanes_of(overview))["owner:full"].state == "ready", "what ended made room"
    for lane in ("owner:full", "owner:limited"):
        await lanes.limit("default", lane)


async def test_a_full_lane_whose_jobs_are_cancelled_or_that_is_parked_is_full_no_more(
    redis: ArqRedis, overview: Overview, intake: Intake, worker: FakeWorker, lanes: Lanes, canceller: Canceller
) -> None:
    _, second, third = [await submit(intake) for _ in range(3)]
    await worker.claim(lane_cap=1)
    await worker.claim(lane_cap=1)
    await canceller.cancel(second)
    assert (await lanes_of(overview))["owner:dev"].state == "full"
    await lanes.park("default", "owner:dev", HOUR_MS)
    assert (await lanes_of(overview))["owner:dev"].state == "parked"
    await lanes.unpark("default", "owner:dev")
    await worker.claim(lane_cap=1)
    assert (await lanes_of(overview))["owner:dev"].state == "full"
    await canceller.cancel(third)
    assert await lanes_of(overview) == {}


async def test_an_endpoints_lane_tells_of_its_failures(redis: ArqRedis, overview: Overview, worker: FakeWorker) -> None:
    await deliveries(redis, 7)
    for job in (await worker.claim(webhooks=5)).jobs:
        await worker.finish(job, "retrying", delay_ms=HOUR_MS, well=False)
    lane = (await lanes_of(overview, "webhooks"))[LANE_A]
    assert (lane.state, lane.waiting, lane.cap, lane.failures) == ("parked", 2, 1, 5)
    assert lane.failing_since_ms == await redis.zscore(FAILING, "a")
    await redis.zadd("pressroom:parked:webhooks", {LANE_A: 1})
    await worker.finish(await worker.one(webhooks=1), well=True)
    assert await redis.exists(FAILING) == 0


async def test_lanes_are_paged(overview: Overview, intake: Intake, lanes: Lanes) -> None:
    names = [f"owner:{n}" for n in range(7)]
    for name in names:
        await submit(intake, owner=name.removeprefix("owner:"))
    for name in names[:3]:
        await lanes.park("default", name, HOUR_MS)
    seen: list[str] = []
    cursor: str | None = None
    for expected in (2, 2, 2, 1):
        found, cursor = await overview.lanes("default", limit=2, cursor=cursor)
        assert len(found) == expected
        seen += [lane.name for lane in found]
    assert (sorted(seen), seen[:3], cursor) == (names, names[:3], None)
    with pytest.raises(Refusal, match="cursor"):
        await overview.lanes("default", limit=2, cursor="nonsense")
