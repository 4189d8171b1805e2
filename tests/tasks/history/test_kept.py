"""Jobs with `keep` leave Redis a day after their end, and their files stay for as long as they are kept."""

import json
import time
from datetime import UTC, datetime

import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.history.archive import FOLDER
from tasks.history.store import History
from tasks.history.upkeep import HistoryUpkeep
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.maintenance.storage_owner import adopt_storage
from tasks.maintenance.stored_bytes import StoredCount
from tasks.maintenance.sweep import sweep
from tasks.queue.account_keys import STORED
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import AFTER, BLOB, DAY_MS, HISTORY_ERASURES, JOB
from tasks.settings import DAY_S, Settings
from tasks.storage.protocol import BlobMissing, Storage
from tests.support.blobs import put
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.history import archived_text, broken, let_pass, move, tidy
from tests.support.queue.submissions import record_of, submit

KEPT_S = 90 * DAY_S


class KeptJob:
    """A job that is kept for 90 days, with an input and an output."""

    def __init__(self, job_id: str, original: BlobRef, output: BlobRef) -> None:
        self.id, self.blobs = job_id, (original, output)

    @classmethod
    async def make(cls, enqueuer: Enqueuer, worker: FakeWorker, storage: Storage, text: str = "") -> "KeptJob":
        original, output = await put(storage, f"in{text}".encode()), await put(storage, f"out{text}".encode())
        received = {original.sha256: original.bytes}
        job_id = await submit(enqueuer, blobs=(original.sha256,), received=received, keep_s=KEPT_S)
        files = [{"name": "a.jpg", "blob": output.sha256, "type": "image/jpeg", "bytes": output.bytes, "about": {}}]
        sizes = {output.sha256: output.bytes}
        claimed = await worker.one()
        blobs, size = [output.sha256], output.bytes
        fields = ("files", json.dumps(files))
        assert await worker.finish(claimed, fields=fields, blobs=blobs, bytes=size, sizes=sizes)
        return cls(job_id, original, output)

    async def exist(self, storage: Storage) -> bool:
        try:
            return all([await storage.size(blob.sha256) == blob.bytes for blob in self.blobs])
        except BlobMissing:
            return False


@pytest.fixture
async def job(enqueuer: Enqueuer, worker: FakeWorker, storage: Storage) -> KeptJob:
    return await KeptJob.make(enqueuer, worker, storage)


async def moved(redis: ArqRedis, storage: Storage, *jobs: KeptJob, after_ms: int = DAY_MS) -> int:
    ids = [job.id for job in jobs]
    await let_pass(redis, ids, after_ms)
    return await move(redis, storage, ids, in_redis_ms=DAY_MS)


async def swept(redis: ArqRedis, storage: Storage) -> int:
    steps = sweep(redis, storage, before=datetime.now(UTC), dry_run=False)
    return sum([step.deleted async for step in steps])


@pytest.mark.parametrize("packed", [True, False])
async def test_the_record_leaves_and_its_files_stay(
    redis: ArqRedis, storage: Storage, settings: Settings, history: History, job: KeptJob, packed: bool
) -> None:
    if packed:
        assert await pack_all(redis, settings) == 1
    assert await moved(redis, storage, job, after_ms=DAY_MS - 60_000) == 0, "for a day it is listed"
    await let_pass(redis, [job.id], 60_000)
    before = await record_of(redis, job.id)
    assert await moved(redis, storage, job, after_ms=0) == 1
    assert not await redis.exists(JOB + job.id)
    assert await history.find(job.id) == before
    assert await swept(redis, storage) == 0
    assert await job.exist(storage)
    for blob in job.blobs:
        assert await redis.pttl(BLOB + blob.sha256) > 89 * DAY_MS
        assert not await redis.sismember(BLOB + blob.sha256, job.id), "what is gone needs nothing"


async def test_without_keep_or_without_a_history_it_stays_in_redis(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, job: KeptJob
) -> None:
    other = await submit(enqueuer)
    await worker.finish(await worker.one())
    await redis.hset(JOB + other, mapping={"keep_ms": KEPT_S * 1000, "expires_at": int(time.time() + KEPT_S) * 1000})
    await let_pass(redis, [other, job.id], 2 * DAY_MS)
    assert await move(redis, storage, [other], in_redis_ms=DAY_MS) == 0, "a schedule keeps its runs so"
    assert await move(redis, storage, [job.id], in_redis_ms=None) == 0


