"""The same picture and variants are drawn once: a real engine, Redis and storage; only the drawing is done in here."""

import asyncio
import importlib
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.kind import Notes, RetryPolicy, Scratch
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.same_work import result_of_same_work
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import COUNTS, UNNEEDED
from tasks.queue.watch.watch import Watch
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.variants import variants_of
from tests.support.blobs import put
from tests.support.engine_running import NoOutbound
from tests.support.pictures import encoded, scene
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from tests.support.thumbnail.drawing import silent
from worker.engine import Engine
from worker.resources import WorkerResources

PNG = encoded(scene(32, 24), "png")
TINY = [{"name": "tiny", "width": 8}]
AT_ONCE = replace(THUMBNAIL, retry=RetryPolicy(max_tries=4, first_delay_s=0.05))


class Drawing:
    """Does the sandbox's work in this process, and counts the renders."""

    def __init__(self) -> None:
        self.renders = 0
        self.broken = False
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    def of(self, owner: str, scratch: Scratch, notes: Notes | None = None) -> "Drawing":  # noqa: ARG002
        return self

    async def call(self, function: str, *args: Any, **_: Any) -> Any:
        module, name = function.split(":")
        self.renders += 1
        self.begun.set()
        await self.go.wait()
        if self.broken:
            raise RuntimeError("it breaks")
        return getattr(importlib.import_module(module), name)(*args, report=silent)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, storage_url=f"file://{tmp_path}", image_engine="pillow")


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


class Pictures:
    """Submits pictures, and waits for their jobs."""

    def __init__(self, redis: ArqRedis, settings: Settings, storage: Storage, drawing: Drawing, watch: Watch) -> None:
        self.redis, self.storage, self.drawing, self.watch = redis, storage, drawing, watch
        self.enqueuer = Enqueuer(redis, settings, storage)

    async def submit(self, variants: Any = TINY, owner: str = "dev", content: bytes = PNG, **options: Any) -> str:
        blob = await put(self.storage, content)
        params = ThumbnailParams(upload=blob, variants=variants_of(variants)).model_dump_json(exclude_none=True)
        submission = Submission("thumbnail", "media", owner, params, blobs=(blob.sha256,), **options)
        return (await self.enqueuer.enqueue(submission)).job_id

    async def ended(self, job_id: str) -> Record:
        record = await self.watch.wait_until_ended(job_id, 20)
        assert record is not None
        assert record.state.ended, record
        return record

    async def drawn(self, variants: Any = TINY, owner: str = "dev", **options: Any) -> Record:
        return await self.ended(await self.submit(variants, owner, **options))


Opening = Callable[..., Any]
Asking = Callable[..., Coroutine[Any, Any, Record | None]]


@pytest.fixture
def drawing_pictures(redis: ArqRedis, settings: Settings, storage: Storage) -> Opening:
    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Pictures]:
        changed, drawing, watch = settings.model_copy(update=changes), Drawing(), Watch(redis)
        resources = WorkerResources(redis, storage, drawing, NoOutbound())
        engine = Engine(resources, changed, concurrency={"media": 6}, kinds={"thumbnail": AT_ONCE}, built_in=())
        watch.start()
        task = asyncio.create_task(engine.run())
        try:
            yield Pictures(redis, changed, storage, drawing, watch)
        finally:
            drawing.go.set()
            engine.stop()
            await task
            await watch.stop()

    return opened


def blobs_of(record: Record) -> list[str]:
    return [file["blob"] for file in record.files]


async def test_fifty_at_once_are_drawn_once(drawing_pictures: Opening, redis: ArqRedis) -> None:
    async with drawing_pictures() as pictures:
        pictures.drawing.go.clear()
        ids = [await pictures.submit(name=f"{n}.png", tags=(f"n:{n}",)) for n in range(50)]
        await pictures.drawing.begun.wait()
        pictures.drawing.go.set()
        records = [await pictures.ended(job_id) for job_id in ids]
        assert pictures.drawing.renders == 1
    assert {record.state for record in records} == {State.SUCCEEDED}
    first = [record for record in records if "reused" not in (record.result or {})]
    assert len(first) == 1
    assert all(record.files == first[0].files for record in records)
    assert all(record.result == {**(first[0].result or {}), "reused": True} for record in records if record != first[0])
    assert [record.name for record in records] == [f"{n}.png" for n in range(50)]
    assert await redis.hget(COUNTS, "shared thumbnail") == b"49"


