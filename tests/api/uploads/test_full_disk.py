"""A temporary folder that is full refuses large uploads for a while, and only those."""

import asyncio
import os
from pathlib import Path

import httpx
from arq.connections import ArqRedis

from tests.support.api.pictures import PNG, big
from tests.support.api.serving import ALICE, KEYS
from tests.support.machine.small_disk import MiB, small_disk
from tests.support.processes import start
from tests.support.servers import Valkey, free_port, wait_for_port


async def test_a_large_upload_is_asked_to_come_back(redis: ArqRedis, valkey: Valkey, tmp_path: Path) -> None:
    port = free_port()
    with small_disk(tmp_path / "tmp", megabytes=8) as disk:
        process = start(
            valkey.url,
            "uvicorn",
            "api.app:app",
            "--port",
            str(port),
            TMPDIR=str(disk.folder),
            STORAGE_URL=f"file://{tmp_path}/storage",
            API_KEYS=KEYS,
        )
        try:
            await asyncio.to_thread(wait_for_port, port, process)
            headers = {"Authorization": f"Bearer {ALICE}"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
                disk.fill(leave_bytes=MiB)
                for path, body in (("/v1/uploads", os.urandom(4 * MiB)), ("/v1/images", big(4 * MiB))):
                    answer = await client.post(path, content=body)
                    assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
                    assert int(answer.headers["Retry-After"]) > 0
                assert (await client.post("/v1/images", content=PNG)).status_code == 202
                disk.free()
                assert (await client.post("/v1/uploads", content=os.urandom(4 * MiB))).status_code == 201
        finally:
            process.kill()
            process.wait()
