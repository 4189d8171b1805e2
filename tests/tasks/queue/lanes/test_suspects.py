"""Jobs under which workers died twice run without their queue's other jobs, half of them at once, until one is left."""

from collections.abc import Sequence

import pytest
from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, LANE, LAPSE_WINDOW_MS, LEASE_MS, QUARANTINE, QUARANTINE_MS, TURNS, arq_queue
from tests.support.queue.fake_worker import Claim, FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob

SUSPECTS = redis_keys.SUSPECTS + "default"


async def die(redis: ArqRedis, worker: FakeWorker, jobs: Sequence[ClaimedJob], queue: str = "default") -> None:
    """The worker is gone with all these jobs, and some claim takes note."""
    for job in jobs:
        await lapse(redis, job)
    await worker.claim({queue: 0})


async def suspects(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, count: int, **fields: str) -> list[str]:
    """Jobs under which two workers have died."""
    ids = [await submit(enqueuer, **fields) for _ in range(count)]
    queue = fields.get("queue", "default")
    for _ in range(2):
        await die(redis, worker, (await worker.claim({queue: count})).jobs, queue)
    return ids


@pytest.fixture
async def suspect(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> str:
    """A job under which two workers have died."""
    (job_id,) = await suspects(redis, enqueuer, worker, 1, owner="acme")
    assert await redis.zrange(SUSPECTS, 0, -1) == [job_id.encode()]
    return job_id


def under_suspicion(claim: Claim) -> list[str]:
    return [job.id for job in claim.jobs if job.suspect]


async def alone(worker: FakeWorker) -> ClaimedJob:
    claim = await worker.claim()
    (job,) = claim.jobs
    assert job.suspect
    return job


async def test_a_suspect_runs_without_its_queues_other_jobs_and_beside_those_of_other_queues(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    other, picture = await submit(enqueuer), await submit(enqueuer, queue="media")
    claim = await worker.claim(default=5, media=5)
    assert (claim.ids, under_suspicion(claim)) == ([suspect, picture], [suspect])
    assert await redis.hget(LANE + "default:owner:acme", "running") == b"1"
    for job in claim.jobs:
        assert await worker.finish(job)
    assert await redis.exists(LANE + "default:owner:acme") == 0
    assert (await worker.claim(default=5, media=5)).ids == [other]


async def test_a_busy_worker_ends_the_queues_jobs_first_and_goes_on_with_other_queues(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    await submit(enqueuer)
    picture = await submit(enqueuer, queue="media")
    claim = await worker.claim(idle=False, default=5, media=5)
    assert (claim.ids, claim.draining) == ([picture], "default")
    assert 0 < await redis.pttl(QUARANTINE + "default") <= QUARANTINE_MS
    assert (await worker.claim(idle=False)).draining == "default"
    assert (await alone(worker)).id == suspect
    assert await redis.exists(QUARANTINE + "default") == 0


async def test_one_worker_at_a_time_makes_room(
    enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    other = await submit(enqueuer)
    assert (await worker.claim(idle=False)).draining == "default"
    claim = await rival.claim(idle=False)
    assert (claim.ids, claim.draining) == ([other], None)


async def test_an_empty_worker_takes_a_suspect_that_a_busy_one_makes_room_for(
    enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    assert (await worker.claim(idle=False)).draining == "default"
    assert (await alone(rival)).id == suspect
    other = await submit(enqueuer)
    claim = await worker.claim()
    assert (claim.ids, claim.draining) == ([other], None)


async def test_after_a_turn_of_suspects_it_is_the_turn_of_the_others(
    enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    other = await submit(enqueuer)
    claim = await worker.claim(normal=True)
    assert (claim.ids, under_suspicion(claim)) == ([other], [])


async def test_a_worker_runs_suspects_of_one_queue_at_a_time(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker, suspect: str
) -> None:
    (picture,) = await suspects(redis, enqueuer, rival, 1, queue="media")
    assert (await worker.claim(default=5, media=5)).ids == [suspect]
    assert (await worker.claim(default=0, media=5, suspecting=True)).ids == []
    assert (await rival.claim(media=5)).ids == [picture]


async def test_half_of_the_suspects_run_at_once_and_each_death_halves_them_until_the_guilty_is_alone(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
) -> None:
    ids = await suspects(redis, enqueuer, worker, 20)
    guilty = ids[7]
    groups, deaths, done = [], 0, set()
    while guilty not in done:
        claim = await worker.claim(50)
        assert under_suspicion(claim) == claim.ids
        groups.append(len(claim.jobs))
        if guilty in claim.ids:
            deaths += 1
            await die(redis, worker, claim.jobs)
            if len(claim.jobs) == 1:
                done.add(guilty)
        else:
            await worker.finish_all(*(worker.outcome(job, "succeeded") for job in claim.jobs))
            done |= set(claim.ids)
    assert groups[0] == 10
    assert deaths <= 6, "10, 5, 3, 2, 1: each death halves those who may be guilty"
    record = await record_of(redis, guilty)
    assert record.error is not None
    assert record.error["code"] == "poison"
    while claimed := (await worker.claim(50)).jobs:
        await worker.finish_all(*(worker.outcome(job, "succeeded") for job in claimed))
    states = [(await record_of(redis, job_id)).state for job_id in ids if job_id != guilty]
    assert set(states) == {State.SUCCEEDED}, "nobody else is blamed"


async def test_those_with_most_deaths_come_first(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await suspects(redis, enqueuer, worker, 8)
    first = (await worker.claim(50)).jobs
    await die(redis, worker, first)
    second = (await worker.claim(50)).jobs
    assert len(second) == 2
    assert {job.id for job in second} < {job.id for job in first}


async def test_a_third_death_alone_makes_it_poison(
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


async def test_deaths_of_long_ago_do_not_count(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    first, second = (await redis.hget(JOB + suspect, "lapsed_at") or b"").split()
    await redis.hset(JOB + suspect, "lapsed_at", b"%d %s" % (int(first) - LAPSE_WINDOW_MS, second))
    await lapse(redis, await alone(worker))
    await worker.claim(0)
    assert await redis.hget(JOB + suspect, "lapses") == b"2"
    assert (await record_of(redis, suspect)).state is State.QUEUED


async def test_a_suspect_whose_deaths_were_long_ago_is_none_any_more(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, suspect: str
) -> None:
    job = await alone(worker)
    await redis.hset(JOB + suspect, "lapsed_at", "1 2")
    await worker.finish(job, "handed_back")
    other = await submit(enqueuer)
    claim = await worker.claim()
    assert (set(claim.ids), under_suspicion(claim)) == ({suspect, other}, [])


async def test_deaths_that_an_earlier_version_counted_count(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer)
    job = await worker.one()
    await redis.hset(JOB + job_id, "lapses", 1)
    await die(redis, worker, [job])
    assert await redis.zrange(SUSPECTS, 0, -1) == [job_id.encode()]


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
        assert (claim.jobs, claim.draining) == ([], None)
    await lanes.unpark("default", "owner:acme")
    assert (await alone(worker)).id == suspect


async def test_a_worker_without_a_free_slot_in_its_queue_does_not_take_it(worker: FakeWorker, suspect: str) -> None:
    claim = await worker.claim(default=0, media=5)
    assert (claim.jobs, claim.draining) == ([], None)


async def test_a_safety_timer_keeps_a_suspect_apart(redis: ArqRedis, worker: FakeWorker, suspect: str) -> None:
    await look_now(redis, suspect)
    assert (await alone(worker)).id == suspect
    assert (await worker.claim()).jobs == []


class TestAJobThatOnlyWaitsForSockets:
    async def test_is_never_a_suspect_and_never_poison_and_waits_longer_after_each_death(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await submit(enqueuer, kind="delivery", queue="webhooks")
        pauses = []
        for _ in range(5):
            other = await submit(enqueuer, kind="delivery", queue="webhooks")
            jobs = {job.id: job for job in (await worker.claim(webhooks=5)).jobs}
            assert jobs.keys() == {job_id, other}, "nothing keeps others from it"
            await worker.finish(jobs[other])
            await die(redis, worker, [jobs[job_id]], "webhooks")
            record = await record_of(redis, job_id)
            now = (await redis.time())[0] * 1000
            pauses.append(round((record.due_at - now) / LEASE_MS) if record.state is State.RETRYING else 0)
            await look_now(redis, job_id, "webhooks")
        assert pauses == [0, 0, 1, 2, 4]
        assert (record.tries, [one["outcome"] for one in record.attempts]) == (0, ["lapsed"] * 5)
        assert await worker.finish((await worker.claim(webhooks=5)).jobs[0])
        assert (await record_of(redis, job_id)).state is State.SUCCEEDED

    async def test_is_no_suspect_any_more_if_an_earlier_version_made_it_one(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        ids = {await submit(enqueuer, kind="delivery", queue="webhooks") for _ in range(3)}
        for job_id in ids:
            await redis.hset(JOB + job_id, "lapses", 2)
            await redis.zadd(redis_keys.SUSPECTS + "webhooks", {job_id: 1})
        await redis.delete(redis_keys.BACKLOG + "webhooks:owner:dev", TURNS + "webhooks")
        claim = await worker.claim(webhooks=5)
        assert (set(claim.ids), under_suspicion(claim)) == (ids, [])
