"""Exchanges of failed attempts go with their deliveries: those of deleted ones within a minute, the rest at night."""

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.maintenance.exchanges import AT_ONCE, delete_exchanges, sweep_exchanges
from tasks.maintenance.storage_owner import MARKER
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import JOB, LINGER_MS, UNNEEDED_EXCHANGES, UNNEEDED_MS
from tasks.settings import Settings
from tasks.storage.protocol import Storage, StorageUnavailable
from tasks.webhook.exchanges.files import FOLDER, KEPT, delivery_of, path_of
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit

BEFORE = timedelta(hours=3)


@pytest.fixture
def job_store(redis: ArqRedis, settings: Settings) -> JobStore:
    return JobStore(redis, settings)


async def delivery(
    enqueuer: Enqueuer, worker: FakeWorker, storage: Storage, *verbs: str, kept: Sequence[int] | None = None
) -> str:
    """A delivery whose attempts ended so. kept: those that have left a file; by default each that failed."""
    params = json.dumps({"event": "e", "endpoint": "p"})
    job_id = await submit(enqueuer, kind="delivery", params=params)
    for number, verb in enumerate(verbs, 1):
        job = await worker.one()
        is_kept = verb != "succeeded" if kept is None else number in kept
        await worker.finish(job, verb, about={KEPT: True} if is_kept else {"status": 503})
        if is_kept:
            await storage.put_object(path_of(job_id, number), b"{}")
    return job_id


async def names(storage: Storage) -> set[str]:
    return {one.name async for one in storage.objects(FOLDER)}


def grow_old(folder: Path) -> None:
    at = time.time() - 2 * BEFORE.total_seconds()
    for path in folder.rglob("*.json"):
        os.utime(path, (at, at))


async def swept(redis: ArqRedis, storage: Storage, *, dry_run: bool = False) -> int:
    before = datetime.now(UTC) - BEFORE
    return sum([one async for one in sweep_exchanges(redis, storage, before=before, dry_run=dry_run)])


async def deleted(redis: ArqRedis, storage: Storage) -> int:
    return await delete_exchanges(redis, storage, until=time.monotonic() + 60)


async def test_those_of_a_deleted_delivery_go(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker
) -> None:
    gone = await delivery(enqueuer, worker, storage, "retrying", "retrying", "failed")
    late = await delivery(enqueuer, worker, storage, "retrying", "succeeded")
    clean = await delivery(enqueuer, worker, storage, "succeeded")
    stays = await delivery(enqueuer, worker, storage, "failed")
    assert len(await names(storage)) == 5
    assert await job_store.delete([gone, late, clean]) == ["deleted"] * 3
    assert await redis.zscore(UNNEEDED_EXCHANGES, clean) is None, "it has none"
    assert 0 < await redis.pttl(UNNEEDED_EXCHANGES) <= UNNEEDED_MS
    assert await deleted(redis, storage) == 2
    assert await names(storage) == {path_of(stays, 1)}
    assert await redis.exists(UNNEEDED_EXCHANGES) == 0


async def test_only_deliveries_that_have_some_are_noted(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker
) -> None:
    """With KEEP_EXCHANGE_BYTES=0 none has, and Redis and the storage have no work with them."""
    none = await delivery(enqueuer, worker, storage, "retrying", "failed", kept=())
    first = await delivery(enqueuer, worker, storage, "retrying", "retrying", "succeeded", kept=(1,))
    assert await job_store.delete([none, first]) == ["deleted"] * 2
    assert await redis.zrange(UNNEEDED_EXCHANGES, 0, -1, withscores=True) == [(first.encode(), 1.0)]
    assert await deleted(redis, storage) == 1
    assert await names(storage) == set()


async def test_those_of_a_delivery_that_is_there_again_stay(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker
) -> None:
    """The id of a delivery follows from its event and its endpoint, so a recovery makes the same one again."""
    job_id = await delivery(enqueuer, worker, storage, "retrying", "failed")
    gone = await delivery(enqueuer, worker, storage, "failed")
    assert await job_store.delete([job_id, gone]) == ["deleted"] * 2
    await submit(enqueuer, kind="delivery", params=json.dumps({"event": "e", "endpoint": "p"}), job_id=job_id)
    await worker.finish(await worker.one(), "retrying", about={KEPT: True})
    await storage.put_object(path_of(job_id, 1), b"{}")
    await deleted(redis, storage)
    assert path_of(job_id, 1) in await names(storage)
    assert path_of(gone, 1) not in await names(storage)
    assert await redis.exists(UNNEEDED_EXCHANGES) == 0
    await job_store.cancel(job_id)
    assert await job_store.delete([job_id]) == ["deleted"]
    await deleted(redis, storage)
    assert path_of(job_id, 1) not in await names(storage)


async def test_many_are_deleted_in_batches_and_what_is_left_the_next_time(redis: ArqRedis, storage: Storage) -> None:
    ids = [f"{number:032x}" for number in range(2 * AT_ONCE + 1)]
    await redis.zadd(UNNEEDED_EXCHANGES, dict.fromkeys(ids, 2))
    assert await delete_exchanges(redis, storage, until=time.monotonic()) == 0
    assert await deleted(redis, storage) == len(ids)


async def test_in_the_storage_of_another_installation_they_are_only_forgotten(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker
) -> None:
    job_id = await delivery(enqueuer, worker, storage, "failed")
    await storage.put_object(MARKER, json.dumps({"installation": "another"}).encode())
    await job_store.delete([job_id])
    assert await deleted(redis, storage) == 1
    assert await names(storage) == {path_of(job_id, 1)}
    assert await redis.exists(UNNEEDED_EXCHANGES) == 0


async def test_while_the_storage_is_away_they_stay_noted(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    job_id = await delivery(enqueuer, worker, storage, "failed")
    await job_store.delete([job_id])
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    tmp_path.write_bytes(b"in the way")
    with pytest.raises(StorageUnavailable):
        await deleted(redis, storage)
    tmp_path.unlink()
    tmp_path.with_name("elsewhere").rename(tmp_path)
    assert await deleted(redis, storage) == 1
    assert await names(storage) == set()


async def test_at_night_those_go_that_no_record_needs(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
) -> None:
    waits = await delivery(enqueuer, worker, storage, "retrying")
    expired, lingers = "e" * 32, "f" * 32
    now_ms = int(time.time() * 1000)
    for job_id, expires_at in ((expired, now_ms - LINGER_MS - 1), (lingers, now_ms - 1000)):
        await redis.hset(JOB + job_id, mapping={"state": "failed", "expires_at": expires_at})
        await redis.pexpire(JOB + job_id, 60_000)
        await storage.put_object(path_of(job_id, 1), b"{}")
    unknown = [f"{number:032x}" for number in range(AT_ONCE + 1)]
    for job_id in unknown:
        await storage.put_object(path_of(job_id, 3), b"{}")
    await storage.put_object(f"{FOLDER}/README", b"of somebody")
    assert await swept(redis, storage) == 0, "all are young"
    grow_old(tmp_path)
    assert await swept(redis, storage, dry_run=True) == AT_ONCE + 2
    assert len(await names(storage)) == AT_ONCE + 5
    assert await swept(redis, storage) == AT_ONCE + 2
    assert await names(storage) == {path_of(waits, 1), path_of(lingers, 1), f"{FOLDER}/README"}


def test_a_name_says_whose_it_is() -> None:
    assert delivery_of(path_of("a" * 32, 17)) == "a" * 32
    for name in ("exchanges/aa/b", f"blobs/aa/{'a' * 32}-1.json", f"{path_of('a' * 32, 1)}#1"):
        assert delivery_of(name) is None
