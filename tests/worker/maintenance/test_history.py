"""The reconciliation of a real engine moves ended records into the storage, and the cleanup lets them expire."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.history.archive import FOLDER
from tasks.history.store import History
from tasks.history.upkeep import WAIT_MS
from tasks.maintenance.storage_owner import adopt_storage
from tasks.maintenance.sweep import sweep
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read
from tasks.queue.redis_keys import AFTER, HISTORY, HISTORY_ERASURES, JOB
from tasks.settings import DAY_S, Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.blobs import put
from tests.support.engine_running import JobClient, settings_for, working
from tests.support.queue.ended_records import EndedRecords
from tests.support.queue.history import archived_text, let_expire, let_pass, move


@pytest.fixture
def settings(redis: ArqRedis, tmp_path: Path) -> Settings:
    changes = {"storage_url": f"file://{tmp_path / 'storage'}", "history": "storage"}
    return settings_for(redis).model_copy(update=changes)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


async def run(job_client: JobClient, kind: str) -> dict[str, object]:
    """The result of a job of this kind."""
    enqueued = await job_client.enqueuer.enqueue(Submission(kind, "default", "dev", json.dumps({})))
    record = await job_client.ended(enqueued.job_id)
    assert record.state == "succeeded", record.error
    assert record.result is not None
    return record.result


async def test_a_record_moves_is_erased_and_expires(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
) -> None:
    history = History(redis, storage, settings)
    deleted, kept, young = ids = await EndedRecords(redis, settings).make("picture", 3)
    await let_expire(redis, ids[:2], ago_ms=WAIT_MS)
    async with working(redis, settings, kinds=KINDS, storage=storage):
        assert (await run(job_client, "reconciliation"))["moved"] == 2
        assert await read(redis, deleted) is None
        assert await read(redis, young) is not None
        assert await history.find(kept) is not None
        await history.erase(deleted)
        assert (await run(job_client, "cleanup"))["history_deleted"] == 0
        assert deleted not in await archived_text(storage)
        assert await history.find(kept) is not None
    shorter = settings.model_copy(update={"keep_history_s": 0, "history": "off"})
    async with working(redis, shorter, kinds=KINDS, storage=storage):
        assert (await run(job_client, "cleanup"))["history_deleted"] == 1
    assert await history.find(kept) is None
    assert await storage.object_names(FOLDER) == []


async def test_a_redis_that_is_lost_before_the_first_cleanup_takes_its_history_over(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
) -> None:
    (job_id,) = await EndedRecords(redis, settings).make("picture", 1)
    await let_expire(redis, [job_id], ago_ms=WAIT_MS)
    async with working(redis, settings, kinds=KINDS, storage=storage):
        assert (await run(job_client, "reconciliation"))["moved"] == 1
    await redis.flushall()
    history = History(redis, storage, settings)
    assert await history.find(job_id) is None
    await adopt_storage(redis, storage)
    assert await history.find(job_id) is not None


async def test_an_object_that_cannot_be_read_fails_no_cleanup_and_is_counted(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient, tmp_path: Path
) -> None:
    ids = await EndedRecords(redis, settings).make("picture", 2)
    await let_expire(redis, ids)
    for job_id in ids:
        await move(redis, storage, [job_id])
    await History(redis, storage, settings).erase(ids[0])
    first, second = await storage.object_names(FOLDER)
    place = tmp_path / "storage" / first
    place.unlink()
    place.symlink_to(place)  # no user may open it, not even root
    shorter = settings.model_copy(update={"keep_history_s": 0})
    async with working(redis, shorter, kinds=KINDS, storage=storage):
        result = await run(job_client, "cleanup")
    assert (result["history_deleted"], result["history_unreadable"]) == (1, 1)
    assert await storage.get_object(second) is None


async def test_off_nothing_moves(redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient) -> None:
    off = settings.model_copy(update={"history": "off"})
    (job_id,) = await EndedRecords(redis, off).make("picture", 1)
    await let_expire(redis, [job_id], ago_ms=DAY_S * 1000)
    async with working(redis, off, kinds=KINDS, storage=storage):
        assert (await run(job_client, "reconciliation"))["moved"] == 0
        assert (await run(job_client, "cleanup"))["history_deleted"] == 0
    assert await redis.exists(JOB + job_id)
    assert await redis.keys(f"{HISTORY}*") == []
    assert await storage.object_names(FOLDER) == []


async def test_a_storage_that_is_away_does_not_hold_up_the_reconciliation(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient, tmp_path: Path
) -> None:
    (job_id,) = await EndedRecords(redis, settings).make("picture", 1)
    await let_expire(redis, [job_id], ago_ms=WAIT_MS)
    (tmp_path / "storage" / FOLDER).write_text("a file where the folder should be")
    async with working(redis, settings, kinds=KINDS, storage=storage):
        assert (await run(job_client, "reconciliation"))["moved"] == 0
        assert await read(redis, job_id) is not None
        (tmp_path / "storage" / FOLDER).unlink()
        assert (await run(job_client, "reconciliation"))["moved"] == 1


async def test_an_object_that_cannot_be_read_does_not_hold_up_others(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient, tmp_path: Path
) -> None:
    first, second = ids = await EndedRecords(redis, settings).make("picture", 2)
    await let_expire(redis, ids, ago_ms=WAIT_MS)
    assert await move(redis, storage, [first]) == 1
    (name,) = await storage.object_names(FOLDER)
    place = tmp_path / "storage" / name
    place.unlink()
    place.symlink_to(place)
    await History(redis, storage, settings).erase(first)
    async with working(redis, settings, kinds=KINDS, storage=storage):
        assert (await run(job_client, "reconciliation"))["moved"] == 1
    assert await read(redis, second) is None
    assert await redis.exists(HISTORY_ERASURES)


async def test_a_job_with_keep_leaves_redis_after_a_day_and_its_files_stay(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
) -> None:
    blob = await put(storage, b"the bytes of a picture")
    submission = Submission("cleanup", "default", "dev", json.dumps({}), blobs=(blob.sha256,), keep_s=90 * DAY_S)
    repeated = settings.model_copy(update={"idempotency_s": 3 * DAY_S})
    async with working(redis, repeated, kinds=KINDS, storage=storage):
        job_id = (await job_client.enqueuer.enqueue(submission)).job_id
        await job_client.ended(job_id)
        await let_pass(redis, [job_id], 2 * DAY_S * 1000 + WAIT_MS)
        assert (await run(job_client, "reconciliation"))["moved"] == 0, "a repeat of its submit would find it"
        await let_pass(redis, [job_id], DAY_S * 1000)
        await redis.sadd(AFTER + job_id, "f" * 32)
        assert (await run(job_client, "reconciliation"))["moved"] == 0, "another job waits for it"
        assert await storage.object_names(FOLDER) == [], "so it is not written each time either"
        await redis.delete(AFTER + job_id)
        assert (await run(job_client, "reconciliation"))["moved"] == 1
    assert await read(redis, job_id) is None
    assert await History(redis, storage, settings).find(job_id) is not None
    assert [step.deleted async for step in sweep(redis, storage, before=datetime.now(UTC), dry_run=False)] == [0]
    assert await storage.size(blob.sha256) == blob.bytes
