"""Which addresses open a storage, and what is said of one that does not answer."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from tasks.blob_ref import BlobRef
from tasks.settings import Settings
from tasks.storage import blob_store, cures
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage, StorageUnavailable
from tasks.storage.upload_memory import SMALL_BYTES
from tests.support.servers import MotoServer, RcloneServer, S3Server
from tools.servers import free_port

SHA256 = "0" * 64


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)


def open_at(url: str, endpoint: str | None = None) -> Storage:
    return open_storage(Settings(storage_url=url, storage_endpoint=endpoint))


async def put(storage: Storage, size: int = 1) -> BlobRef:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(size)

    return await storage.put(chunks(), max_bytes=size)


async def read(storage: Storage, start: int = 0) -> list[bytes]:
    return [chunk async for chunk in storage.read(SHA256, start)]


async def list_all(storage: Storage) -> list[str]:
    return [blob.sha256 async for blob in storage.blobs()]


# Addresses


@pytest.mark.parametrize(
    ("url", "description", "shared"),
    [
        ("file://./made/here", "local folder ./made/here (for development: processes on other machines do not", False),
        ("memory://", "memory (for tests: no other process sees it", False),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix/", True),
        ("gs://bucket", "gs://bucket", True),
        ("az://container/prefix", "az://container/prefix", True),
    ],
)
def test_every_sort_of_address_opens(
    url: str, description: str, shared: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    storage = open_at(url)
    assert storage.description.startswith(description)
    assert storage.shared is shared


@pytest.mark.parametrize(
    "url",
    ["", "data/here", "file://", "ftp://host/x", "s3://", "s3:///prefix", "s3://key:secret@bucket", "s3://bucket/../x"],
)
def test_an_address_that_is_none_is_told_how_to_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="write file://folder, s3://bucket/prefix") as error:
        open_at(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://host", "http://", "http://key:secret@host"])
def test_an_endpoint_that_is_none_is_told_how_to_be_one(endpoint: str) -> None:
    with pytest.raises(ValueError, match="write https://host or http://host:port") as error:
        open_at("s3://bucket", endpoint)
    assert "secret" not in str(error.value)


def test_a_backend_that_lacks_a_setting_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        open_at("az://container")


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="STORAGE_URL=file://"):
        open_at(f"file://{tmp_path}/file/storage")


def test_importing_the_storage_loads_no_backend() -> None:
    program = "import sys, tasks.storage.protocol; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# No answer


async def test_a_dead_endpoint_is_found_out_within_seconds(credentials: None, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    storage = open_at("s3://pressroom/dead", endpoint)
    (tmp_path / "file").write_bytes(b"file")
    started = time.monotonic()
    ends = await asyncio.gather(
        storage.check(),
        put(storage),
        put(storage, 2 * SMALL_BYTES),
        storage.put_file(tmp_path / "file", type="text/plain", filename="file"),
        read(storage),
        read(storage, start=3),
        storage.fetch(SHA256, tmp_path / "fetched"),
        storage.size(SHA256),
        storage.delete([SHA256]),
        list_all(storage),
        return_exceptions=True,
    )
    assert time.monotonic() - started < 5
    for end in ends:
        assert isinstance(end, StorageUnavailable)
        assert f"s3://pressroom/dead at {endpoint}" in str(end)


async def test_a_storage_that_never_speaks_fails_its_check_in_time(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_store, "CHECK_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        storage = open_at("s3://pressroom", f"http://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(StorageUnavailable, match=r"0\.2 s"):
            await storage.check()


async def test_a_bucket_that_is_not_there_is_unavailable(
    credentials: None, moto: MotoServer, rclone: RcloneServer
) -> None:
    for server in (moto, rclone):
        storage = open_at("s3://no-such-bucket", server.url)
        for attempt in (storage.check(), put(storage), list_all(storage)):
            with pytest.raises(StorageUnavailable, match="no-such-bucket"):
                await attempt
        with pytest.raises(StorageUnavailable) as caught:
            await storage.size(SHA256)
        assert caught.value.cure == cures.NO_BUCKET, "its blobs are not gone for good"


async def test_wrong_credentials_are_unavailable(
    credentials: None, rclone: RcloneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    storage = open_at(f"s3://{rclone.bucket}", rclone.url)
    for attempt in (storage.check(), put(storage), storage.size(SHA256), read(storage), read(storage, start=3)):
        with pytest.raises(StorageUnavailable, match="403") as caught:
            await attempt
        assert caught.value.cure == cures.WRONG_KEYS


async def test_an_outage_is_noted_from_its_first_error_to_its_first_answer(
    credentials: None, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    with RcloneServer() as server:
        storage = open_at(f"s3://{server.bucket}", server.url)
        blob = await put(storage, 10)
        assert [chunk async for chunk in storage.read(blob.sha256, 10)] == []
        assert storage.away_since is None, "a range past the end is no outage"
        server.kill()
        for _ in range(2):
            with pytest.raises(StorageUnavailable) as caught:
                await storage.size(blob.sha256)
        assert caught.value.cure is None
        assert storage.away_since == pytest.approx(time.time(), abs=10)
        # What needs no answer of the storage says nothing about it: temporary files, signatures, and nothing to do.
        with pytest.raises(StorageUnavailable):
            await put(storage, SMALL_BYTES + 1)
        assert await storage.presign(blob.sha256, 60, type="image/png", filename="a.png") is not None
        await storage.delete([])
        await storage.delete_objects([])
        assert storage.away_since is not None
        server.start()
        assert await storage.size(blob.sha256) == 10
        assert storage.away_since is None
    told = capsys.readouterr().out
    assert (told.count("storage.away"), told.count("storage.back")) == (1, 1)


async def test_a_folder_without_leftovers_is_not_one_that_works(tmp_path: Path) -> None:
    storage = open_at(f"file://{tmp_path}/storage")
    (tmp_path / "storage").rmdir()
    (tmp_path / "storage").touch()
    with pytest.raises(StorageUnavailable):
        await storage.check()
    assert await storage.discard_leftovers(datetime.now(UTC)) == 0
    assert storage.away_since is not None


async def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    storage = open_at(f"file://{tmp_path}/storage")
    (tmp_path / "storage").rmdir()
    await storage.check()
    (tmp_path / "storage").rmdir()
    (tmp_path / "storage").write_bytes(b"in the way")
    with pytest.raises(StorageUnavailable, match="local folder"):
        await storage.check()
    with pytest.raises(StorageUnavailable, match="local folder"):
        await put(storage)


@pytest.mark.parametrize("url", ["memory://", "file://./data/storage"])
def test_local_storage_is_refused_where_processes_share_no_disk(url: str) -> None:
    with pytest.raises(ValueError, match=r"STORAGE_URL .* set it to s3://"):
        open_storage(Settings(_env_file=None, storage_url=url, dev=False, dyno="web.1"))


# Add-ons

BUCKETEER = {
    "BUCKETEER_BUCKET_NAME": "bucketeer-1",
    "BUCKETEER_AWS_ACCESS_KEY_ID": "id",
    "BUCKETEER_AWS_SECRET_ACCESS_KEY": "hidden",
    "BUCKETEER_AWS_REGION": "eu-west-1",
}
CLOUDCUBE = {"CLOUDCUBE_ACCESS_KEY_ID": "id", "CLOUDCUBE_SECRET_ACCESS_KEY": "hidden"}
CUBE = "https://cloud-cube{}.amazonaws.com/abc"


@pytest.mark.parametrize(
    ("environment", "url", "host"),
    [
        (BUCKETEER, "s3://bucketeer-1", "s3.eu-west-1.amazonaws.com/bucketeer-1/"),
        ({**CLOUDCUBE, "CLOUDCUBE_URL": CUBE.format(".s3")}, "s3://cloud-cube/abc", "s3.us-east-1."),
        ({**CLOUDCUBE, "CLOUDCUBE_URL": CUBE.format("-eu2.s3")}, "s3://cloud-cube-eu2/abc", "s3.eu-west-1."),
        ({**CLOUDCUBE, "CLOUDCUBE_URL": CUBE.format("-jp.s3")}, "s3://cloud-cube-jp/abc", "s3.ap-northeast-1."),
        ({**CLOUDCUBE, "CLOUDCUBE_URL": CUBE.format(".s3.eu-west-3")}, "s3://cloud-cube/abc", "s3.eu-west-3."),
    ],
)
async def test_the_bucket_of_an_add_on_is_used_without_a_storage_url(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, host: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    storage = open_storage(Settings(_env_file=None))
    assert storage.description == url
    link = await storage.presign(SHA256, 60, type="image/png", filename="a.png")
    assert link is not None
    assert host in link
    assert "X-Amz-Credential=id" in link
    own = open_storage(Settings(_env_file=None, storage_url="memory://"))
    assert own.description.startswith("memory")


def test_a_cube_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDCUBE_URL", "https://elsewhere.example/abc")
    with pytest.raises(ValueError, match="CLOUDCUBE_URL"):
        open_storage(Settings(_env_file=None))
