"""Many large uploads at once: none is lost, and the web process stays small."""

import asyncio
import json
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.api.many_uploads import upload_at_once
from tests.support.api.serving import client_of
from tests.support.api.specs import spec
from tests.support.api.web_process import web_process
from tests.support.servers import MotoServer, RcloneServer, S3Server
from tools.servers import Valkey

MB = 1_000_000
PEAK_BYTES = 200 * MB
"""What a web process may take: it shares a dyno of 512 MB with another."""
AT_REST_BYTES = 125 * MB


async def upload_and_count(
    monkeypatch: pytest.MonkeyPatch, valkey: Valkey, storage_url: str, *, count: int, size: int, server: S3Server | None
) -> int:
    """Upload files, and see that each is stored. Returns the bytes that the web process took at most."""
    environment = {**server.environment, "STORAGE_ENDPOINT": server.url} if server else {}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with web_process(valkey.url, storage_url, environment) as web:
        assert web.peak_memory() < AT_REST_BYTES
        assert await upload_at_once(web.port, count, size) == [201] * count
        peak = web.peak_memory()
    print(f"{count} files of {size / MB:.0f} MB: {peak / MB:.0f} MB")  # noqa: T201 - the figure of a long run
    assert await stored_sizes(storage_url, server) == [size] * count
    return peak


async def stored_sizes(storage_url: str, server: S3Server | None) -> list[int]:
    """The bytes of each blob in the storage. rclone hashes all files for a list, which takes minutes: its folder has
    them."""
    if isinstance(server, RcloneServer):
        return [file.stat().st_size for file in server.folder.glob("*/uploads/blobs/**/*") if file.is_file()]
    storage = open_storage(Settings(_env_file=None, storage_url=storage_url))
    return [blob.bytes async for blob in storage.blobs()]


@pytest.mark.seconds(110)
async def test_large_uploads_at_once_take_little_memory(
    monkeypatch: pytest.MonkeyPatch, mortal_valkey: Valkey, tmp_path: Path
) -> None:
    url = tmp_path.as_uri()
    peak = await upload_and_count(monkeypatch, mortal_valkey, url, count=16, size=12 * MB, server=None)
    assert peak < 160 * MB


@pytest.mark.seconds(110)
async def test_large_specs_at_once_take_little_memory(mortal_valkey: Valkey, tmp_path: Path) -> None:
    table = {"type": "table", "columns": [{"field": "a"}], "rows": [{"a": "x" * 400}] * 9_000}
    body = json.dumps(spec(table)).encode()
    assert len(body) > 3 * MB
    with web_process(mortal_valkey.url, tmp_path.as_uri()) as web:
        before = web.peak_memory()
        async with client_of(web.port) as client:
            sent = (client.post("/v1/reports", content=body, timeout=100) for _ in range(20))
            assert {answer.status_code for answer in await asyncio.gather(*sent)} == {202}
        assert web.peak_memory() - before < 45 * MB


@pytest.mark.long
@pytest.mark.seconds(900)
@pytest.mark.parametrize(("count", "size"), [(50, 20 * MB), (200, 40 * MB)])
async def test_uploads_into_a_folder(
    monkeypatch: pytest.MonkeyPatch, mortal_valkey: Valkey, tmp_path: Path, *, count: int, size: int
) -> None:
    url = tmp_path.as_uri()
    peak = await upload_and_count(monkeypatch, mortal_valkey, url, count=count, size=size, server=None)
    assert peak < PEAK_BYTES


@pytest.mark.long
@pytest.mark.seconds(900)
@pytest.mark.parametrize(
    # moto keeps what it is sent in memory
    ("kind", "count", "size"),
    [(MotoServer, 50, 20 * MB), (RcloneServer, 50, 20 * MB), (RcloneServer, 200, 40 * MB)],
)
async def test_uploads_into_a_bucket(
    monkeypatch: pytest.MonkeyPatch, mortal_valkey: Valkey, *, kind: type[S3Server], count: int, size: int
) -> None:
    with kind() as server:
        url = f"s3://{server.bucket}/uploads"
        peak = await upload_and_count(monkeypatch, mortal_valkey, url, count=count, size=size, server=server)
    assert peak < PEAK_BYTES
