"""No script holds Redis for long, however much there is: it does some of it, and the next call goes on."""

from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import State
from tasks.queue.redis_keys import FULL, LANE, PARKED, SAFETY_MS, TURNS, arq_queue
from tasks.queue.script import Script
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submit

MANY = 1_500


async def test_a_claim_ends_some_of_many_jobs_that_were_aborted_and_the_next_ends_more(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    ids = [await submit(enqueuer, owner=f"o{n % 3}") for n in range(200)]
    await redis.zadd(abort_jobs_ss, dict.fromkeys(ids, 1))
    alive = await submit(enqueuer, owner="o1")
    left, started = len(ids), []
    while left:
        claim = await worker.claim(50)
        before, left = left, await redis.zcard(abort_jobs_ss)
        assert 0 < before - left <= 75
        assert claim.wait_ms == 0 or not left
        started += claim.jobs
    started += (await worker.claim(50)).jobs
    assert [job.id for job in started] == [alive]
    assert {(await record_of(redis, job_id)).state for job_id in ids} == {State.CANCELLED}


async def test_a_claim_looks_at_some_of_many_lanes_that_have_no_room(redis: ArqRedis, worker: FakeWorker) -> None:
    lanes = [f"owner:{n}" for n in range(MANY)]
    async with redis.pipeline(transaction=False) as pipe:
        for lane in lanes:
            pipe.hset(f"{LANE}default:{lane}", "running", 1)
        pipe.zadd(TURNS + "default", {lane: n for n, lane in enumerate(lanes)})
        await pipe.execute()
    left = MANY
    while left:
        claim = await worker.claim(50, lane_cap=1)
        before, left = left, await redis.zcard(TURNS + "default")
        assert 0 < before - left <= 500
        assert claim.wait_ms == 0 or not left
    await redis.delete(*(f"{LANE}default:{lane}" for lane in lanes), FULL + "default")


async def test_a_dead_workers_jobs_are_noticed_at_once_though_a_thousand_older_timers_are_due(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, rival: FakeWorker
) -> None:
    waiting = [await submit(enqueuer) for _ in range(1_000)]
    await redis.zadd(arq_queue("default"), dict.fromkeys(waiting, 1))
    while (await worker.claim(0)).wait_ms == 0:
        pass
    job = await worker.one()
    await redis.zadd(arq_queue("default"), dict.fromkeys(waiting, 1))
    await lapse(redis, job)
    await redis.zadd(arq_queue("default"), {job.id: (await redis.time())[0] * 1000}, xx=True)
    await rival.claim(0)
    assert (await record_of(redis, job.id)).state is State.QUEUED


async def test_timers_that_were_due_together_are_due_apart_the_next_time(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    waiting = [await submit(enqueuer) for _ in range(1_000)]
    await redis.zadd(arq_queue("default"), dict.fromkeys(waiting, 1))
    while (await worker.claim(0)).wait_ms == 0:
        pass
    times = [time for _, time in await redis.zrange(arq_queue("default"), 0, -1, withscores=True)]
    assert max(times) - min(times) > SAFETY_MS / 4, "spread over an hour"


async def test_lanes_spill_no_more_than_was_asked_and_in_turn(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    spill = Script(redis, "run/spill")
    ids = {await submit(enqueuer, owner=f"o{n % 5}"): f"o{n % 5}" for n in range(10)}
    owners: list[str] = []
    for _ in range(10):
        assert await spill({"queue": "default", "limit": 1}) == 1
        now = (await redis.time())[0] * 1000 + 1000
        spilled = [one.decode() for one in await redis.zrangebyscore(arq_queue("default"), "-inf", now)]
        owners += [ids.pop(job_id) for job_id in spilled if job_id in ids]
    assert sorted(owners[:5]) == sorted(owners[5:]) == [f"o{n}" for n in range(5)]


async def test_a_page_of_lanes_ends_though_a_great_many_are_passed_over(redis: ArqRedis) -> None:
    lanes: dict[str | bytes, bytes | float | int | str] = {f"endpoint:{n}": 4e12 for n in range(MANY)}
    await redis.zadd(PARKED + "webhooks", lanes)
    await redis.zadd(FULL + "webhooks", lanes)
    payload = {"verb": "lanes", "queue": "webhooks", "limit": 50, "lane_cap": 0, "receiver_cap": 0}
    page = await Script(redis, "read/queue_stats")({**payload, "from": {"list": 2, "rank": 0}})
    assert (page["lanes"], page["from"]) == ([], {"list": 2, "rank": 1_000})
    await redis.delete(PARKED + "webhooks", FULL + "webhooks")


async def test_many_alerts_begin_and_end_a_hundred_at_a_time(redis: ArqRedis) -> None:
    script = Script(redis, "upkeep/alerts")
    holding = [{"key": f"queue_age q{n}", "owners": ["dev"], "data": "{}"} for n in range(150)]
    assert [len((await script({"holding": holding}))["fired"]) for _ in range(3)] == [100, 50, 0]
    assert [len((await script({"holding": []}))["resolved"]) for _ in range(3)] == [100, 50, 0]
