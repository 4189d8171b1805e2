"""Missing timers, counters and index entries are put back; what is right stays as it is."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix

from tasks.kind import JobContext
from tasks.maintenance import reconciliation
from tasks.maintenance.reconciliation import ReconciliationParams
from tasks.queue import redis_keys
from tasks.queue.jobs.adopt_call import adopt_call
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import (
    AFTER,
    ARQ_JOB_MS,
    BLOB,
    BLOB_MS,
    DAY_MS,
    JOB,
    QUEUE,
    RECONCILIATION,
    SAFETY_MS,
    WAKE,
    arq_queue,
)
from tasks.schedule.store import SchedulePatch, ScheduleStore
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submission, submit

LANE = redis_keys.LANE + "default:owner:dev"
BACKLOG = redis_keys.BACKLOG + "default:owner:dev"
TURNS = redis_keys.TURNS + "default"
Reconcile = Callable[[], Awaitable[dict[str, int]]]


class Attempt:
    """As much of a Run as the kind asks for."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self.redis = redis
        self.settings = settings
        self.kinds = dict.fromkeys(("echo", "event"))
        self.storage = open_storage(Settings(_env_file=None, storage_url="memory://"))


@pytest.fixture
def reconcile(redis: ArqRedis, settings: Settings) -> Reconcile:
    """One run; the counts that are not 0, without how many were examined."""

    async def run() -> dict[str, int]:
        result = await reconciliation.reconcile(cast("JobContext[ReconciliationParams]", Attempt(redis, settings)))
        return {name: count for name, count in result.value.items() if count and name != "examined"}

    return run


async def everything(redis: ArqRedis) -> dict[bytes, Any]:
    keys = [key for key in await redis.keys("*") if key != RECONCILIATION.encode()]
    return {key: await redis.dump(key) for key in keys}


async def in_every_place(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings) -> dict[str, str]:
    """A job in each place where one may be: name → id."""
    lanes = LaneControls(redis)
    jobs = {"running": await submit(enqueuer), "retrying": await submit(enqueuer), "succeeded": await submit(enqueuer)}
    held = {job.id: job for job in (await worker.claim()).jobs}
    await worker.finish(held[jobs["retrying"]], "retrying", delay_ms=60_000)
    await worker.finish(held[jobs["succeeded"]])
    suspect = await submit(enqueuer, owner="acme")
    for _ in range(2):
        await lapse(redis, await worker.one())
    await worker.claim(0)
    jobs |= {
        "suspect": suspect,
        "queued": await submit(enqueuer, blobs=("a" * 64,)),
        "scheduled": await submit(enqueuer, delay_ms=DAY_MS),
        "parked": await submit(enqueuer, owner="parked"),
        "paused": await submit(enqueuer, queue="media"),
        "after": await submit(enqueuer, after=(jobs["running"],)),
        "batch": await JobStore(redis, settings).open_batch("dev"),
    }
    await lanes.park("default", "owner:parked", 60_000)
    await lanes.pause("media")
    return jobs


async def test_what_is_where_it_should_be_is_left_alone(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings, reconcile: Reconcile
) -> None:
    await in_every_place(redis, enqueuer, worker, settings)
    await redis.delete(WAKE + "default")
    before = await everything(redis)
    assert await reconcile() == {}
    assert await everything(redis) == before


