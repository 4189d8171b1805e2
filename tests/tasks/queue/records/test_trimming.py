"""Indexes list what there is, and nobody who is gone is said to need a blob."""

from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import State
from tasks.queue.records.trimming import AT_ONCE, trim
from tasks.queue.redis_keys import BLOB, JOB, JOBS, ROOT
from tasks.settings.owners import RESERVED_NAMES
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


async def trimmed(redis: ArqRedis, *, dry_run: bool = False) -> int:
    """How many entries of indexes a whole walk removed."""
    return sum([one.removed async for one in trim(redis, dry_run=dry_run)])


async def index(redis: ArqRedis, name: str) -> set[str]:
    return {one.decode() for one in await redis.zrange(name, 0, -1)}


async def test_an_index_loses_the_jobs_that_are_gone_and_keeps_the_others(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    ids = [await submit(enqueuer) for _ in range(4)]
    for job in (await worker.claim(3)).jobs:
        await worker.finish(job, "failed")
    await redis.delete(JOB + ids[0], JOB + ids[2])
    assert await trimmed(redis) == 4, "two jobs, in two indexes each: the owner's and everyone's"
    for job_index in ("*/echo", "dev/echo"):
        assert await index(redis, f"{JOBS}{job_index}:failed") == {ids[1]}
        assert await index(redis, f"{JOBS}{job_index}:queued") == {ids[3]}
    assert await trimmed(redis) == 0


async def test_an_index_of_a_state_loses_those_that_are_in_another(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    job_id = await submit(enqueuer)
    await redis.zadd(f"{JOBS}dev/echo:running", {job_id: 1})
    assert await trimmed(redis) == 1
    assert await redis.exists(f"{JOBS}dev/echo:running") == 0
    assert await index(redis, f"{JOBS}dev/echo:queued") == {job_id}


async def test_an_owner_may_be_called_like_a_state(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    """From before such names were refused."""
    job_id = await submit(enqueuer, owner="failed")
    assert await trimmed(redis) == 0
    assert await index(redis, f"{JOBS}failed/echo:queued") == {job_id}


async def test_a_long_index_is_trimmed_in_parts(redis: ArqRedis) -> None:
    total = 7 * AT_ONCE + 3
    await redis.zadd(f"{JOBS}gone", {f"{n:032x}": n for n in range(total)})
    steps = [one async for one in trim(redis, dry_run=False)]
    assert sum(one.removed for one in steps) == sum(one.examined for one in steps) == total
    assert await redis.keys("*") == []


async def test_an_index_that_expires_is_left_alone(redis: ArqRedis) -> None:
    """A deleted endpoint's: what still moves through it keeps it, and it must not begin again without an end."""
    await redis.zadd(f"{JOBS}endpoint/e:failed", {"": 0})
    await redis.expire(f"{JOBS}endpoint/e:failed", 60)
    assert await trimmed(redis) == 0
    assert await redis.exists(f"{JOBS}endpoint/e:failed") == 1


@pytest.mark.parametrize("name", ["endpoints:dev", "subscribers:dev:job.*", "schedules:dev"])
async def test_indexes_of_other_things_lose_what_is_gone(redis: ArqRedis, name: str) -> None:
    await redis.zadd(ROOT + name, {"e" * 32: 0})
    assert await trimmed(redis) == 1
    assert await redis.keys("*") == []


async def test_who_is_gone_needs_no_blob(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    one, other = "a" * 64, "b" * 64
    job_id = await submit(enqueuer, blobs=(one,))
    await redis.sadd(BLOB + other, "0" * 32, "upload:" + "0" * 32)
    await trimmed(redis)
    assert await redis.smembers(BLOB + one) == {job_id.encode()}
    assert await redis.exists(BLOB + other) == 0


async def test_a_dry_run_counts_the_same_and_changes_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    async def everything() -> dict[bytes, Any]:
        return {key: await redis.dump(key) for key in await redis.keys("*")}

    ids = [await submit(enqueuer, blobs=("a" * 64,)) for _ in range(3)]
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    await redis.delete(JOB + ids[0])
    before = await everything()
    counted = await trimmed(redis, dry_run=True)
    assert await everything() == before
    assert await trimmed(redis) == counted == 2


def test_states_are_told_from_indexes() -> None:
    """No owner and no kind can be called so that its index is taken for that of a state."""
    assert all(":" not in state for state in State)
    assert set(State) <= RESERVED_NAMES
