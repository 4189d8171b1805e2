"""A job under which workers died twice runs the third time alone, and is then stopped."""

import pytest
from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import LANE, QUARANTINE, QUARANTINE_MS, arq_queue
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob

SUSPECTS = redis_keys.SUSPECTS + "default"


@pytest.fixture
async def suspect(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> str:
    """A job under which two workers have died."""
    job_id = await submit(enqueuer, owner="acme")
    for _ in range(2):
        await lapse(redis, await worker.one())
    await worker.claim(0)
    assert await redis.zrange(SUSPECTS, 0, -1) == [job_id.encode()]
    return job_id


async def alone(worker: FakeWorker) -> ClaimedJob:
    claim = await worker.claim()
    assert claim.mode == "alone"
    (job,) = claim.jobs
    return job


async def test_a_suspect_runs_alone_though_others_wait(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    others = [await submit(enqueuer), await submit(enqueuer, queue="media")]
    claim = await worker.claim(default=5, media=5)
    assert (claim.ids, claim.mode) == ([suspect], "alone")
    assert await redis.hget(LANE + "default:owner:acme", "running") == b"1"
    assert await worker.finish(claim.jobs[0])
    assert await redis.exists(LANE + "default:owner:acme") == 0
    assert (await worker.claim(default=5, media=5)).ids == others


async def test_a_busy_worker_empties_itself_first(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    await submit(enqueuer)
    claim = await worker.claim(idle=False)
    assert (claim.jobs, claim.mode) == ([], "drain")
    assert 0 < await redis.pttl(QUARANTINE) <= QUARANTINE_MS
    assert (await worker.claim(idle=False)).mode == "drain"
    assert (await alone(worker)).id == suspect
    assert await redis.exists(QUARANTINE) == 0


async def test_one_worker_at_a_time_empties_itself(
    enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    other = await submit(enqueuer)
    assert (await worker.claim(idle=False)).mode == "drain"
    claim = await rival.claim(idle=False)
    assert (claim.ids, claim.mode) == ([other], "any")


async def test_an_empty_worker_takes_a_suspect_that_a_busy_one_makes_room_for(
    enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    assert (await worker.claim(idle=False)).mode == "drain"
    assert (await alone(rival)).id == suspect
    other = await submit(enqueuer)
    claim = await worker.claim()
    assert (claim.ids, claim.mode) == ([other], "any")


async def test_a_third_death_makes_it_poison(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    await lapse(redis, await alone(worker))
    assert (await worker.claim()).jobs == []
    record = await record_of(redis, suspect)
    assert record.state is State.FAILED
    assert record.error is not None
    assert record.error["code"] == "poison"
    assert [one["outcome"] for one in record.attempts] == ["lapsed"] * 3
    assert record.tries == 0
    assert await redis.exists(arq_queue("default"), LANE + "default:owner:acme") == 0


@pytest.mark.parametrize("verb", ["handed_back", "retrying"])
async def test_a_suspect_that_goes_back_is_a_suspect_still(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str, verb: str
) -> None:
    """A deploy in its third run must not put it beside others in its fourth."""
    await worker.finish(await alone(worker), verb)
    await submit(enqueuer)
    assert (await alone(worker)).id == suspect


async def test_suspects_run_one_after_the_other(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    second = await submit(enqueuer, owner="other")
    for _ in range(2):
        # ClaimedJob beside nothing else: the first suspect is out of the way meanwhile.
        await redis.zrem(SUSPECTS, suspect)
        await lapse(redis, await worker.one())
        await worker.claim(0)
        await redis.zadd(SUSPECTS, {suspect: 1})
    assert [(await alone(worker)).id, (await alone(rival)).id] == [suspect, second]


async def test_a_paused_queue_or_a_parked_lane_keeps_its_suspects(
    enqueuer: Enqueuer, worker: FakeWorker, lanes: LaneControls, suspect: str
) -> None:
    other = await submit(enqueuer, queue="media")
    await lanes.pause("default")
    assert (await worker.claim(default=5, media=5)).ids == [other]
    await lanes.resume("default")
    await lanes.park("default", "owner:acme", 3_600_000)
    for idle in (True, False):
        claim = await worker.claim(idle=idle)
        assert (claim.jobs, claim.mode) == ([], "any")
    await lanes.unpark("default", "owner:acme")
    assert (await alone(worker)).id == suspect


async def test_a_worker_without_a_free_slot_in_its_queue_does_not_take_it(worker: FakeWorker, suspect: str) -> None:
    claim = await worker.claim(default=0, media=5)
    assert (claim.jobs, claim.mode) == ([], "any")


async def test_a_safety_timer_keeps_a_suspect_apart(redis: ArqRedis, worker: FakeWorker, suspect: str) -> None:
    await look_now(redis, suspect)
    assert (await alone(worker)).id == suspect
    assert (await worker.claim()).jobs == []