@pytest.mark.parametrize("torn", ["timers", "bodies", "both"])
async def test_jobs_whose_arq_keys_vanished_get_them_back(
    torn: str, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings, reconcile: Reconcile
) -> None:
    jobs = await in_every_place(redis, enqueuer, worker, settings)
    jobs.pop("succeeded")
    batch = jobs.pop("batch")  # ARQ knows nothing of it, but it has a timer
    alive = jobs
    timers = dict(await redis.zrange(arq_queue("default"), 0, -1, withscores=True))
    records = {job_id: await record_of(redis, job_id) for job_id in alive.values()}
    if torn != "bodies":
        await redis.delete(arq_queue("default"), arq_queue("media"))
    if torn != "timers":
        await redis.delete(*(job_key_prefix + job_id for job_id in alive.values()))

    assert await reconcile() == {"mended": len(alive) + (torn != "bodies")}
    assert await redis.zscore(arq_queue("default"), batch) is not None

    for name, job_id in alive.items():
        assert await record_of(redis, job_id) == records[job_id], "no state is changed"
        assert await redis.pttl(job_key_prefix + job_id) > ARQ_JOB_MS - 5_000
        score = await redis.zscore(arq_queue("media") if name == "paused" else arq_queue("default"), job_id)
        assert score is not None
        if name in ("scheduled", "retrying"):
            assert score == records[job_id].due_at
        elif name != "paused":
            apart_ms = 5_000 if name == "running" else SAFETY_MS + 5_000
            assert abs(score - timers[job_id.encode()]) < apart_ms, name
    assert await reconcile() == {}
    await worker.claim(default=10, media=10)


async def test_a_running_job_without_a_lease_is_run_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    job = await worker.one() if await submit(enqueuer) else None
    assert job is not None
    await redis.delete(arq_queue("default"), in_progress_key_prefix + job.id)
    assert await reconcile() == {"mended": 1}
    again = await worker.one()
    assert (again.id, again.attempt, again.tries) == (job.id, 2, 0)
    assert [one["outcome"] for one in (await record_of(redis, job.id)).attempts] == ["lapsed"]
    assert await redis.hget(LANE, "running") == b"1"


async def test_a_queued_job_that_stands_in_no_line_is_put_into_its_lane(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    lost, other = await submit(enqueuer), await submit(enqueuer)
    await redis.zrem(BACKLOG, lost)
    assert await reconcile() == {"mended": 1}
    assert (await worker.claim()).ids == [lost, other]


async def test_one_that_a_stock_worker_is_about_to_take_is_left_to_it(
    redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile
) -> None:
    spilled, held = await submit(enqueuer), await submit(enqueuer)
    await redis.zrem(BACKLOG, spilled, held)
    await redis.delete(TURNS)
    await redis.zadd(arq_queue("default"), {spilled: 1})
    await redis.set(in_progress_key_prefix + held, b"1", px=300_000)
    assert await reconcile() == {}


async def test_a_lane_that_is_not_in_the_round_joins_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    job_id = await submit(enqueuer)
    await redis.delete(TURNS)
    assert (await worker.claim()).jobs == []
    assert await reconcile() == {"lanes": 1}
    assert (await worker.claim()).ids == [job_id]


async def test_a_full_lane_stays_out_of_the_round(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    for _ in range(2):
        await submit(enqueuer)
    job = await worker.one(lane_cap=1)
    assert (await worker.claim(lane_cap=1)).jobs == []
    assert await reconcile() == {}
    assert await redis.exists(TURNS) == 0
    await worker.finish(job)


@pytest.mark.parametrize("lane", ["owner:dev", "endpoint:e", "test:e", "host:dev:example.com"])
async def test_a_lane_that_counts_jobs_which_are_gone_is_free_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile, lane: str
) -> None:
    jobs = [await submit(enqueuer) for _ in range(3)]
    for job_id in jobs:
        job_index = "dev/echo */echo" if lane == "owner:dev" else "dev/delivery */delivery endpoint/e"
        await redis.hset(JOB + job_id, mapping={"lane": lane, "shelves": job_index})
        await redis.zadd(f"{redis_keys.BACKLOG}default:{lane}", {job_id: 1})
    if lane != "owner:dev":
        await redis.delete(BACKLOG)
        await redis.zrem(TURNS, "owner:dev")
        await redis.zadd(TURNS, {lane: 1})
    running = await worker.one(lane_cap=2, receiver_cap=2)
    await redis.hset(f"{redis_keys.LANE}default:{lane}", "running", 2)
    assert (await worker.claim(lane_cap=2, receiver_cap=2)).jobs == []
    assert await reconcile() == {"lanes": 1}
    assert await redis.hget(f"{redis_keys.LANE}default:{lane}", "running") == b"1"
    assert len((await worker.claim(lane_cap=2, receiver_cap=2)).jobs) == 1
    assert await worker.finish(running)


async def test_counts_of_a_queue_that_are_wrong_are_counted_anew(
    redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile
) -> None:
    await submit(enqueuer)
    await redis.hset(QUEUE + "default", mapping={"in:running": 3, "in:queued": 0})
    assert await reconcile() == {"queues": 1}
    assert await redis.hmget(QUEUE + "default", "in:running", "in:queued") == [b"0", b"1"]


async def test_timers_and_leftovers_of_jobs_that_are_gone_are_dropped(redis: ArqRedis, reconcile: Reconcile) -> None:
    await redis.zadd(arq_queue("media"), {"gone": 9e12, "foreign": 9e12})
    await redis.set(job_key_prefix + "foreign", b"body", px=60_000)
    await redis.hset(JOB + "torn", "progress", "{}")
    assert await reconcile() == {"dropped": 2}
    assert await redis.zrange(arq_queue("media"), 0, -1) == [b"foreign"], "it waits to be adopted"


@pytest.mark.parametrize("field", ["kind", "queue", "lane", "shelves", "params", "created_at", "owner", "priority"])
async def test_a_record_that_has_lost_what_the_job_needs_is_closed_with_that_reason(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile, field: str
) -> None:
    job_id = await submit(enqueuer)
    other = await submit(enqueuer, owner="acme")
    await redis.hdel(JOB + job_id, field)
    assert (await reconcile())["closed"] == 1
    record = await record_of(redis, job_id)
    assert record.state is State.FAILED
    assert record.error is not None
    assert record.error["code"] == "record_incomplete"
    assert field in record.error["message"]
    assert record.expires_at is not None
    assert (await worker.claim()).ids == [other], "nobody else is held up"
    await redis.delete(BACKLOG)
    await redis.zrem(TURNS, "owner:dev")


async def test_a_job_that_waits_for_one_that_is_gone_is_closed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,))
    await worker.one()
    await redis.delete(JOB + first, AFTER + first, LANE, in_progress_key_prefix + first)
    assert (await reconcile())["closed"] == 1
    record = await record_of(redis, waiting)
    assert record.error is not None
    assert (record.error["code"], first in record.error["message"]) == ("prerequisite_failed", True)


