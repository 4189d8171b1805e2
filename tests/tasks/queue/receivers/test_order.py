"""An ordered lane: one delivery at a time, in the order of the events, whatever becomes of each."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, LANE, PARKED, QUEUE
from tasks.settings import Settings
from tasks.webhook.events import delivery_id
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.fan_out import LANE_A, enable, expand, to
from tests.support.queue.submissions import record_of, submission, submit

HOUR_MS = 3_600_000
PARKED_LANES = PARKED + "webhooks"


@pytest.fixture
def job_store(redis: ArqRedis) -> JobStore:
    return JobStore(redis, Settings(_env_file=None))


@pytest.fixture(autouse=True)
async def ordered(redis: ArqRedis) -> None:
    await enable(redis, "a")
    await LaneControls(redis).limit("webhooks", LANE_A, ordered=True)
    await redis.expire(f"{LANE}webhooks:{LANE_A}", 60)


async def publish(enqueuer: Enqueuer) -> str:
    return await submit(enqueuer, kind="event")


async def fan_out(redis: ArqRedis, worker: FakeWorker, events: list[str]) -> list[str]:
    """Let the jobs of all events that wait make their deliveries, in this order, and end. Returns the deliveries."""
    jobs = {job.id: job for job in (await worker.claim(default=100)).jobs}
    for event in events:
        await expand(redis, event, to(event, "a"))
        await worker.finish(jobs[event])
    return [delivery_id(event, "a") for event in events]


async def deliveries(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, count: int) -> list[str]:
    """Deliveries in the order of their events; the last event became one first."""
    events = [await publish(enqueuer) for _ in range(count)]
    return (await fan_out(redis, worker, events[::-1]))[::-1]


async def claimed(worker: FakeWorker) -> list[str]:
    return (await worker.claim(webhooks=10)).ids


async def fail(worker: FakeWorker, delay_ms: int = HOUR_MS) -> str:
    """The delivery that starts now is refused, and waits for its next try."""
    job = await worker.one(webhooks=10)
    await worker.finish(job, "retrying", delay_ms=delay_ms, last=True, receiver_ok=False, value=["bad_status", ""])
    return job.id


async def pass_time(redis: ArqRedis, delivery: str) -> None:
    """Until the delivery's next try is due."""
    await redis.hset(JOB + delivery, "due_at", 1)
    await look_now(redis, delivery, "webhooks")
    await redis.zadd(PARKED_LANES, {LANE_A: 1}, xx=True)


async def work_off(worker: FakeWorker) -> list[str]:
    """All that can start, one after the other, in the order in which it started."""
    done = []
    while jobs := (await worker.claim(webhooks=10)).jobs:
        (job,) = jobs
        assert await claimed(worker) == [], "one at a time"
        await worker.finish(job, receiver_ok=True)
        done.append(job.id)
    return done


async def test_one_at_a_time_in_the_order_of_the_events(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 5)
    assert await work_off(worker) == wanted


async def test_events_that_one_call_makes_have_an_order_too(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    submitted = await enqueuer.enqueue_batch([submission(kind="event") for _ in range(20)])
    events = [record.id for record in submitted.records]
    wanted = await fan_out(redis, worker, sorted(events))
    assert await work_off(worker) == [delivery_id(event, "a") for event in events]
    assert len(wanted) == 20


async def test_one_that_waits_for_its_next_try_holds_back_the_later_ones(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 3)
    for _ in range(3):
        assert await fail(worker) == wanted[0]
        assert await claimed(worker) == []
        assert await redis.zscore(PARKED_LANES, LANE_A) == (await record_of(redis, wanted[0])).due_at
        await pass_time(redis, wanted[0])
    later = await deliveries(redis, enqueuer, worker, 1)
    assert await work_off(worker) == wanted + later


async def test_one_that_gives_up_lets_the_next_go(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    first, *rest = await deliveries(redis, enqueuer, worker, 3)
    assert await fail(worker) == first
    await pass_time(redis, first)
    await worker.finish(await worker.one(webhooks=10), "failed", value=["bad_status", ""], receiver_ok=False)
    assert await work_off(worker) == rest


@pytest.mark.parametrize("others_wait", [True, False])
async def test_one_that_is_cancelled_lets_the_next_go_at_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore, *, others_wait: bool
) -> None:
    first, *rest = await deliveries(redis, enqueuer, worker, 2 if others_wait else 1)
    assert await fail(worker) == first
    assert await claimed(worker) == []
    assert await job_store.cancel(first) == "cancelled"
    rest = rest or await deliveries(redis, enqueuer, worker, 1)
    assert await work_off(worker) == rest


async def test_a_redelivery_of_the_one_that_waits_starts_at_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 2)
    await fail(worker)
    assert await claimed(worker) == []
    assert await job_store.reopen(wanted[:1]) == ["reopened"]
    assert await work_off(worker) == wanted


