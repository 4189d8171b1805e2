"""Unique keys: who holds one, for how long, and what becomes of a submit that meets the holder."""

import asyncio
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submitted
from tasks.queue.jobs.uniqueness import UNIQUE, UNIQUE_MS
from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.records.packer import Packer
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BLOB, JOB, JOBS, UNNEEDED
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.submissions import record_of, submission, submit
from tests.support.queue.unique_keys import HOUR_MS, holders, unique, wrong_unique_keys

FIRST, SECOND = "a" * 64, "b" * 64


async def met(enqueuer: Enqueuer, **fields: Any) -> Submitted:
    return await enqueuer.enqueue(submission(**fields))


async def test_of_a_hundred_submits_at_once_one_makes_the_job(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    found = await asyncio.gather(*(met(enqueuer, unique=unique()) for _ in range(100)))
    assert len({one.job_id for one in found}) == 1
    assert sorted(str(one.met) for one in found) == ["None", *["returned"] * 99]
    assert sum(one.created for one in found) == 1
    assert list((await holders(redis)).values()) == [found[0].job_id]


async def test_a_key_is_one_of_its_owner_its_kind_and_its_option(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    ids = [
        await submit(enqueuer, unique=unique("k")),
        await submit(enqueuer, unique=unique("other")),
        await submit(enqueuer, unique=unique("k"), owner="somebody"),
        await submit(enqueuer, unique=unique("k"), kind="other"),
        await submit(enqueuer, unique=unique("k", "throttle")),
    ]
    assert sorted((await holders(redis)).values()) == sorted(ids)
    assert len(set(ids)) == 5


async def test_while_it_waits_a_job_keeps_others_out_and_once_it_begins_the_next_may_come(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    held = unique(span="waiting")
    first = await submit(enqueuer, unique=held)
    assert (await met(enqueuer, unique=held)).job_id == first
    running = await worker.one()
    assert await holders(redis) == {}
    second = await met(enqueuer, unique=held)
    assert second.created
    assert await worker.finish(running, "retrying", delay_ms=60_000)
    assert list((await holders(redis)).values()) == [second.job_id], "the one that waits again finds the key taken"
    assert (await met(enqueuer, unique=held)).job_id == second.job_id


@pytest.mark.parametrize("way", ["retrying", "handed_back", "lapsed"])
async def test_a_job_that_waits_again_holds_its_key_again(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, way: str
) -> None:
    first = await submit(enqueuer, unique=unique(span="waiting"))
    job = await worker.one()
    if way == "lapsed":
        await lapse(redis, job)
        await worker.claim(default=0)
    else:
        assert await worker.finish(job, way, delay_ms=60_000)
    assert list((await holders(redis)).values()) == [first]


@pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled"])
async def test_while_it_is_not_over_a_job_keeps_others_out(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, verb: str
) -> None:
    first = await submit(enqueuer, unique=unique())
    job = await worker.one()
    assert (await met(enqueuer, unique=unique())).job_id == first
    assert await worker.finish(job, verb)
    assert await holders(redis) == {}
    assert (await met(enqueuer, unique=unique())).created


async def test_what_waits_and_is_cancelled_holds_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore
) -> None:
    for span in ("waiting", "running", "ended"):
        first = await submit(enqueuer, unique=unique(span, span))
        assert await job_store.cancel(first) == "cancelled"
    assert await holders(redis) == {}


async def test_for_an_hour_after_its_end_a_job_answers_unless_it_was_cancelled_or_deleted(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    held = unique(span="ended")
    first = await submit(enqueuer, unique=held)
    ((key, _),) = (await holders(redis)).items()
    assert UNIQUE_MS - 10_000 < await redis.pttl(UNIQUE + key) <= UNIQUE_MS
    await worker.finish(await worker.one())
    assert HOUR_MS - 10_000 < await redis.pttl(UNIQUE + key) <= HOUR_MS
    assert (await met(enqueuer, unique=held)).job_id == first
    assert await job_store.delete([first]) == ["deleted"]
    assert await holders(redis) == {}
    second = await met(enqueuer, unique=held)
    await worker.finish(await worker.one(), "cancelled")
    assert second.created
    assert (await met(enqueuer, unique=held)).created


async def test_a_packed_record_still_answers(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    held = unique(span="ended")
    first = await submit(enqueuer, unique=held)
    await worker.finish(await worker.one())
    packer = Packer(redis, settings, after_ms=0)
    while not await redis.hexists(JOB + first, "0"):
        await packer.step()
    again = await met(enqueuer, unique=held)
    assert (again.job_id, again.met) == (first, "returned")
    assert (await record_of(redis, first)).unique_as == {"unique": {"key": "k"}}


async def test_a_refused_submit_names_the_job(enqueuer: Enqueuer, worker: FakeWorker) -> None:
    first = await submit(enqueuer, unique=unique())
    for on_conflict, state in (("reject", "queued"), ("reject", "running"), ("replace", "running")):
        if state == "running":
            await worker.claim()
        with pytest.raises(Refusal) as refused:
            await submit(enqueuer, unique=unique(on_conflict=on_conflict))  # type: ignore[arg-type]
        assert (refused.value.code, refused.value.field, refused.value.job) == ("not_unique", "unique", first)
        assert state in refused.value.message


async def test_a_waiting_job_is_replaced_in_its_place(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    replacing = unique(on_conflict="replace")
    said = {"unique": replacing, "params": {"n": 1}, "name": "first", "tags": ("a", "b"), "blobs": (FIRST,)}
    first = await submit(enqueuer, **said, metadata='{"x": 1}', keep_s=5)
    after = await submit(enqueuer, after=(first,))
    neighbour = await submit(enqueuer)
    before = await record_of(redis, first)
    again = await met(enqueuer, unique=replacing, params={"n": 2}, tags=("b", "c"), blobs=(SECOND,))
    assert (again.job_id, again.met, again.created) == (first, "replaced", False)
    record = await record_of(redis, first)
    assert (record.params, record.name, record.tags, record.metadata) == ('{"n": 2}', None, ("b", "c"), {})
    assert (record.blobs, record.created_at, record.due_at) == ((SECOND,), before.created_at, before.due_at)
    assert await redis.hmget(JOB + first, "keep", "keep_ms") == [None, None]
    tagged = {tag: await redis.zcard(f"{JOBS}tag/dev/{tag}:queued") for tag in "abc"}
    assert tagged == {"a": 0, "b": 1, "c": 1}
    assert await redis.sismember(BLOB + SECOND, first)
    assert not await redis.sismember(BLOB + FIRST, first)
    assert await redis.zscore(UNNEEDED, FIRST) is not None
    claim = await worker.claim()
    assert claim.ids == [first, neighbour]
    assert claim.jobs[0].params == '{"n": 2}'
    await worker.finish_all(*(worker.outcome(job, "succeeded") for job in claim.jobs))
    assert (await worker.claim()).ids == [after], "what waits for it goes on waiting"


async def test_a_repeat_with_the_same_idempotency_key_finds_what_the_first_met(enqueuer: Enqueuer) -> None:
    first = await submit(enqueuer, unique=unique())
    for _ in range(2):
        again = await met(enqueuer, unique=unique(), idempotency_key="i", params={"n": 2})
        assert (again.job_id, again.created) == (first, False)


async def test_several_jobs_share_no_key(enqueuer: Enqueuer) -> None:
    with pytest.raises(Refusal, match="one by one"):
        await enqueuer.enqueue_batch([submission(unique=unique()), submission(unique=unique())])


async def test_an_ended_job_does_not_run_again_while_another_holds_its_key(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer, unique=unique())
    await worker.finish(await worker.one(), "failed")
    second = await submit(enqueuer, unique=unique())
    assert await job_store.retry([first]) == ["held"]
    assert (await record_of(redis, first)).state is State.FAILED
    await worker.finish(await worker.one())
    assert await job_store.retry([first]) == ["reopened"]
    assert list((await holders(redis)).values()) == [first]
    assert (await met(enqueuer, unique=unique())).job_id == first != second


async def test_a_throttled_key_answers_with_the_first_job_whatever_became_of_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    held = unique(span="throttle", span_ms=HOUR_MS)
    first = await submit(enqueuer, unique=held)
    ((key, _),) = (await holders(redis)).items()
    assert HOUR_MS - 10_000 < await redis.pttl(UNIQUE + key) <= HOUR_MS
    await worker.finish(await worker.one(), "failed")
    assert (await met(enqueuer, unique=held)).job_id == first
    assert await job_store.retry([first]) == ["reopened"], "it is no new submit"
    await redis.pexpire(UNIQUE + key, 1)
    while await redis.exists(UNIQUE + key):
        await asyncio.sleep(0.002)
    assert (await met(enqueuer, unique=held)).created


async def test_keys_of_jobs_that_are_gone_or_were_moved_by_an_earlier_version_hold_nothing(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await submit(enqueuer, unique=unique())
    ((key, _),) = (await holders(redis)).items()
    await worker.finish(await worker.one())
    for stale in (first, "f" * 32):
        await redis.set(UNIQUE + key, stale, px=UNIQUE_MS)
        again = await met(enqueuer, unique=unique())
        assert again.created
        assert await holders(redis) == {key: again.job_id}
        await worker.finish(await worker.one())


async def test_the_keys_agree_after_each_way_to_end(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    ids = [await submit(enqueuer, unique=unique(f"{n}")) for n in range(6)]
    assert await job_store.cancel(ids[0]) == "cancelled"
    for verb in ("succeeded", "failed", "retrying", "handed_back"):
        assert await worker.finish((await worker.claim(1)).jobs[0], verb)
        assert await wrong_unique_keys(redis, ids) == []


async def test_what_takes_the_place_of_a_waiting_job_makes_no_queue(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    """The job stays in its own."""
    first = await submit(enqueuer, unique=unique(on_conflict="replace"))
    found = await met(enqueuer, unique=unique(on_conflict="replace"), queue="emails", params={"n": 2})
    assert (found.met, (await record_of(redis, first)).queue) == ("replaced", "default")
    assert await redis.zcard(MADE_QUEUES) == 0