async def test_a_job_that_others_wait_for_stays(redis: ArqRedis, storage: Storage, job: KeptJob) -> None:
    await redis.sadd(AFTER + job.id, "f" * 32)
    assert await moved(redis, storage, job) == 0
    assert await redis.exists(JOB + job.id)
    await redis.delete(AFTER + job.id)
    assert await moved(redis, storage, job) == 1


async def test_its_files_go_with_its_time(redis: ArqRedis, storage: Storage, job: KeptJob) -> None:
    await let_pass(redis, [job.id], 90 * DAY_MS - 1000)  # the last moment
    assert await move(redis, storage, [job.id], in_redis_ms=DAY_MS) == 1
    assert await swept(redis, storage) == 0
    holders = {one: await redis.smembers(BLOB + one.sha256) for one in job.blobs}
    for blob, ((holder),) in holders.items():
        seconds, rest = holder.decode().removeprefix("kept:").split("/", 1)
        assert abs(int(seconds) - time.time()) < 5
        await redis.srem(BLOB + blob.sha256, holder)
        await redis.sadd(BLOB + blob.sha256, f"kept:{int(seconds) - 3600}/{rest}")
    assert await swept(redis, storage) == 2
    assert not await job.exist(storage)


async def test_its_bytes_count_for_its_owner(redis: ArqRedis, storage: Storage, job: KeptJob) -> None:
    before = await redis.hget(STORED, "dev")
    assert before == b"5"
    await moved(redis, storage, job)
    assert await redis.hget(STORED, "dev") == before
    count = await StoredCount.begin(redis)
    async for _ in sweep(redis, storage, before=datetime.now(UTC), dry_run=False, count=count):
        pass
    await count.end()
    assert await redis.hget(STORED, "dev") == before


async def test_a_deletion_takes_record_files_and_original(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History, job: KeptJob
) -> None:
    same = await KeptJob.make(enqueuer, worker, storage)
    other = await KeptJob.make(enqueuer, worker, storage, "other")
    assert await moved(redis, storage, job, same, other) == 3
    for erased, left in ((job, 0), (other, 2), (same, 2)):
        assert await history.erase(erased.id, await history.find(erased.id))
        assert await history.find(erased.id) is None
        deleted = await delete_unneeded(redis, storage, grace_s=0, until=time.monotonic() + 60)
        assert deleted == left, "another job may have the same bytes"
    assert await redis.hget(STORED, "dev") in (None, b"0")
    await tidy(redis, storage)
    assert job.id not in await archived_text(storage)


async def test_it_outlives_the_history_of_others(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History, job: KeptJob
) -> None:
    erased = await KeptJob.make(enqueuer, worker, storage, "erased")
    plain = await submit(enqueuer)
    await worker.finish(await worker.one())
    await redis.hset(JOB + plain, "expires_at", 1)
    await let_pass(redis, [job.id, erased.id], DAY_MS)
    assert await move(redis, storage, [job.id, erased.id, plain], in_redis_ms=DAY_MS) == 3
    before = await history.find(job.id)
    await history.erase(erased.id)
    upkeep = HistoryUpkeep(redis, storage)
    assert await upkeep.expire(-1) == 2
    assert await history.find(job.id) == before
    assert await history.find(plain) is None
    assert await history.find(erased.id) is None
    assert len(await storage.object_names(FOLDER)) == 1
    assert await upkeep.expire(-1) == 0, "it is carried on"
    assert await history.find(job.id) == before
    assert await upkeep.expire(-100 * DAY_MS) == 1, "its own time is over"
    assert await storage.object_names(FOLDER) == []


async def test_one_that_is_erased_while_it_is_carried_on_stays_erased(
    redis: ArqRedis, storage: Storage, history: History, job: KeptJob
) -> None:
    await moved(redis, storage, job)

    async def erase() -> None:
        await history.erase(job.id, await history.find(job.id))

    await HistoryUpkeep(redis, broken(storage, before=erase)).expire(-1)
    assert await history.find(job.id) is None
    await tidy(redis, storage)
    assert await storage.object_names(FOLDER) == []
    assert not await redis.exists(HISTORY_ERASURES)


async def test_its_files_survive_the_loss_of_redis(
    redis: ArqRedis, storage: Storage, history: History, job: KeptJob
) -> None:
    await adopt_storage(redis, storage)
    await moved(redis, storage, job)
    before = await history.find(job.id)
    await redis.flushall()
    await adopt_storage(redis, storage)
    assert await history.find(job.id) == before
    assert await swept(redis, storage) == 0
    assert await job.exist(storage)
