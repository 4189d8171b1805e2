"""An accepted job that keeps its original waits while Redis is full, and uses up no try."""

import asyncio
from functools import partial
from pathlib import Path

from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.memory import observe_memory
from tasks.queue.records.list import read
from tasks.queue.records.record import State
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.variants import variants_of
from tasks.uploads.store import find_upload
from tests.support.blobs import put
from tests.support.engine_running import NoOutbound
from tests.support.eventually import eventually
from tests.support.queue.full_redis import fill, relieve
from tests.worker.pictures.test_same_render import PNG, TINY, Drawing
from tools.servers import Valkey
from worker.engine import Engine
from worker.resources import WorkerResources


async def test_it_waits_for_room(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        storage_url=f"file://{tmp_path}",
        image_engine="pillow",
        storage_first_pause_s=0.1,
        storage_max_pause_s=0.2,
    )
    storage = open_storage(settings)
    with Valkey() as server:
        redis: ArqRedis = connect(server.url)
        blob = await put(storage, PNG)
        params = ThumbnailParams(upload=blob, variants=variants_of(TINY), keep_s=60).model_dump_json(exclude_none=True)
        submission = Submission("thumbnail", "media", "dev", params, blobs=(blob.sha256,))
        job_id = (await Enqueuer(redis, settings, storage).enqueue(submission)).job_id
        await fill(redis, 150)
        await observe_memory(redis, settings)
        resources = WorkerResources(redis, storage, Drawing(), NoOutbound())
        engine = Engine(resources, settings, concurrency={"media": 1}, kinds={"thumbnail": THUMBNAIL}, built_in=())
        task = asyncio.create_task(engine.run())
        try:
            waiting = await eventually(partial(read, redis, job_id), lambda seen: seen.state is State.RETRYING)
            assert (waiting.tries, waiting.last_error["code"]) == (0, "redis_full")
            await relieve(redis)
            ended = await eventually(partial(read, redis, job_id), lambda seen: seen.state.ended)
            assert (ended.state, ended.tries) == (State.SUCCEEDED, 0)
            assert await find_upload(redis, "dev", job_id)
        finally:
            engine.stop()
            await task
            await close(redis)
