"""The bytes of deleted jobs, uploads and schedules go within minutes, and no byte that something still needs."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.maintenance.storage_owner import MARKER
from tasks.maintenance.sweep import BATCH
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import SWEEPING_MS, SWEPT, UNNEEDED
from tasks.settings import Settings
from tasks.storage.protocol import Storage, StorageUnavailable
from tasks.uploads.store import find_upload, forget, keep
from tests.support.blobs import put
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit

GRACE_S = 300.0


@pytest.fixture
def job_store(redis: ArqRedis, settings: Settings) -> JobStore:
    return JobStore(redis, settings)


async def written(storage: Storage, folder: Path, content: bytes = b"content") -> BlobRef:
    """A blob that was written some time ago."""
    blob = await put(storage, content)
    at = time.time() - 2 * GRACE_S
    os.utime(folder / "blobs" / blob.sha256[:2] / blob.sha256, (at, at))
    return blob


async def later(redis: ArqRedis) -> None:
    """Let the grace period be over for what was deleted until now."""
    for sha256, at in await redis.zrange(UNNEEDED, 0, -1, withscores=True):
        await redis.zadd(UNNEEDED, {sha256: at - GRACE_S * 1000 - 1})


async def deleted(redis: ArqRedis, storage: Storage) -> int:
    return await delete_unneeded(redis, storage, grace_s=GRACE_S, until=time.monotonic() + 60)


async def there(storage: Storage) -> set[str]:
    return {blob.sha256 async for blob in storage.blobs()}


async def ended(enqueuer: Enqueuer, worker: FakeWorker, *blobs: BlobRef, output: BlobRef | None = None) -> str:
    """A job that has succeeded."""
    job_id = await submit(enqueuer, blobs=tuple(blob.sha256 for blob in blobs))
    job = await worker.one()
    made = [output.sha256] if output else []
    files = json.dumps([{"name": "a", "type": "b", "bytes": 1, "blob": sha256} for sha256 in made])
    await worker.finish(job, "succeeded", fields=("files", files), blobs=made)
    return job_id


async def test_inputs_and_outputs_of_a_deleted_job_go_after_the_grace_period(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    given, made = await written(storage, tmp_path), await written(storage, tmp_path, b"made")
    job_id = await ended(enqueuer, worker, given, output=made)
    assert await job_store.delete([job_id]) == ["deleted"]
    assert await deleted(redis, storage) == 0
    assert await there(storage) == {given.sha256, made.sha256}
    await later(redis)
    assert await deleted(redis, storage) == 2
    assert await there(storage) == set()
    assert await redis.exists(UNNEEDED) == 0


async def test_bytes_that_another_record_needs_stay_until_that_is_deleted_too(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    blob = await written(storage, tmp_path)
    first, second = [await ended(enqueuer, worker, blob) for _ in range(2)]
    upload = await keep(redis, "dev", blob, name=None, seconds=1000, storage=storage)
    for holder in (first, second):
        await job_store.delete([holder])
        await later(redis)
        assert await deleted(redis, storage) == 0
        assert await there(storage) == {blob.sha256}
    await forget(redis, upload)
    await later(redis)
    assert await deleted(redis, storage) == 1
    assert await find_upload(redis, "dev", upload.id) is None


async def test_what_was_written_again_meanwhile_is_younger(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    """Its writer may be about to say who needs it."""
    blob = await written(storage, tmp_path)
    await job_store.delete([await ended(enqueuer, worker, blob)])
    await later(redis)
    await put(storage)
    assert await deleted(redis, storage) == 0
    assert await redis.zscore(UNNEEDED, blob.sha256) is not None
    await written(storage, tmp_path)
    await later(redis)
    assert await deleted(redis, storage) == 1


async def test_the_same_bytes_can_be_deleted_twice_within_an_hour(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    for _ in range(2):
        blob = await written(storage, tmp_path)
        await job_store.delete([await ended(enqueuer, worker, blob)])
        await later(redis)
        assert await deleted(redis, storage) == 1
        assert await there(storage) == set()


async def test_many_at_once_are_all_deleted(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    """Those of one script were given up at the same time."""
    blobs = [await written(storage, tmp_path, str(n).encode()) for n in range(BATCH + 10)]
    await job_store.delete([await ended(enqueuer, worker, *blobs)])
    await later(redis)
    assert await deleted(redis, storage) == len(blobs)
    assert await there(storage) == set()


class InterruptedStorage:
    """A storage that something comes between."""

    def __init__(self, storage: Storage, **steps: Any) -> None:
        self._storage, self._steps = storage, steps

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any) -> Any:
            if name in self._steps:
                await self._steps[name]()
            return await getattr(self._storage, name)(*args)

        return call


async def test_what_is_given_up_again_during_a_look_is_looked_at_again(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    blob, other = await written(storage, tmp_path), await written(storage, tmp_path, b"other")
    first, second = await ended(enqueuer, worker, blob, other), await ended(enqueuer, worker, blob)
    await job_store.delete([first])
    await later(redis)

    async def delete_the_other() -> None:
        assert await job_store.delete([second]) == ["deleted"]

    assert await deleted(redis, InterruptedStorage(storage, find=delete_the_other)) == 1
    assert await there(storage) == {blob.sha256}
    await later(redis)
    assert await deleted(redis, storage) == 1


async def test_a_run_that_dies_leaves_its_blobs_to_the_next(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    blob = await written(storage, tmp_path)
    await job_store.delete([await ended(enqueuer, worker, blob)])
    await later(redis)

    async def die() -> None:
        raise StorageUnavailable("away")

    with pytest.raises(StorageUnavailable):
        await deleted(redis, InterruptedStorage(storage, delete=die))
    mark = int((await redis.get(SWEPT + blob.sha256)) or 0)
    assert await deleted(redis, storage) == 0  # the dead one may be deleting it still
    await redis.set(SWEPT + blob.sha256, mark - SWEEPING_MS, keepttl=True)
    await later(redis)
    assert await deleted(redis, storage) == 1


async def test_a_storage_of_another_installation_keeps_its_bytes(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, tmp_path: Path
) -> None:
    blob = await written(storage, tmp_path)
    await job_store.delete([await ended(enqueuer, worker, blob)])
    await later(redis)
    await storage.put_object(MARKER, b'{"installation": "another"}')
    assert await deleted(redis, storage) == 0
    assert await there(storage) == {blob.sha256}
    assert await redis.exists(UNNEEDED) == 0
