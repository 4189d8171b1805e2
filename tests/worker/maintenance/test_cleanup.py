"""The cleanup as a job of a real engine: it tells what it does, and loses nothing beside live traffic."""

import asyncio
import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from pydantic import BaseModel

from tasks import clock
from tasks.accounts.audit import AuditLog
from tasks.catalogue import KINDS
from tasks.kind import JobContext, Kind, OutputFile, Result
from tasks.maintenance.sweep import sweep
from tasks.queue.account_keys import AUDIT, AUDIT_NOTES
from tasks.queue.actor import Actor
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOBS, SUBSCRIBERS, arq_queue
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.uploads.store import forget, keep
from tasks.webhook.exchanges.files import FOLDER as EXCHANGES
from tasks.webhook.exchanges.files import path_of
from tests.support.blobs import put
from tests.support.engine_running import JobClient, settings_for, working

CLIENTS, ROUNDS = 8, 12


class CopyParams(BaseModel):
    """One blob in, another out."""

    blob: str


async def copy(job: JobContext[CopyParams]) -> Result:
    """An output that is the same for the same input, so that many jobs share it."""
    source = job.scratch.folder / "in"
    await job.storage.fetch(job.params.blob, source)
    path = job.scratch.folder / "out"
    path.write_bytes(source.read_bytes().upper())
    blob = await job.storage.put_file(path, type="text/plain", filename="out")
    await asyncio.sleep(0.01)  # as one would that stores more
    return Result(files=(OutputFile("out", blob.sha256, "text/plain", blob.bytes),))


COPY = Kind(name="copy", queue="default", params=CopyParams, run=copy)


@pytest.fixture
def settings(redis: ArqRedis, tmp_path: Path) -> Settings:
    return settings_for(redis).model_copy(update={"storage_url": f"file://{tmp_path}"})


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


async def ask(job_client: JobClient, kind: str, **params: str | bool) -> str:
    """Submit a job with these params and no others; it needs the blob that they name."""
    blobs = tuple(str(value) for name, value in params.items() if name == "blob")
    submission = Submission(kind, "default", "dev", json.dumps(params), blobs=blobs)
    return (await job_client.enqueuer.enqueue(submission)).job_id


def grow_old(folder: Path) -> None:
    for path in (*folder.rglob("blobs/*/*"), *folder.rglob(f"{EXCHANGES}/*/*")):
        os.utime(path, (0, 0))


async def content(storage: Storage, sha256: str) -> bytes:
    return b"".join([chunk async for chunk in storage.read(sha256)])


class TestTheJob:
    async def test_it_removes_what_nobody_needs_and_tells_how_much(
        self, redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient, tmp_path: Path
    ) -> None:
        kinds = {**KINDS, "copy": COPY}
        async with working(redis, settings, kinds=kinds, storage=storage):
            kept = await put(storage, b"needed")
            copied = await job_client.ended(await ask(job_client, "copy", blob=kept.sha256))
            for n in (10, 20, 30):
                await put(storage, bytes(n))
            half = tmp_path / "blobs" / "aa" / ("a" * 64 + "#1")
            half.parent.mkdir(exist_ok=True)
            half.write_bytes(b"half")
            await storage.put_object(path_of("a" * 32, 1), b"{}")
            grow_old(tmp_path)
            await redis.zadd(f"{JOBS}dev:failed", {"0" * 32: 1, "1" * 32: 2})
            young = await put(storage, b"young")

            dry = await job_client.ended(await ask(job_client, "cleanup", dry_run=True))
            assert len([one async for one in storage.blobs()]) == 6
            assert half.exists()
            assert await storage.object_names(EXCHANGES) == [path_of("a" * 32, 1)]
            wet = await job_client.ended(await ask(job_client, "cleanup", dry_run=False))
            again = await job_client.ended(await ask(job_client, "cleanup", dry_run=False))

        assert dry.result is not None
        assert wet.result is not None
        told = {"examined": 6, "deleted": 3, "bytes": 60, "leftovers": 1, "exchanges": 1, "entries_removed": 2}
        for result, dry_run in ((dry.result, True), (wet.result, False)):
            assert result | told == result
            assert result["dry_run"] is dry_run
        assert wet.progress == {"done": 6, "total": 6, "note": "blobs"}
        assert again.result is not None
        assert (again.result["deleted"], again.result["leftovers"], again.result["entries_removed"]) == (0, 0, 0)
        assert {one.sha256 async for one in storage.blobs()} == {
            kept.sha256,
            copied.files[0]["blob"],
            young.sha256,
        }
        assert not half.exists()
        assert await storage.object_names(EXCHANGES) == []

    async def test_it_announces_no_event(
        self, redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
    ) -> None:
        await redis.zadd(SUBSCRIBERS + "dev:*", {"e" * 32: 0})
        async with working(redis, settings, kinds=KINDS, storage=storage):
            for kind in ("cleanup", "reconciliation"):
                assert (await job_client.ended(await ask(job_client, kind))).state is State.SUCCEEDED
        assert await redis.exists(f"{JOBS}dev/event") == 0
        await redis.delete(SUBSCRIBERS + "dev:*")

    async def test_a_reconciliation_puts_back_what_waits_while_workers_are_at_work(
        self, redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
    ) -> None:
        later = [await job_client.submit("sleep", delay_ms=60_000) for _ in range(20)]
        await redis.delete(arq_queue("default"), *(job_key_prefix + job_id for job_id in later))
        async with working(redis, settings, kinds=KINDS, storage=storage):
            record = await job_client.ended(await ask(job_client, "reconciliation"))
            assert record.result is not None
            assert record.result["mended"] == 20
            again = await job_client.ended(await ask(job_client, "reconciliation"))
            assert again.result is not None
            assert again.result["mended"] == 0, "it leaves itself alone too"
        await JobStore(redis, settings).cancel_all(later)