async def test_other_variants_pictures_and_owners_are_drawn_apart(drawing_pictures: Opening) -> None:
    async with drawing_pictures() as pictures:
        await pictures.drawn()
        await pictures.drawn([{"name": "tiny", "width": 9}])
        await pictures.drawn(content=PNG + b"more")
        await pictures.drawn(owner="acme")
        assert pictures.drawing.renders == 4
        await pictures.drawn([{"width": 8, "name": "tiny", "fit": "contain"}])  # the same in other words
        assert pictures.drawing.renders == 4


async def test_owners_share_where_the_setting_says_so(drawing_pictures: Opening) -> None:
    async with drawing_pictures(share_renders=True) as pictures:
        first, second = await pictures.drawn(), await pictures.drawn(owner="acme")
        assert pictures.drawing.renders == 1
        assert (second.owner, second.files) == ("acme", first.files)


async def test_it_can_be_turned_off(drawing_pictures: Opening) -> None:
    async with drawing_pictures(reuse_renders_s=0) as pictures:
        assert "reused" not in ((await pictures.drawn()).result or {})
        assert "reused" not in ((await pictures.drawn()).result or {})
        assert pictures.drawing.renders == 2


async def test_deleting_one_leaves_the_files_of_the_other_and_what_is_gone_is_drawn_again(
    drawing_pictures: Opening, redis: ArqRedis, settings: Settings, storage: Storage
) -> None:
    store = JobStore(redis, settings)

    async def deleted(job_id: str) -> set[str]:
        assert await store.delete([job_id]) == ["deleted"]
        for sha256 in await redis.zrange(UNNEEDED, 0, -1):
            await redis.zadd(UNNEEDED, {sha256: 1})
        await asyncio.sleep(0.01)  # what was written in this very moment is too young
        await delete_unneeded(redis, storage, grace_s=0, until=time.monotonic() + 60)
        return {blob.sha256 async for blob in storage.blobs()}

    async with drawing_pictures() as pictures:
        first, second = await pictures.drawn(), await pictures.drawn()
        assert (second.result or {})["reused"] is True
        assert set(blobs_of(second)) <= await deleted(first.id)
        assert await deleted(second.id) == set()
        again = await pictures.drawn()
        assert pictures.drawing.renders == 2
        assert {blob.sha256 async for blob in storage.blobs()} >= set(blobs_of(again))
        # Files that are gone though the record says otherwise are drawn again as well.
        await storage.delete(blobs_of(again))
        assert "reused" not in ((await pictures.drawn()).result or {})
        assert pictures.drawing.renders == 3


async def test_when_the_first_fails_another_draws(drawing_pictures: Opening, redis: ArqRedis) -> None:
    async with drawing_pictures() as pictures:
        pictures.drawing.go.clear()
        pictures.drawing.broken = True
        ids = [await pictures.submit() for _ in range(3)]
        await pictures.drawing.begun.wait()
        pictures.drawing.begun.clear()
        pictures.drawing.go.set()
        await pictures.drawing.begun.wait()
        pictures.drawing.broken = False
        records = [await pictures.ended(job_id) for job_id in ids]
    assert {record.state for record in records} == {State.SUCCEEDED}
    assert len({json.dumps(record.files) for record in records}) == 1


@pytest.fixture
def asking(redis: ArqRedis, storage: Storage) -> Asking:
    async def ask(job_id: str, patience_s: float = 20) -> Record | None:
        return await result_of_same_work(
            redis, storage, work="w", job_id=job_id, kind="note", kept_s=60, patience_s=patience_s
        )

    return ask


async def test_a_job_that_no_longer_runs_is_waited_for_no_longer(
    redis: ArqRedis, settings: Settings, asking: Asking
) -> None:
    enqueuer, worker = Enqueuer(redis, settings), FakeWorker(redis, settings)
    for _ in range(2):
        await submit(enqueuer)
    first, second = [await worker.one() for _ in range(2)]
    assert await asking(first.id) is None
    waiting = asyncio.create_task(asking(second.id))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done, "the first one is at it"
    assert await asking(first.id) is None, "another attempt of the same job goes on with it"
    await worker.finish(first, "handed_back")  # as when its worker is lost
    assert await waiting is None


async def test_one_that_takes_too_long_is_waited_for_no_longer(
    redis: ArqRedis, settings: Settings, asking: Asking
) -> None:
    enqueuer, worker = Enqueuer(redis, settings), FakeWorker(redis, settings)
    for _ in range(3):
        await submit(enqueuer)
    first, second, third = [await worker.one() for _ in range(3)]
    assert await asking(first.id) is None
    assert await asking(second.id, patience_s=0.05) is None
    waiting = asyncio.create_task(asking(third.id))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done, "the second one is at it now"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
