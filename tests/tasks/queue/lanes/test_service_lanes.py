"""The service's own work has lanes that no pause holds back, and slots beside those of its queue."""

import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import SERVICE_KINDS, LaneId, lane_of
from tasks.queue.redis_keys import BACKLOG, LANE, SERVICE_TURNS, TURNS
from tasks.queue.script import Script
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


def test_it_is_every_kind_of_the_queue_default_that_comes_with_the_service_but_the_joining_of_uploads() -> None:
    of_default = {kind.name for kind in KINDS.values() if kind.queue == "default"}
    assert of_default - {"upload"} == SERVICE_KINDS  # an upload has as many bytes as its owner sends
    assert all(KINDS[name].io_bound for name in SERVICE_KINDS)
    assert lane_of("event", "alice") == LaneId.parse("service:alice")
    assert lane_of("thumbnail", "alice") == LaneId("owner", "alice")


async def test_a_paused_queue_starts_nothing_else(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    await lanes.pause("default")
    other = await submit(enqueuer)
    bulk, event = await submit(enqueuer, kind="bulk", owner="alice"), await submit(enqueuer, kind="event")
    claim = await worker.claim(5, service=1)
    assert [(job.id, job.pool) for job in claim.jobs] == [(bulk, "service")]
    assert await redis.hget(LANE + "default:service:alice", "running") == b"1"
    second = await worker.claim(5, service=1)
    assert second.ids == [event]
    assert (await worker.claim(5, service=1)).jobs == []
    assert await redis.exists(SERVICE_TURNS + "default") == 0
    for job in (*claim.jobs, *second.jobs):
        assert await worker.finish(job)
    await lanes.resume("default")
    assert (await worker.claim(5, service=1)).ids == [other]


async def test_it_takes_slots_of_its_queue_first_and_its_own_when_these_are_taken(
    enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    for _ in range(3):
        await submit(enqueuer, kind="event")
    claim = await worker.claim(2, service=5)
    assert sorted(job.pool or job.queue for job in claim.jobs) == ["default", "default", "service"]


async def test_without_such_slots_it_waits_as_others_do(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls
) -> None:
    await submit(enqueuer, kind="event")
    await lanes.pause("default")
    assert (await worker.claim(5)).jobs == []
    await lanes.resume("default")
    assert len((await worker.claim(5)).jobs) == 1


@pytest.mark.parametrize("verb", ["cancel", "park"])
async def test_a_lane_leaves_both_rounds(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls, job_store: JobStore, verb: str
) -> None:
    job_id = await submit(enqueuer, kind="event")
    assert await redis.zscore(TURNS + "default", "service:dev") is not None
    assert await redis.zscore(SERVICE_TURNS + "default", "service:dev") is not None
    if verb == "cancel":
        await job_store.cancel(job_id)
    else:
        await lanes.park("default", "service:dev", 60_000)
    assert await redis.exists(TURNS + "default", SERVICE_TURNS + "default") == 0
    await lanes.unpark("default", "service:dev")
    assert len((await worker.claim(5, service=5)).jobs) == (verb == "park")


async def test_what_a_worker_of_an_earlier_version_has_served_is_no_hindrance(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    """It knows one round alone, so the lane stays in the other one."""
    await submit(enqueuer, kind="event")
    (job,) = (await worker.claim(1)).jobs
    await redis.zadd(SERVICE_TURNS + "default", {"service:dev": 0})
    assert await worker.finish(job)
    assert (await worker.claim(5, service=5)).jobs == []
    assert await redis.exists(SERVICE_TURNS + "default", BACKLOG + "default:service:dev") == 0


async def test_it_spills_to_arqs_own_worker_from_a_paused_queue(
    redis: ArqRedis, enqueuer: Enqueuer, lanes: LaneControls
) -> None:
    await submit(enqueuer)
    await submit(enqueuer, kind="event")
    await lanes.pause("default")
    assert await Script(redis, "run/spill")({"queue": "default", "limit": 10}) == 1
    await lanes.resume("default")
    assert await Script(redis, "run/spill")({"queue": "default", "limit": 10}) == 1