async def test_a_job_that_was_not_let_go_is(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    first, second = await submit(enqueuer), await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first, second))
    jobs = (await worker.claim()).jobs
    await redis.delete(AFTER + first, AFTER + second)
    await worker.finish(jobs[0])
    assert await reconcile() == {"mended": 1}
    assert (await record_of(redis, waiting)).state is State.SCHEDULED
    await worker.finish(jobs[1])
    assert (await worker.claim()).ids == [waiting]


async def test_a_batch_whose_last_end_was_lost_ends(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings, reconcile: Reconcile
) -> None:
    batch = await JobStore(redis, settings).open_batch("dev")
    await submit(enqueuer, batch=batch)
    await worker.finish(await worker.one())
    await redis.hdel(JOB + batch, "open")
    assert await reconcile() == {"closed": 1}
    assert (await record_of(redis, batch)).state is State.SUCCEEDED


async def test_who_needs_a_blob_for_long_goes_on_saying_so(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    """The cleanup goes by this, and a job may wait, or be kept, for longer than it is remembered."""
    far, failed = await submit(enqueuer, blobs=("a" * 64,), delay_ms=DAY_MS), await submit(enqueuer, blobs=("b" * 64,))
    await worker.finish(await worker.one(), "failed")
    await redis.pexpire(BLOB + "a" * 64, 60_000)
    await redis.delete(BLOB + "b" * 64)
    assert await reconcile() == {}
    assert await redis.pttl(BLOB + "a" * 64) > BLOB_MS
    assert await redis.smembers(BLOB + "b" * 64) == {failed.encode()}
    assert (await record_of(redis, far)).state is State.SCHEDULED


async def test_what_a_schedule_runs_with_is_needed_as_long_as_it_is_there(
    redis: ArqRedis, settings: Settings, reconcile: Reconcile
) -> None:
    """Though it may be paused, or run once a year."""
    schedule_store, blobs = ScheduleStore(redis, settings), ("a" * 64, "b" * 64)
    patch = SchedulePatch(cron="0 0 1 1 *", timezone="UTC", overlap="skip", misfire="skip", paused=True)
    schedule = await schedule_store.create("dev", patch, submission(blobs=blobs))
    await redis.pexpire(BLOB + blobs[0], 60_000)
    await redis.delete(BLOB + blobs[1])
    assert await reconcile() == {}
    for blob in blobs:
        assert await redis.smembers(BLOB + blob) == {f"schedule:{schedule.id}".encode()}
        assert await redis.pttl(BLOB + blob) > BLOB_MS - 5_000
    await schedule_store.delete(schedule)
    assert await reconcile() == {}
    assert await redis.exists(*(BLOB + blob for blob in blobs)) == 0


async def test_a_run_looks_at_a_part_and_the_next_goes_on_from_there(
    redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "PAGES", 1)
    monkeypatch.setattr(reconciliation, "PAGE_KEYS", 10)
    monkeypatch.setattr(reconciliation, "SAMPLE", 1)
    ids = [await submit(enqueuer, delay_ms=DAY_MS) for _ in range(60)]
    examined = []
    for _ in range(200):
        run = await reconciliation.reconcile(
            cast("JobContext[ReconciliationParams]", Attempt(redis, Settings(_env_file=None)))
        )
        examined.append(run.value["examined"])
        if await redis.get(RECONCILIATION) == b"0":
            break
    assert len(examined) > 3
    assert max(examined) < 40
    assert sum(examined) >= len(ids)


async def test_a_run_that_finds_something_wrong_goes_on(
    redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "PAGES", 1)
    monkeypatch.setattr(reconciliation, "PAGE_KEYS", 10)
    ids = [await submit(enqueuer, delay_ms=DAY_MS) for _ in range(60)]
    await redis.delete(arq_queue("default"), *(job_key_prefix + job_id for job_id in ids))
    assert await reconcile() == {"mended": 60}
    assert await redis.zcard(arq_queue("default")) == 60


async def test_strange_states_are_left_to_those_who_know_them(
    redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile
) -> None:
    """During a deploy newer workers may write what older ones have not heard of."""
    job_id = await submit(enqueuer)
    await redis.hset(JOB + job_id, "state", "resting")
    await redis.delete(arq_queue("default"))
    before = await redis.dump(JOB + job_id)
    await reconcile()
    assert await redis.dump(JOB + job_id) == before
    await redis.hset(JOB + job_id, "state", "queued")
    assert await reconcile() == {"mended": 1, "queues": 1}


async def test_the_safety_timer_is_an_hour(redis: ArqRedis, enqueuer: Enqueuer, reconcile: Reconcile) -> None:
    job_id = await submit(enqueuer)
    created = (await record_of(redis, job_id)).created_at
    await redis.delete(arq_queue("default"))
    await reconcile()
    score = await redis.zscore(arq_queue("default"), job_id)
    assert score is not None
    assert 0 <= score - created - SAFETY_MS < SAFETY_MS + 5_000
    assert json.loads((await record_of(redis, job_id)).params) == {}


async def test_the_lane_of_an_applications_function_joins_the_round_too(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, reconcile: Reconcile
) -> None:
    queue = "arq/bookshop:queue"
    await redis.set(job_key_prefix + "theirs", b"body")
    await adopt_call(enqueuer, "theirs", queue, function="add", kind="add", params="{}", fields=["arq", "0"])
    await redis.delete(redis_keys.TURNS + queue)
    functions = {"add": True}
    assert (await worker.claim({queue: 1}, functions=functions)).jobs == []
    assert await reconcile() == {"lanes": 1}
    assert (await worker.claim({queue: 1}, functions=functions)).ids == ["theirs"]
    assert await reconcile() == {}
    await redis.delete(redis_keys.QUEUE + queue, job_key_prefix + "theirs", "bookshop:queue")