class Client:
    """Sends something, waits for the copy, reads it, deletes the job: again and again."""

    def __init__(self, redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient, seed: int) -> None:
        self._redis, self._storage, self._desk = redis, storage, job_client
        job_client.enqueuer = Enqueuer(redis, settings, storage)  # one that can look whether a blob is there
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._content = f"content {seed // 2}"  # another client's too
        self.refused = 0
        self.again = 0

    async def work(self) -> None:
        for number in range(ROUNDS):
            text = f"{self._content} {number}".encode()
            await (self._by_upload(text) if self._chance.random() < 0.3 else self._by_job(text))

    async def _by_job(self, text: bytes) -> None:
        while True:
            blob = await put(self._storage, text)
            await asyncio.sleep(self._chance.random() * 0.01)
            try:
                job_id = await ask(self._desk, "copy", blob=blob.sha256)
                break
            except Refusal:
                self.refused += 1
        record = await self._desk.ended(job_id)
        assert record.state is State.SUCCEEDED, record
        self.again += len(record.attempts) - 1
        await asyncio.sleep(self._chance.random() * 0.01)
        assert await content(self._storage, record.files[0]["blob"]) == text.upper()
        assert await content(self._storage, blob.sha256) == text, "its input is kept as long"
        await JobStore(self._redis, Settings(_env_file=None)).delete([job_id])

    async def _by_upload(self, text: bytes) -> None:
        while True:
            blob = await put(self._storage, text)
            try:
                upload = await keep(self._redis, "dev", blob, name=None, seconds=60, storage=self._storage)
                break
            except Refusal:
                self.refused += 1
        await asyncio.sleep(self._chance.random() * 0.02)
        assert await content(self._storage, blob.sha256) == text
        await forget(self._redis, upload)


async def test_nothing_that_somebody_needs_is_lost_beside_sweeps_without_any_grace(
    redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient
) -> None:
    """Two sweeps, all the time, that spare nothing for its youth: the marks alone keep what was just sent."""
    clients = [Client(redis, settings, storage, job_client, seed) for seed in range(CLIENTS)]
    stop, deleted = asyncio.Event(), 0

    async def sweep_on() -> None:
        nonlocal deleted
        while not stop.is_set():
            before = datetime.now(UTC) + timedelta(hours=1)
            async for step in sweep(redis, storage, before=before, dry_run=False):
                deleted += step.deleted
            await asyncio.sleep(0.001)

    async with working(redis, settings, kinds={"copy": COPY}, storage=storage, concurrency={"default": 20}):
        sweeping = [asyncio.create_task(sweep_on()) for _ in range(2)]
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(*(client.work() for client in clients))
        finally:
            stop.set()
            await asyncio.gather(*sweeping)
    assert deleted > 50, "they had something to do"
    assert sum(client.refused for client in clients) > 0, "a submit came too late"
    assert sum(client.again for client in clients) > 0, "so did a finish"


async def test_old_lines_of_the_audit_log_leave(
    redis: ArqRedis, settings: Settings, job_client: JobClient, storage: Storage
) -> None:
    actor = Actor(action="pause_queue", by="ops", key=None, address=None, request=None, max_lines=100, keep_ms=90_000)
    await AuditLog(redis).note([{"actor": actor.payload(), "id": "now"}])
    kept = settings.model_copy(update={"keep_audit_s": 60})
    # A line of two minutes ago stands before the one of now.
    ms = clock.of_redis(await redis.time()) - 120_000
    await redis.xadd(AUDIT, {"action": "pause_queue", "id": "then"}, id=f"{ms}-0")
    async with working(redis, kept, storage=storage, kinds=KINDS):
        for dry_run, left in ((True, 1), (False, 0)):
            done = await job_client.ended(await ask(job_client, "cleanup", dry_run=dry_run))
            assert done.state is State.SUCCEEDED
            assert (await redis.xlen(AUDIT), await redis.xlen(AUDIT_NOTES)) == (left, 1)
    await redis.delete(AUDIT)
