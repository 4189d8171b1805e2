"""A web process is killed while it receives a part of a resumable upload: another one goes on where it was."""

import asyncio
import hashlib
import os
from pathlib import Path

from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.settings import MiB, Settings
from tasks.storage.open import open_storage
from tests.support.api.serving import KEYS, client_of, serving
from tests.support.api.tus import create, half_sent, offset_of, patch
from tests.support.api.web_process import start_web
from tests.support.engine_running import working
from tests.support.eventually import eventually
from tools.servers import Valkey

SIZE, SENT, PART = 6 * MiB, 4 * MiB + 1000, MiB


async def test_another_process_goes_on_after_a_kill(
    mortal_valkey: Valkey, mortal_redis: ArqRedis, tmp_path: Path
) -> None:
    content = os.urandom(SIZE)
    folder = tmp_path / "storage"
    settings = Settings(
        _env_file=None,
        redis_url=mortal_valkey.url,
        storage_url=folder.as_uri(),
        api_keys=KEYS,
        secret_key="k" * 32,
        max_wait_s=20,
    )
    doomed = start_web(mortal_valkey.url, folder.as_uri(), {"UPLOAD_PART_BYTES": str(PART)})
    try:
        doomed.wait_until_alive()
        async with serving(settings) as port, client_of(port) as alice:
            path = await create(alice, SIZE, filename="film.bin")
            connection = await half_sent(doomed.port, path, 0, content[:SENT], SIZE)
            offset = await eventually(lambda: offset_of(alice, path), lambda offset: offset >= SENT - 2 * PART)
            doomed.kill()
            connection.close()
            offset = await offset_of(alice, path)
            storage = open_storage(settings)
            async with working(mortal_redis, settings, kinds=KINDS, storage=storage):
                assert (await patch(alice, path, offset, content[offset:])).status_code == 204
            upload = (await alice.get(f"/v1/uploads/{path.rpartition('/')[2]}")).json()
            assert upload["sha256"] == hashlib.sha256(content).hexdigest()
            assert await asyncio.to_thread(lambda: list((folder / "incoming").rglob("*"))) == []
    finally:
        doomed.kill()
