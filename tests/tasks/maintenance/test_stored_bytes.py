"""What owners have in the storage: added up as it changes, and corrected by the nightly cleanup."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.accounts.usage import EPOCH, UsageStore
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.maintenance.stored_bytes import StoredCount
from tasks.maintenance.sweep import sweep
from tasks.queue.account_keys import STORED, USAGE
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import JOB, UNNEEDED_OF
from tasks.settings import DAY_S, Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage, StoredBlob
from tasks.uploads.store import forget, keep
from tests.support.blobs import put
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


@pytest.fixture
def storage(settings: Settings, tmp_path: Path) -> Storage:
    return open_storage(settings.model_copy(update={"storage_url": f"file://{tmp_path / 'stored'}"}))


async def stored(redis: ArqRedis, owner: str = "dev") -> int:
    return (await UsageStore(redis).bytes_used(owner)).stored


async def test_uploads_bodies_and_outputs_count_once(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    upload, body, output = (
        await put(storage, b"u" * 10),
        await put(storage, b"b" * 200),
        await put(storage, b"o" * 3000),
    )
    for _ in range(2):
        await keep(redis, "dev", upload, name=None, seconds=60, storage=storage)
    assert await stored(redis) == 10
    await submit(enqueuer, blobs=(upload.sha256, body.sha256), received={body.sha256: body.bytes})
    assert await stored(redis) == 210
    sizes = {output.sha256: output.bytes}
    await worker.finish(await worker.one(), blobs=[output.sha256], bytes=output.bytes, sizes=sizes, cpu_ms=70)
    assert await stored(redis) == 3210
    (day,), _ = await UsageStore(redis).days("dev", (today := datetime.now(UTC).date()) - timedelta(days=1), today)
    assert (day.bytes_in, day.bytes_out, day.stored_bytes) == (220, 3000, 3210)
    assert (day.jobs, day.cpu_ms) == ({"echo": {"succeeded": 1}}, {"echo": 70})


async def test_what_is_deleted_is_taken_away_with_its_bytes(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    shared, own = await put(storage, b"s" * 10), await put(storage, b"o" * 200)
    upload = await keep(redis, "dev", shared, name=None, seconds=60, storage=storage)
    job = await submit(enqueuer, blobs=(shared.sha256, own.sha256), received={own.sha256: own.bytes})
    await worker.finish(await worker.one())
    await forget(redis, upload)
    await delete_unneeded(redis, storage, grace_s=0, until=float("inf"))
    assert await stored(redis) == 210, "the job still needs it"
    await JobStore(redis, settings).delete([job])
    await delete_unneeded(redis, storage, grace_s=0, until=float("inf"))
    assert await stored(redis) == 0
    assert not await redis.exists(UNNEEDED_OF)


async def test_the_cleanup_counts_what_there_is(redis: ArqRedis, storage: Storage) -> None:
    one, two = await put(storage, b"1" * 10), await put(storage, b"2" * 200)
    for owner in ("dev", "other"):
        await keep(redis, owner, one, name=None, seconds=60, storage=storage)
    await keep(redis, "dev", two, name=None, seconds=60, storage=storage)
    await redis.hset(STORED, mapping={"dev": 999, "gone": 5})
    count = await StoredCount.begin(redis)
    await redis.hincrby(STORED, "dev", 1)
    async for _ in sweep(redis, storage, before=datetime.now(UTC), dry_run=False, count=count):
        pass
    await count.end()
    assert [await stored(redis, owner) for owner in ("dev", "other", "gone")] == [211, 10, 0]


async def test_a_job_that_is_kept_counts_for_as_long_also_when_its_record_is_packed(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    original, output = await put(storage, b"i" * 10), await put(storage, b"o" * 200)
    job = await submit(enqueuer, blobs=(original.sha256,), received={original.sha256: 10}, keep_s=400 * DAY_S)
    await worker.finish(await worker.one(), blobs=[output.sha256], bytes=200, sizes={output.sha256: 200})
    assert await pack_all(redis, settings) == 1
    count = await StoredCount.begin(redis)
    await count.add([StoredBlob(one.sha256, one.bytes, datetime.now(UTC)) for one in (original, output)])
    await count.end()
    assert await stored(redis) == 210
    assert await redis.pttl(JOB + job) > 399 * DAY_S * 1000


async def test_old_days_are_removed(redis: ArqRedis) -> None:
    store, today = UsageStore(redis), datetime.now(UTC).date()
    for age in (0, 2, 3):
        key = f"{USAGE}dev:{(today - timedelta(days=age) - EPOCH).days}"
        await redis.hset(key, "in", 1)
        await redis.expire(key, 60)
    assert await store.expire(2) == 1
    assert len(await store.days("dev", today - timedelta(days=5), today)) == 2
