"""Records of ended jobs are packed some minutes after their end, and say the same."""

import json
import os
import secrets
from collections.abc import Awaitable, Callable

import pytest
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from tasks import clock
from tasks.queue.connect import close, connect
from tasks.queue.jobs.bulk_step import BulkStep
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.process_registry import Fingerprint, ProcessRegistry, form_for_all
from tasks.queue.records import packing
from tasks.queue.records.list import read
from tasks.queue.records.packer import Packer, restore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BLOB, BLOB_MS, JOB, JOBS, PACK_AFTER_MS, PROCESSES, UNPACKED, WORKER_MS, arq_queue
from tasks.settings import Settings
from tests.support.queue.ended_records import AT_MOST_BYTES, KINDS, EndedRecords, measure, pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit
from tools.servers import Valkey


async def ended(enqueuer: Enqueuer, worker: FakeWorker, verb: str = "succeeded", **fields: object) -> str:
    job_id = await submit(enqueuer, **fields)
    assert await worker.finish(await worker.one(), verb, fields=("result", '{"größe": null}'))
    return job_id


async def test_a_record_of_a_later_version_is_read_as_far_as_it_can_be(redis: ArqRedis, job_store: JobStore) -> None:
    fields = {b"kind": b"echo", b"queue": b"default", b"owner": b"dev", b"state": b"failed", b"priority": b"normal"}
    fields |= {b"params": b"{}", b"created_at": b"1", b"due_at": b"1", b"expires_at": b"9999999999999", b"0": b"3abc"}
    await redis.hset(JOB + "later", mapping=fields)  # type: ignore[arg-type]
    await redis.expire(JOB + "later", 60)
    assert (await record_of(redis, "later")).state == State.FAILED
    assert await job_store.retry(["later"]) == await job_store.delete(["later"]) == ["unknown"]
    assert await redis.hgetall(JOB + "later") == fields


