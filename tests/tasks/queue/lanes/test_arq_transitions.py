"""The two transitions that ARQ's own worker needs: jobs leave their lanes for it, and it begins them."""

from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, LANE, SUSPECTS, TURNS, arq_queue
from tasks.queue.script import Script
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob


class ArqWorker:
    """ARQ's worker reduced to what it says to Redis."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._spill = Script(redis, "run/spill")
        self._begin = Script(redis, "run/begin")

    async def spill(self, limit: int = 100, queue: str = "default") -> int:
        spilled: int = await self._spill({"queue": queue, "limit": limit})
        return spilled

    async def visible(self) -> list[str]:
        """The ids that ARQ's worker would try to start now, in its order."""
        return [
            one.decode() for one in await self._redis.zrangebyscore(arq_queue("default"), "-inf", 4_000_000_000_000)
        ]

    async def begin(self, job_id: str) -> Any:
        await self._redis.set(in_progress_key_prefix + job_id, b"1", px=60_000)
        rules = {"keep": keep_ms(Settings(_env_file=None)), "io_bound": {}}
        return await self._begin({"id": job_id, "worker": "arq_worker", **rules})


@pytest.fixture
def arq_worker(redis: ArqRedis) -> ArqWorker:
    return ArqWorker(redis)


async def test_lanes_spill_in_turn_and_leave_nothing_behind(
    redis: ArqRedis, enqueuer: Enqueuer, arq_worker: ArqWorker
) -> None:
    ids = [await submit(enqueuer, owner=owner) for owner in "aab"]
    assert await arq_worker.spill() == 3
    assert set(await arq_worker.visible()) == set(ids)
    assert await redis.exists(TURNS + "default", BACKLOG + "default:owner:a") == 0


async def test_a_limited_spill_takes_from_every_lane(
    redis: ArqRedis, enqueuer: Enqueuer, arq_worker: ArqWorker
) -> None:
    for owner in "aaab":
        await submit(enqueuer, owner=owner)
    assert await arq_worker.spill(limit=2) == 2
    assert await redis.zcard(BACKLOG + "default:owner:a") == 2
    assert await redis.exists(BACKLOG + "default:owner:b") == 0
    assert await redis.zrange(TURNS + "default", 0, -1) == [b"owner:a"]


async def test_a_paused_queue_and_a_parked_lane_spill_nothing(
    enqueuer: Enqueuer, arq_worker: ArqWorker, lanes: LaneControls
) -> None:
    await submit(enqueuer, owner="a")
    await lanes.park("default", "owner:a", 60_000)
    assert await arq_worker.spill() == 0
    await lanes.unpark("default", "owner:a")
    await lanes.pause("default")
    assert await arq_worker.spill() == 0
    await lanes.resume("default")
    assert await arq_worker.spill() == 1


async def test_a_job_that_began_is_counted_in_its_lane_until_it_is_finished(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, arq_worker: ArqWorker
) -> None:
    job_id = await submit(enqueuer, params={"a": 1}, request_id="r-1")
    job = ClaimedJob(**await arq_worker.begin(job_id))
    assert (job.queue, job.kind, job.owner, job.params) == ("default", "echo", "dev", '{"a": 1}')
    assert (job.attempt, job.tries, job.request_id) == (1, 0, "r-1")
    assert await redis.hget(LANE + "default:owner:dev", "running") == b"1"
    assert (await worker.claim()).jobs == []
    worker.name = "arq_worker"
    assert await worker.finish(job)
    assert await redis.exists(LANE + "default:owner:dev", TURNS + "default") == 0


@pytest.mark.parametrize("state", ["scheduled", "retrying"])
async def test_what_arqs_zset_says_is_due_may_begin(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, arq_worker: ArqWorker, state: str
) -> None:
    job_id = await submit(enqueuer, delay_ms=60_000 if state == "scheduled" else 0)
    if state == "retrying":
        await worker.finish(await worker.one(), "retrying", delay_ms=60_000)
    assert (await arq_worker.begin(job_id))["queue"] == "default"
    assert (await record_of(redis, job_id)).state is State.RUNNING


async def test_what_is_over_or_unknown_does_not_begin(
    enqueuer: Enqueuer, worker: FakeWorker, arq_worker: ArqWorker
) -> None:
    job_id = await submit(enqueuer)
    await worker.finish(await worker.one(), "cancelled")
    assert await arq_worker.begin(job_id) == "cancelled"
    assert await arq_worker.begin("nobody") == "unknown"


async def test_a_job_whose_worker_was_killed_begins_again_and_is_counted_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, arq_worker: ArqWorker
) -> None:
    await submit(enqueuer)
    job = await worker.one()
    await lapse(redis, job)
    assert (await arq_worker.begin(job.id))["attempt"] == 2
    record = await record_of(redis, job.id)
    assert (record.state, record.worker, record.tries) == (State.RUNNING, "arq_worker", 0)
    assert [(one["outcome"], one["worker"]) for one in record.attempts] == [("lapsed", worker.name)]
    assert await redis.hget(LANE + "default:owner:dev", "running") == b"1"
    assert not await worker.finish(job), "the first worker has lost it"


async def test_a_suspect_that_begins_is_no_suspect_meanwhile(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, arq_worker: ArqWorker
) -> None:
    job_id = await submit(enqueuer)
    for _ in range(2):
        await lapse(redis, await worker.one())
    await worker.claim(0)
    assert (await arq_worker.begin(job_id))["attempt"] == 3
    assert await redis.exists(SUSPECTS + "default") == 0
    assert (await worker.claim()).draining is None


async def test_a_job_that_killed_three_stock_workers_is_poison(
    redis: ArqRedis, enqueuer: Enqueuer, arq_worker: ArqWorker
) -> None:
    job_id = await submit(enqueuer)
    for attempt in (1, 2, 3):
        assert (await arq_worker.begin(job_id))["attempt"] == attempt
    assert await arq_worker.begin(job_id) == "failed"
    record = await record_of(redis, job_id)
    assert record.error is not None
    assert record.error["code"] == "poison"
    assert [one["outcome"] for one in record.attempts] == ["lapsed", "lapsed", "lapsed"]
