"""A temporary folder that is full refuses large uploads for a while, and only those."""

import os
from pathlib import Path

from arq.connections import ArqRedis

from api.server.protocol import LINGER_BYTES
from tests.support.api.pictures import PNG, big
from tests.support.api.serving import client_of
from tests.support.api.web_process import web_process
from tests.support.machine.small_disk import MiB, small_disk
from tools.servers import Valkey

LARGE = 4 * MiB


async def test_a_large_upload_is_asked_to_come_back(redis: ArqRedis, valkey: Valkey, tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "tmp", megabytes=8) as disk,
        web_process(valkey.url, f"file://{tmp_path}/storage", {"TMPDIR": str(disk.folder)}) as web,
    ):
        async with client_of(web.port) as alice:
            # Of a client that reads the answer after it has sent everything, the server reads this much more.
            disk.fill(leave_bytes=LARGE - LINGER_BYTES // 2)
            for path, body in (("/v1/uploads", os.urandom(LARGE)), ("/v1/images", big(LARGE))):
                answer = await alice.post(path, content=body)
                assert (answer.status_code, answer.json()["code"]) == (503, "disk_full")
                assert int(answer.headers["Retry-After"]) > 0
            assert (await alice.post("/v1/images", content=PNG)).status_code == 202
            disk.free()
            assert (await alice.post("/v1/uploads", content=os.urandom(LARGE))).status_code == 201
