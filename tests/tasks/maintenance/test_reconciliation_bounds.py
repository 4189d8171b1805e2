"""Reconciliation holds up nobody: a script takes a few milliseconds, counted in calls, and the next does the rest."""

from typing import Any

from arq.connections import ArqRedis

from tasks.queue import redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.indexes import FOREIGN
from tasks.queue.redis_keys import JOB, JOBS
from tasks.queue.script import Script
from tasks.settings import SYSTEM, Settings
from tests.support.queue.submissions import submit

LANE = redis_keys.LANE
Answer = tuple[list[str], int, int]


async def reconcile(redis: ArqRedis, settings: Settings, **payload: Any) -> Answer:
    """One script: what became of the ids, how many lanes it came to, how many it mended."""
    nothing: dict[str, Any] = {"ids": [], "lanes": [], "schedules": [], "endpoints": [], "queues": []}
    payload["lanes"] = [{"queue": queue, "name": name} for queue, name in payload.get("lanes", ())]
    said = {**nothing, **payload, "owner": SYSTEM, "kinds": {"echo": True, "batch": True}, "foreign": FOREIGN}
    answer = await Script(redis, "upkeep/reconcile")({**said, "keep": keep_ms(settings)})
    return answer["jobs"], answer["lanes_examined"], answer["lanes_mended"]


async def records_read(redis: ArqRedis) -> int:
    """Since the last `config_resetstat`."""
    calls: int = (await redis.info("commandstats"))["cmdstat_hmget"]["calls"]
    return calls


async def test_for_many_lanes_of_hosts_what_runs_is_read_once(redis: ArqRedis, settings: Settings) -> None:
    lanes = [("webhooks", f"host:dev:{n}.example.com") for n in range(100)]
    async with redis.pipeline(transaction=False) as pipe:
        for n in range(3_000):
            queue, lane = lanes[n % 100]
            pipe.hset(JOB + str(n), mapping={"state": "running", "queue": queue, "lane": lane})
            pipe.zadd(f"{JOBS}dev/delivery:running", {str(n): n})
            pipe.hset(f"{LANE}{queue}:{lane}", "running", 1)
        await pipe.execute()
    await redis.config_resetstat()
    assert await reconcile(redis, settings, lanes=lanes) == ([], 100, 100)
    assert await records_read(redis) == 3_000
    assert {await redis.hget(f"{LANE}{queue}:{lane}", "running") for queue, lane in lanes} == {b"30"}
    await redis.flushall()


async def test_open_batches_are_not_read_one_by_one(redis: ArqRedis, settings: Settings) -> None:
    batches: dict[str | bytes, bytes | float | int | str] = {str(n): 1 for n in range(5_000)}
    await redis.zadd(f"{JOBS}dev/echo:running", {"job": 1})
    await redis.zadd(f"{JOBS}dev/batch:running", batches)
    await redis.hset(JOB + "job", mapping={"state": "running", "queue": "default", "lane": "owner:dev"})
    await redis.config_resetstat()
    assert await reconcile(redis, settings, lanes=[("default", "owner:dev")]) == ([], 1, 1)
    assert await records_read(redis) == 1
    assert await redis.hget(f"{LANE}default:owner:dev", "running") == b"1"
    await redis.flushall()


async def test_lanes_of_which_much_runs_are_left_to_the_next_script(redis: ArqRedis, settings: Settings) -> None:
    lanes = [("default", f"owner:{n}") for n in range(10)]
    for n in range(10):
        await redis.zadd(f"{JOBS}{n}/echo:running", {str(k): k for k in range(500)})
    _, looked, _ = await reconcile(redis, settings, lanes=lanes)
    assert 3 <= looked <= 5
    await redis.flushall()


async def test_jobs_that_wait_for_many_are_left_to_the_next_script(redis: ArqRedis, settings: Settings) -> None:
    enqueuer = Enqueuer(redis, settings)
    firsts = tuple([await submit(enqueuer) for _ in range(20)])
    waiting = [await submit(enqueuer, after=firsts) for _ in range(100)]
    lanes = [("default", "owner:dev")]
    answers, looked, _ = await reconcile(redis, settings, ids=waiting, lanes=lanes)
    assert (set(answers), looked) == ({"fine"}, 0)
    assert 10 <= len(answers) <= 30

    await redis.hset(JOB + firsts[0], "state", "failed")
    closed, rest = 0, waiting
    while rest:
        answers, looked, _ = await reconcile(redis, settings, ids=rest, lanes=lanes)
        assert set(answers) == {"closed"}
        assert 5 <= len(answers) <= 20 or len(answers) == len(rest)
        closed, rest = closed + len(answers), rest[len(answers) :]
    assert closed == 100
    assert looked == 1, "the last has room for the lane"
    await redis.flushall()
