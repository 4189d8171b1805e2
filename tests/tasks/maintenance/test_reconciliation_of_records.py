"""Records that lack nothing, in the reconciliation: older indexes are renewed, those of ended jobs are packed, and
unique keys agree with them."""

from typing import cast

import pytest
from arq.connections import ArqRedis

from tasks.kind import JobContext
from tasks.maintenance import reconciliation
from tasks.maintenance.reconciliation import ReconciliationParams
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.uniqueness import UNIQUE, UNIQUE_MS
from tasks.queue.redis_keys import JOB, JOBS, PACK_AFTER_MS
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from tests.support.queue.unique_keys import unique
from tests.tasks.maintenance.test_reconciliation import Attempt


async def reconciled(redis: ArqRedis, settings: Settings) -> dict[str, int]:
    """The counts of one run that are not 0, without how many were examined."""
    result = await reconciliation.reconcile(cast("JobContext[ReconciliationParams]", Attempt(redis, settings)))
    return {name: count for name, count in result.value.items() if count and name != "examined"}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("echo", ["dev", "dev/echo"], ["dev/echo", "*/echo"]),
        ("made_up", ["dev", "dev/made_up"], ["dev/_foreign", "*/_foreign"]),
        ("no name", ["dev"], ["dev/_foreign", "*/_foreign"]),
        ("echo", ["dev/echo", "endpoint/e"], ["dev/echo", "*/echo", "endpoint/e"]),
    ],
)
async def test_jobs_of_older_versions_come_into_the_indexes_of_this_one(
    redis: ArqRedis,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    settings: Settings,
    kind: str,
    before: list[str],
    after: list[str],
) -> None:
    job_id = await submit(enqueuer, kind=kind)
    await redis.delete(*await redis.keys(f"{JOBS}*"))
    await redis.hset(JOB + job_id, "shelves", " ".join(before))
    for index in before:
        await redis.zadd(f"{JOBS}{index}", {job_id: 1})
        await redis.zadd(f"{JOBS}{index}:queued", {job_id: 1})
    assert await reconciled(redis, settings) == {}
    assert {key.decode() for key in await redis.keys(f"{JOBS}*")} == {f"{JOBS}{index}:queued" for index in after}
    await worker.finish(await worker.one())
    assert {key.decode() for key in await redis.keys(f"{JOBS}*")} == {f"{JOBS}{index}:succeeded" for index in after}


async def test_records_that_are_due_are_packed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    for _ in range(3):
        await submit(enqueuer)
    jobs = (await worker.claim()).jobs
    for job in jobs:
        await worker.finish(job)
    for job in jobs[:2]:
        await redis.hincrby(JOB + job.id, "finished_at", -PACK_AFTER_MS)
    assert await reconciled(redis, settings) == {"packed": 2}
    assert [await redis.hexists(JOB + job.id, "0") for job in jobs] == [True, True, False]
    assert await reconciled(redis, settings) == {}, "and a packed record is as it should be"


async def test_a_lost_unique_key_is_held_again_and_one_that_nothing_holds_goes(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    waiting = await submit(enqueuer, unique=unique("waits"), delay_ms=60_000)
    running = await submit(enqueuer, unique=unique("runs", "waiting"))
    job = await worker.one()
    (key,) = await redis.keys(f"{UNIQUE}*")
    await redis.delete(key)
    await redis.set(f"{UNIQUE}dev:{unique('runs').hash_of('echo')}", running, px=60_000)
    await reconciled(redis, settings)
    assert await redis.keys(f"{UNIQUE}*") == [key]
    assert await redis.get(key) == waiting.encode()
    assert UNIQUE_MS - 10_000 < await redis.pttl(key) <= UNIQUE_MS
    await worker.finish(job)