async def test_the_timer_of_a_packed_job_is_dropped(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await ended(enqueuer, worker)
    await pack_all(redis, settings)
    await redis.zadd(arq_queue("default"), {job_id: 1})
    assert (await worker.claim()).foreign_jobs == []
    assert await redis.exists(arq_queue("default")) == 0


@pytest.mark.seconds(60)
async def test_a_full_redis_is_packed_too(settings: Settings) -> None:
    """It makes room."""
    with Valkey() as valkey:
        redis = connect(valkey.url)
        await EndedRecords(redis, settings).make("picture", 200)
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", used - 10_000)
        with pytest.raises(RedisError, match="maxmemory"):
            await redis.set("more", "x")
        ids = [one.decode() for one in await redis.lrange(UNPACKED, 0, -1)]
        packer = Packer(redis, settings, after_ms=-1)
        packed, more = 0, True
        while more:
            count, more = await packer.step()
            packed += count
        assert packed == len(ids)
        await redis.set("more", "x")
        await close(redis)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_packed_record_says_the_same(redis: ArqRedis, settings: Settings, kind: str, older: bool) -> None:
    (job_id,) = await EndedRecords(redis, settings).make(kind, 1)
    before, left = await record_of(redis, job_id), await redis.pttl(JOB + job_id)
    if older:
        await join_older_process(redis)
    assert await pack_all(redis, settings) > 0
    after = await record_of(redis, job_id)
    assert (await redis.hget(JOB + job_id, packing.FIRST) or b"")[:1] == (b"1" if older else b"2")
    assert await redis.object("encoding", JOB + job_id) in {b"listpack", b"ziplist"}
    changed = {"finished_at": (before.finished_at or 0) - PACK_AFTER_MS}
    if kind == "event":
        changed["expires_at"] = after.expires_at or 0
    else:
        assert left - 5_000 < await redis.pttl(JOB + job_id) <= left
    assert after == type(before)(**{name: getattr(before, name) for name in before.__slots__} | changed)
    assert await redis.llen(UNPACKED) == 0


async def join_older_process(redis: ArqRedis) -> None:
    """One that knows form 1 only, and therefore notes no form."""
    await redis.zadd(
        PROCESSES, {f"{Fingerprint('', frozenset())} web.1:10:00000000": clock.of_redis(await redis.time())}
    )
    await redis.expire(PROCESSES, 60)


async def test_a_form_that_a_living_process_cannot_read_waits_until_it_has_left(
    redis: ArqRedis, settings: Settings
) -> None:
    new = ProcessRegistry(redis, settings)
    assert await new.join() is None
    assert await form_for_all(redis) == packing.NEWEST
    await join_older_process(redis)
    assert await form_for_all(redis) == 1
    (older,) = [one for one in await redis.zrange(PROCESSES, 0, -1) if b"web.1" in one]
    await redis.zincrby(PROCESSES, -WORKER_MS - 1, older)
    assert await form_for_all(redis) == packing.NEWEST, "it is gone"
    later = older.replace(b" web.1", b" 9 web.1")
    await redis.zadd(PROCESSES, {later: clock.of_redis(await redis.time())})
    assert await form_for_all(redis) == packing.NEWEST, "what this version writes is known to later ones"
    await new.leave()


@pytest.mark.skipif(os.environ.get("TEST_REDIS", "valkey") != "valkey", reason="older servers take more for a key")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_ended_job_keeps_to_its_bytes(redis: ArqRedis, settings: Settings, kind: str) -> None:
    ids = await EndedRecords(redis, settings).make(kind, 300)  # indexes of more than 128 take the most for each
    assert (await measure(redis, ids)).total > AT_MOST_BYTES[kind]
    await pack_all(redis, settings)
    sizes = await measure(redis, ids)
    assert sizes.total <= AT_MOST_BYTES[kind], sizes


async def test_a_record_is_packed_only_after_a_while(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await ended(enqueuer, worker)
    packer = Packer(redis, settings)
    assert await packer.step() == await packer.step() == (0, False)
    assert not await redis.hexists(JOB + job_id, packing.FIRST)
    assert await redis.lrange(UNPACKED, 0, -1) == [job_id.encode()]


async def test_a_long_name_is_found_by_its_beginning(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    name = "ü" * 100
    job_id = await ended(enqueuer, worker, name=name)
    await pack_all(redis, settings)
    assert await redis.hget(JOB + job_id, "name") == ("ü" * 31).encode()
    assert (await record_of(redis, job_id)).name == name


async def test_a_job_that_runs_again_is_whole_again(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    blob = "a" * 64
    job_id = await ended(enqueuer, worker, "failed", params={"a": "b" * 100}, blobs=(blob,), batch=None)
    await pack_all(redis, settings)
    assert await redis.pttl(BLOB + blob) > BLOB_MS
    assert await job_store.retry([job_id]) == ["reopened"]
    job = await worker.one()
    assert (job.id, json.loads(job.params), job.attempt) == (job_id, {"a": "b" * 100}, 2)
    assert await worker.finish(job)
    assert await pack_all(redis, settings) == 1
    record = await record_of(redis, job_id)
    assert (record.state, [one["number"] for one in record.attempts]) == (State.SUCCEEDED, [1, 2])


async def test_one_that_runs_again_before_it_is_packed_is_left_alone(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await ended(enqueuer, worker, "failed")
    await redis.hincrby(JOB + job_id, "finished_at", -PACK_AFTER_MS)
    packer = Packer(redis, settings)
    assert await packer.step() == (0, True)
    await job_store.retry([job_id])
    assert await packer.step() == (0, False)
    assert (await record_of(redis, job_id)).state == State.QUEUED
    assert not await redis.hexists(JOB + job_id, packing.FIRST)


@pytest.mark.parametrize("verb", ["retry", "reopen", "delete"])
@pytest.mark.parametrize("what", ["job", "batch"])
async def test_one_that_is_packed_while_a_verb_is_on_its_way_is_restored_again(
    redis: ArqRedis,
    settings: Settings,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    job_store: JobStore,
    verb: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = await job_store.open_batch("dev")
    job_id = await ended(enqueuer, worker, "failed", batch=batch)
    assert await job_store.seal_batch("dev", batch)
    packed = job_id if what == "job" else batch
    await redis.delete(UNPACKED)
    await redis.rpush(UNPACKED, packed)
    await redis.hincrby(JOB + packed, "finished_at", -PACK_AFTER_MS)
    packer = Packer(redis, settings)
    assert await packer.step() == (0, True)
    restored = 0

    async def restore_and_pack(redis: ArqRedis, ids: list[str]) -> None:
        nonlocal restored
        restored += 1
        await restore(redis, ids)
        await packer.step()

    monkeypatch.setattr("tasks.queue.jobs.job_store.restore", restore_and_pack)
    by = await bulk_job(enqueuer, worker)
    calls: dict[str, Callable[[], Awaitable[list[str]]]] = {
        "retry": lambda: job_store.retry([job_id], by),
        "delete": lambda: job_store.delete([job_id], by),
        "reopen": lambda: job_store.reopen([job_id]),
    }
    assert await calls[verb]() == ["deleted" if verb == "delete" else "reopened"]
    if verb == "delete":
        assert await read(redis, job_id) is None
    else:
        assert (await record_of(redis, batch)).state is State.RUNNING
    assert restored == (1 if (what, verb) == ("batch", "delete") else 2)
    counts = {name: value for name, value in (await redis.hgetall(JOB + by.id)).items() if name.startswith(b"count:")}
    expected = {"retry": {b"count:reopened": b"1"}, "delete": {b"count:deleted": b"1"}, "reopen": {}}
    assert counts == expected[verb]


@pytest.mark.parametrize("verb", ["retry", "delete"])
async def test_a_bulk_step_that_dies_while_one_job_is_packed_has_counted_none(
    redis: ArqRedis,
    settings: Settings,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    job_store: JobStore,
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = await ended(enqueuer, worker, "failed")
    assert await pack_all(redis, settings) == 1
    by = await bulk_job(enqueuer, worker)
    queued = await submit(enqueuer)
    calls = {"retry": job_store.retry, "delete": job_store.delete}
    tries = 0

    async def die_the_second_time(_: ArqRedis, __: list[str]) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.queue.jobs.job_store.restore", die_the_second_time)
        with pytest.raises(RuntimeError, match="killed"):
            await calls[verb]([queued, packed], by)
    assert await redis.hget(JOB + by.id, "place") is None
    # Another worker does the step again.
    done = {"retry": "reopened", "delete": "deleted"}[verb]
    assert await calls[verb]([queued, packed], by) == ["queued", done]
    assert await redis.hmget(JOB + by.id, "count:queued", f"count:{done}", "place") == [b"1", b"1", b"2"]


async def bulk_job(enqueuer: Enqueuer, worker: FakeWorker) -> BulkStep:
    job_id = await submit(enqueuer, kind="bulk")
    return BulkStep(job_id, (await worker.one()).attempt, "2")


async def test_a_batch_is_restored_with_a_job_that_was_too_long_to_be_packed(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    batch = await job_store.open_batch("dev")
    job_id = await submit(enqueuer, batch=batch)
    assert await worker.finish(await worker.one(), "failed", fields=("result", secrets.token_hex(20_000)))
    assert await job_store.seal_batch("dev", batch)
    assert await pack_all(redis, settings) == 1
    assert await job_store.retry([job_id]) == ["reopened"]
    assert (await record_of(redis, batch)).state is State.RUNNING


async def test_a_batch_stays_whole_while_one_of_its_jobs_may_run_by_itself(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    batch = await job_store.open_batch("dev")
    later = await submit(enqueuer, after=(first,), batch=batch)
    assert await job_store.seal_batch("dev", batch)
    assert await worker.finish(await worker.one(), "failed", value=["failed", "It failed."])
    assert (await worker.claim()).jobs == []
    assert (await record_of(redis, batch)).state is State.FAILED
    await pack_all(redis, settings)
    assert await job_store.retry([first]) == ["reopened"]
    assert await worker.finish(await worker.one())
    assert (await worker.claim()).ids == [later]
    assert (await record_of(redis, batch)).state is State.RUNNING


async def test_verbs_know_a_packed_record(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    job_id = await ended(enqueuer, worker, blobs=("a" * 64,))
    await pack_all(redis, settings)
    assert await job_store.cancel(job_id) == "succeeded"
    assert await redis.hexists(JOB + job_id, packing.FIRST), "a question does not unpack it"
    assert await job_store.delete([job_id]) == ["deleted"]
    assert await read(redis, job_id) is None
    assert await redis.keys(f"{BLOB}*") == await redis.keys(f"{JOBS}*") == []


async def test_a_batch_that_was_packed_runs_again_with_its_job(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    batch = await job_store.open_batch("dev")
    job_id = await ended(enqueuer, worker, "failed", batch=batch)
    assert await job_store.seal_batch("dev", batch)
    assert await pack_all(redis, settings) == 2
    assert (await record_of(redis, batch)).state == State.FAILED
    assert await job_store.retry([job_id]) == ["reopened"]
    assert (await record_of(redis, batch)).state == State.RUNNING
    assert await worker.finish(await worker.one())
    assert (await record_of(redis, batch)).state == State.SUCCEEDED


@pytest.mark.parametrize("verb", ["succeeded", "failed"])
async def test_an_event_goes_with_its_last_delivery_unless_one_may_be_sent_again(
    redis: ArqRedis, settings: Settings, verb: str
) -> None:
    (delivery,) = await EndedRecords(redis, settings).make("delivery", 1)
    event = (await record_of(redis, delivery)).event
    if verb == "failed":
        await redis.hset(JOB + (event or ""), mapping={"tally:failed": 1, "tally:succeeded": 0})
    await pack_all(redis, settings)
    day_ms = settings.keep_succeeded_deliveries_s * 1000
    kept_ms = await redis.pttl(f"{JOB}{event}") - settings.tombstone_s * 1000
    assert (kept_ms <= day_ms) == (verb == "succeeded")
    if verb == "succeeded":
        assert await redis.pttl(f"{JOB}{delivery}") <= await redis.pttl(f"{JOB}{event}") + 5_000
