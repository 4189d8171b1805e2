"""Blobs that nobody needs are deleted, those that somebody needs are there: whatever comes between the steps."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.catalogue import KINDS
from tasks.maintenance.sweep import BATCH, Swept, sweep
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import (
    BLOB,
    BLOB_MS,
    JOB,
    LINGER_MS,
    ROOT,
    SCHEDULE,
    SWEEPING_MS,
    SWEPT,
    SWEPT_MS,
    UPLOAD,
)
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.uploads.store import find_upload, forget, keep
from tests.support.blobs import put
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submission, submit
from worker.attempts.running import ClaimedJob

HOUR = timedelta(hours=1)
Step = Callable[[], Awaitable[None]]


async def old(storage: Storage, folder: Path, content: bytes = b"content") -> BlobRef:
    """A blob that was written long ago."""
    blob = await put(storage, content)
    os.utime(folder / "blobs" / blob.sha256[:2] / blob.sha256, (0, 0))
    return blob


async def clean(redis: ArqRedis, storage: Any, *, dry_run: bool = False) -> Swept:
    """A whole sweep of what is older than an hour."""
    steps = [one async for one in sweep(redis, storage, before=datetime.now(UTC) - HOUR, dry_run=dry_run)]
    return Swept(sum(one.examined for one in steps), sum(one.deleted for one in steps), sum(one.bytes for one in steps))


async def there(storage: Storage) -> set[str]:
    return {blob.sha256 async for blob in storage.blobs()}


class Slow:
    """A storage in whose deletions something comes before and after the bytes go."""

    def __init__(self, storage: Storage, *, before: Step | None = None, after: Step | None = None) -> None:
        self._storage = storage
        self._before, self._after = before, after
        self.blobs = storage.blobs

    async def delete(self, shas: Iterable[str]) -> None:
        if self._before:
            await self._before()
        await self._storage.delete(shas)
        if self._after:
            await self._after()


class TestWhoNeedsABlob:
    async def test_nobody_needs_one_that_no_one_asked_for(
        self, redis: ArqRedis, storage: Storage, tmp_path: Path
    ) -> None:
        blobs = [await old(storage, tmp_path, bytes(n)) for n in (3, 4)]
        young = await put(storage)
        assert await clean(redis, storage) == Swept(examined=3, deleted=2, bytes=7)
        assert await there(storage) == {young.sha256}
        assert await redis.exists(*(SWEPT + blob.sha256 for blob in blobs)) == 2

    @pytest.mark.parametrize("state", ["queued", "scheduled", "running", "retrying", "failed"])
    async def test_a_job_does_until_it_has_expired(
        self, state: str, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        job_id = await submit(enqueuer, blobs=(blob.sha256,), delay_ms=60_000 if state == "scheduled" else 0)
        if state in ("running", "retrying", "failed"):
            job = await worker.one()
            if state != "running":
                await worker.finish(job, state, delay_ms=60_000)
        assert (await record_of(redis, job_id)).state == state
        assert (await clean(redis, storage)).deleted == 0
        assert await there(storage) == {blob.sha256}

    async def test_an_output_is_kept_as_long_as_its_job_and_for_downloads_a_little_longer(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        job_id = await submit(enqueuer)
        assert await worker.finish(await worker.one(), blobs=(blob.sha256,))
        now = clock.now_ms()
        for expired_ms, deleted in ((0, 0), (LINGER_MS - 5_000, 0), (LINGER_MS + 5_000, 1)):
            await redis.hset(JOB + job_id, "expires_at", now - expired_ms)
            assert (await clean(redis, storage)).deleted == deleted
        assert await redis.exists(BLOB + blob.sha256) == 0

    async def test_an_upload_does_until_it_is_gone(self, redis: ArqRedis, storage: Storage, tmp_path: Path) -> None:
        blob = await old(storage, tmp_path)
        upload = await keep(redis, "dev", blob, name=None, seconds=60, storage=storage)
        assert (await clean(redis, storage)).deleted == 0
        await forget(redis, upload)
        assert (await clean(redis, storage)).deleted == 1

    async def test_a_schedule_does_until_it_is_deleted_and_one_we_do_not_know_for_ever(
        self, redis: ArqRedis, storage: Storage, tmp_path: Path
    ) -> None:
        scheduled, strange = await old(storage, tmp_path, b"a"), await old(storage, tmp_path, b"b")
        await redis.hset(SCHEDULE + "s", "owner", "dev")
        await redis.sadd(BLOB + scheduled.sha256, "schedule:s")
        await redis.sadd(BLOB + strange.sha256, "unknown:s")
        assert (await clean(redis, storage)).deleted == 0
        await redis.delete(SCHEDULE + "s")
        assert (await clean(redis, storage)).deleted == 1
        assert await there(storage) == {strange.sha256}
        await redis.delete(BLOB + strange.sha256)

    async def test_a_deleted_job_and_a_cancelled_one_that_expired_need_nothing(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, settings: Settings, tmp_path: Path
    ) -> None:
        blobs = [await old(storage, tmp_path, text) for text in (b"a", b"b")]
        ids = [await submit(enqueuer, blobs=(blob.sha256,)) for blob in blobs]
        await JobStore(redis, settings).cancel_all(ids)
        await JobStore(redis, settings).delete(ids[:1])
        await redis.delete(JOB + ids[1])
        assert (await clean(redis, storage)).deleted == 2

    async def test_one_living_holder_among_thousands_of_dead_is_found(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        await redis.sadd(BLOB + blob.sha256, *(f"{n:032x}" for n in range(5_000)))
        await submit(enqueuer, blobs=(blob.sha256,))
        for _ in range(5):
            assert (await clean(redis, storage)).deleted == 0
        assert await redis.scard(BLOB + blob.sha256) < 5_000, "the dead are forgotten a part at a time"

    async def test_many_dead_ones_are_forgotten_in_several_runs(
        self, redis: ArqRedis, storage: Storage, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        await redis.sadd(BLOB + blob.sha256, *(f"{n:032x}" for n in range(5_000)))
        deleted = [(await clean(redis, storage)).deleted for _ in range(6)]
        assert deleted[0] == 0, "no script walks through them all"
        assert sum(deleted) == 1

    async def test_who_lives_is_remembered_for_longer(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        await submit(enqueuer, blobs=(blob.sha256,))
        await redis.pexpire(BLOB + blob.sha256, 60_000)
        await clean(redis, storage)
        assert await redis.pttl(BLOB + blob.sha256) > BLOB_MS - 60_000

    async def test_a_dry_run_tells_the_same_and_changes_nothing(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blobs = [await old(storage, tmp_path, bytes(n)) for n in range(1, 6)]
        await submit(enqueuer, blobs=(blobs[0].sha256,))
        await redis.sadd(BLOB + blobs[1].sha256, "0" * 32)
        await redis.expire(BLOB + blobs[1].sha256, 100)
        before = {key: await redis.dump(key) for key in await redis.keys("*")}
        told = await clean(redis, storage, dry_run=True)
        assert {key: await redis.dump(key) for key in await redis.keys("*")} == before
        assert len(await there(storage)) == 5
        assert told == await clean(redis, storage) == Swept(examined=5, deleted=4, bytes=14)


class TestTheRace:
    """A sweep has marked a blob, and somebody comes to need it."""

    async def test_a_submit_whose_bytes_went_with_the_deletion_is_asked_to_send_them_again(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        submitting: list[asyncio.Task[str]] = []

        async def send() -> None:
            await put(storage)  # young again, a moment too late
            submitting.append(asyncio.create_task(submit(enqueuer, blobs=(blob.sha256,))))
            await asyncio.sleep(0.05)
            assert not submitting[0].done(), "it waits until the deletion is over"

        assert (await clean(redis, Slow(storage, before=send))).deleted == 1
        with pytest.raises(Refusal, match="Send the request again") as refused:
            await submitting[0]
        assert refused.value.code == "unavailable"
        assert await redis.keys(ROOT + "job*") == [], "nothing is half-written"
        await put(storage)
        await submit(enqueuer, blobs=(blob.sha256,))
        assert await there(storage) == {blob.sha256}

    async def test_a_submit_whose_bytes_came_after_the_deletion_is_accepted(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        submitting: list[asyncio.Task[str]] = []

        async def send() -> None:
            await put(storage)
            submitting.append(asyncio.create_task(submit(enqueuer, blobs=(blob.sha256,))))

        assert (await clean(redis, Slow(storage, after=send))).deleted == 1
        job_id = await submitting[0]
        assert await redis.smembers(BLOB + blob.sha256) == {job_id.encode()}
        assert await there(storage) == {blob.sha256}
        await submit(enqueuer, blobs=(blob.sha256,))
        assert (await clean(redis, storage)).deleted == 0

    async def test_who_was_first_keeps_it(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
    ) -> None:
        blob, other = await old(storage, tmp_path, b"a"), await old(storage, tmp_path, b"b")

        async def too_late() -> None:
            assert await there(storage) == {blob.sha256, other.sha256}

        await submit(enqueuer, blobs=(blob.sha256,))
        assert (await clean(redis, Slow(storage, before=too_late))).deleted == 1
        assert await there(storage) == {blob.sha256}

    async def test_an_upload_is_treated_likewise(self, redis: ArqRedis, storage: Storage, tmp_path: Path) -> None:
        blob = await old(storage, tmp_path)
        assert (await clean(redis, storage)).deleted == 1
        with pytest.raises(Refusal, match="Send the request again"):
            await keep(redis, "dev", blob, name=None, seconds=60, storage=storage)
        assert await redis.keys(UPLOAD + "*") == []
        await put(storage)
        kept = await keep(redis, "dev", blob, name=None, seconds=60, storage=storage)
        assert await find_upload(redis, "dev", kept.id) == kept

    async def test_without_a_storage_to_look_at_a_marked_blob_is_held_to_be_gone(
        self, redis: ArqRedis, storage: Storage, settings: Settings, tmp_path: Path
    ) -> None:
        blob = await old(storage, tmp_path)
        await clean(redis, storage)
        await put(storage)
        with pytest.raises(Refusal, match="Send the request again"):
            await submit(Enqueuer(redis, settings), blobs=(blob.sha256,))

    async def finish_beside(
        self, redis: ArqRedis, storage: Storage, worker: FakeWorker, job: ClaimedJob, tmp_path: Path
    ) -> tuple[BlobRef, bool]:
        """A job's output is a blob that a sweep marks and deletes between its put and its finish."""
        blob = await old(storage, tmp_path)

        async def store() -> None:
            await put(storage)

        assert (await clean(redis, Slow(storage, before=store))).deleted == 1
        return blob, await worker.finish(job, blobs=(blob.sha256,))

    async def test_a_job_whose_outputs_went_makes_them_anew_and_uses_up_no_try(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
    ) -> None:
        job_id = await submit(enqueuer)
        blob, written = await self.finish_beside(redis, storage, worker, await worker.one(), tmp_path)
        assert written
        record = await record_of(redis, job_id)
        assert (record.state, record.tries, record.files, record.result) == (State.RETRYING, 0, (), None)
        assert [one["outcome"] for one in record.attempts] == ["handed_back"]
        await asyncio.sleep(0.005)
        job = await worker.one()
        await put(storage)
        assert await worker.finish(job, blobs=(blob.sha256,))
        assert (await record_of(redis, job_id)).state is State.SUCCEEDED
        assert await there(storage) == {blob.sha256}

    async def test_a_finish_during_the_deletion_is_soon_tried_again(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, tmp_path: Path
    ) -> None:
        job_id = await submit(enqueuer)
        job, blob = await worker.one(), await old(storage, tmp_path)

        async def finish() -> None:
            await put(storage)
            assert await worker.finish(job, blobs=(blob.sha256,))

        await clean(redis, Slow(storage, before=finish))
        record = await record_of(redis, job_id)
        assert (record.state, record.tries) == (State.RETRYING, 0)
        assert 0 < record.due_at - record.created_at < 5_000