async def test_what_is_sent_again_takes_its_place_among_what_waits(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 4)
    for _ in range(2):
        await worker.finish(await worker.one(webhooks=10), "failed", value=["bad_status", ""], receiver_ok=False)
    assert await job_store.reopen([wanted[1], wanted[0]]) == ["reopened"] * 2
    assert await work_off(worker) == wanted


async def test_an_event_that_is_not_fanned_out_yet_holds_back_those_after_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await publish(enqueuer)
    (slow,) = (await worker.claim(default=1)).jobs
    second = await publish(enqueuer)
    (job,) = (await worker.claim(default=1)).jobs
    await expand(redis, second, to(second, "a"))
    await worker.finish(job)
    assert await claimed(worker) == [], "the first event's job is under way"
    await worker.finish(slow, "retrying", delay_ms=HOUR_MS)
    await redis.zadd(PARKED_LANES, {LANE_A: 1})
    assert await claimed(worker) == [], "it waits for its next try"
    await look_now(redis, first)
    wanted = [*await fan_out(redis, worker, [first]), delivery_id(second, "a")]
    await redis.zadd(PARKED_LANES, {LANE_A: 1})
    assert await work_off(worker) == wanted


async def test_a_later_event_and_its_own_hold_back_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    event = await publish(enqueuer)
    await expand(redis, event, to(event, "a"))  # its job goes on: there may be more endpoints
    await redis.hset(JOB + event, "due_at", (await record_of(redis, event)).created_at)
    later = await submit(enqueuer, kind="event", delay_ms=HOUR_MS)
    assert await claimed(worker) == [delivery_id(event, "a")]
    assert (await record_of(redis, later)).state is State.SCHEDULED


async def test_a_worker_that_dies_costs_the_order_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 3)
    for deaths in range(1, 5):
        job = await worker.one(webhooks=10)
        assert job.id == wanted[0]
        await lapse(redis, job)
        await redis.hset(QUEUE + "webhooks", "patience", 0)
        if deaths >= 3:  # from the third on it waits a little
            assert await claimed(worker) == []
            assert (await record_of(redis, job.id)).state is State.RETRYING
            await pass_time(redis, job.id)
    assert await work_off(worker) == wanted


async def test_one_that_is_handed_back_is_the_first_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 2)
    await worker.finish(await worker.one(webhooks=10), "handed_back")
    assert await work_off(worker) == wanted


async def test_a_claim_that_was_not_read_gives_the_same_one_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 2)
    assert (await worker.claim(webhooks=10, number=1, read=0)).ids == wanted[:1]
    assert (await worker.claim(webhooks=10, number=2, read=0)).ids == wanted[:1]


async def test_without_order_all_go_at_once_and_a_retry_waits_behind(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = await deliveries(redis, enqueuer, worker, 3)
    await fail(worker)
    assert await claimed(worker) == []
    await LaneControls(redis).limit("webhooks", LANE_A)
    assert sorted(await claimed(worker)) == sorted(wanted[1:])


async def test_a_lane_that_is_held_is_shown_as_parked_and_one_at_a_time(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first, _ = await deliveries(redis, enqueuer, worker, 2)
    await fail(worker)
    await claimed(worker)
    ((lane, *_), *_) = await QueueStats(redis, Settings(_env_file=None)).lanes("webhooks", limit=10, cursor=None)
    due_at = (await record_of(redis, first)).due_at
    assert (lane.name, lane.state, lane.until_ms, lane.cap, lane.waiting) == (LANE_A, "parked", due_at, 1, 1)


async def test_a_test_or_an_admin_may_look_for_a_lane_that_is_held(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await deliveries(redis, enqueuer, worker, 2)
    await fail(worker)
    await LaneControls(redis).unpark("webhooks", LANE_A)
    assert await claimed(worker) == [], "the order holds"
    assert await redis.zscore(PARKED_LANES, LANE_A)
