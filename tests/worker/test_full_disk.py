"""A worker whose temporary folder is full: its jobs wait for space and use up no try."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from PIL import Image

from tasks.blob_ref import BlobRef
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.engine_running import JobClient
from tests.support.machine.small_disk import MiB, small_disk
from tests.support.pictures import encoded
from tests.support.processes import worker_process
from tools.servers import Valkey


async def put(url: str, body: bytes) -> BlobRef:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    return await open_storage(Settings(_env_file=None, storage_url=url)).put(chunks(), max_bytes=len(body))


def noise(side: int, quality: int) -> bytes:
    return encoded(Image.effect_noise((side, side), 100).convert("RGB"), "JPEG", quality=quality)


# The input of the first does not fit; that of the second does, but the PNG drawn from it does not.
@pytest.mark.parametrize(("side", "quality", "left_bytes"), [(1200, 95, MiB // 2), (900, 20, MiB)])
async def test_its_jobs_wait_for_space(
    redis: ArqRedis,
    valkey: Valkey,
    job_client: JobClient,
    tmp_path: Path,
    side: int,
    quality: int,
    left_bytes: int,
) -> None:
    url = f"file://{tmp_path}/storage"
    blob = await put(url, noise(side, quality))
    assert (blob.bytes > left_bytes) is (quality == 95)
    variant = {"name": "large", "width": side, "height": side, "format": "png"}
    params = {"upload": {"sha256": blob.sha256, "bytes": blob.bytes}, "variants": [variant]}
    with small_disk(tmp_path / "tmp", megabytes=16) as disk:
        environment = {
            "TMPDIR": str(disk.folder),
            "STORAGE_URL": url,
            "STORAGE_FIRST_PAUSE_S": "0.1",
            "STORAGE_MAX_PAUSE_S": "0.2",
        }
        disk.fill(leave_bytes=left_bytes)
        async with worker_process(redis, valkey.url, environment=environment, media=1):
            submission = Submission(
                kind="thumbnail", queue="media", owner="dev", params=json.dumps(params), blobs=(blob.sha256,)
            )
            job_id = (await job_client.enqueuer.enqueue(submission)).job_id
            await until_postponed_twice(job_client, job_id)
            disk.free()
            record = await job_client.ended(job_id)
    assert (record.state, record.tries) == (State.SUCCEEDED, 0)
    assert [one["outcome"] for one in record.attempts] == ["postponed", "succeeded"]
    assert record.attempts[0]["error"]["code"] == "disk_full"


async def until_postponed_twice(job_client: JobClient, job_id: str) -> None:
    async with asyncio.timeout(20):
        while True:
            record = await job_client.read(job_id)
            assert not record.state.ended, record.error
            if record.attempts and record.attempts[-1].get("times") == 2:
                return
            await asyncio.sleep(0.05)