class TestSeveralSweeps:
    async def test_two_at_once_take_each_blob_once(self, redis: ArqRedis, storage: Storage, tmp_path: Path) -> None:
        for n in range(3 * BATCH):
            await old(storage, tmp_path, str(n).encode())

        async def breathe() -> None:
            await asyncio.sleep(0.005)

        slow = Slow(storage, before=breathe, after=breathe)
        told = await asyncio.gather(*(clean(redis, slow) for _ in range(2)))
        assert await there(storage) == set()
        assert sum(one.deleted for one in told) == 3 * BATCH

    async def test_what_one_left_that_died_is_taken_when_its_marks_have_lapsed(
        self,
        redis: ArqRedis,
        storage: Storage,
        enqueuer: Enqueuer,
        settings: Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        class DeadError(Exception):
            pass

        async def die() -> None:
            raise DeadError

        monkeypatch.setattr("tasks.queue.jobs.enqueue_with_blobs.WAIT_S", 0.2)
        blob = await old(storage, tmp_path)
        with pytest.raises(DeadError):
            await clean(redis, Slow(storage, before=die))
        assert (await clean(redis, storage)).deleted == 0, "it may be about to delete"
        with pytest.raises(Refusal, match="Send the request again"):
            await submit(enqueuer, blobs=(blob.sha256,))
        left = await redis.pttl(SWEPT + blob.sha256)
        assert SWEPT_MS + SWEEPING_MS - 5_000 < left <= SWEPT_MS + SWEEPING_MS
        await redis.set(SWEPT + blob.sha256, 1, px=SWEPT_MS)
        job_id = await submit(enqueuer, blobs=(blob.sha256,))
        assert (await clean(redis, storage)).deleted == 0
        await JobStore(redis, settings).cancel(job_id)
        await JobStore(redis, settings).delete([job_id])
        assert (await clean(redis, storage)).deleted == 1

    async def test_one_that_is_late_deletes_nothing(
        self, redis: ArqRedis, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.maintenance.sweep.LATE_S", -1)
        blob = await old(storage, tmp_path)
        assert (await clean(redis, storage)).deleted == 0
        assert await there(storage) == {blob.sha256}


async def test_a_mark_is_asked_about_only_while_it_says_something(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, tmp_path: Path
) -> None:
    """What was found under one mark may have been deleted under the next."""
    blob = await old(storage, tmp_path)
    await clean(redis, storage)
    enqueue = Script(redis, "submit/enqueue")
    payload = {"jobs": [enqueuer.job("a" * 32, submission(blobs=(blob.sha256,)))], "max_waiting": 10}
    answer = await enqueue(payload)
    mark = answer["mark"]
    assert (answer["blob"], answer["left_ms"]) == (blob.sha256, 0)
    await redis.set(SWEPT + blob.sha256, f"{int(mark.split()[0]) + 1} gone", px=SWEPT_MS)
    assert (await enqueue({**payload, "seen": {blob.sha256: mark}}))["answer"] == "swept"


def test_no_attempt_at_a_job_lasts_as_long_as_the_cleanup_spares_its_outputs() -> None:
    least = Settings.model_fields["cleanup_grace_s"].metadata[0].ge
    storing = [kind for kind in KINDS.values() if kind.name != "cleanup"]
    assert max(kind.timeout_s for kind in storing) < min(SWEPT_MS // 1000, least)
