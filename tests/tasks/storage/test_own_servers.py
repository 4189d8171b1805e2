"""Storages of an operator's own: a private authority, an address of their own for clients, wrong keys at the start."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from obstore.exceptions import GenericError

from tasks.blob_ref import BlobRef
from tasks.settings import Settings
from tasks.storage.cures import cure_of
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage, StorageUnavailable
from tests.support.network.certificates import Authority
from tests.support.network.tls_servers import TlsRcloneServer
from tests.support.servers import RcloneServer, S3Server
from tools.servers import free_port


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls_server(authority: Authority) -> Iterator[TlsRcloneServer]:
    with TlsRcloneServer(authority.server_file("127.0.0.1")) as server:
        yield server


def open_at(endpoint: str, **settings: str) -> Storage:
    values: dict[str, Any] = {"storage_url": "s3://pressroom/own", "storage_endpoint": endpoint, **settings}
    return open_storage(Settings(_env_file=None, **values))


async def put(storage: Storage) -> BlobRef:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"file"

    return await storage.put(chunks(), max_bytes=10)


# An authority of one's own


@pytest.mark.parametrize("as_text", [False, True])
async def test_an_authority_of_ones_own_is_trusted(
    authority: Authority, tls_server: TlsRcloneServer, as_text: bool
) -> None:
    """As text, too, in which a platform's form has made one line of many."""
    text = authority.file.read_text().replace("\n", "\\n")
    storage = open_at(tls_server.url, storage_ca=text if as_text else str(authority.file))
    assert await storage.refused_at_start() is None
    blob = await put(storage)
    assert [chunk async for chunk in storage.read(blob.sha256)] == [b"file"]


async def test_without_it_the_start_says_which_setting_names_it(tls_server: TlsRcloneServer) -> None:
    storage = open_at(tls_server.url)
    refusal = await storage.refused_at_start()
    assert refusal is not None
    assert refusal.startswith("STORAGE_URL: ")
    assert "STORAGE_CA" in refusal
    assert "\n" not in refusal
    with pytest.raises(StorageUnavailable) as caught:
        await storage.check()
    assert "STORAGE_CA" in str(caught.value.cure)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("/no/such/file.pem", "No such file"), ("-----BEGIN CERTIFICATE-----\nnone", "no certificate that can be read")],
)
@pytest.mark.parametrize("name", ["STORAGE_CA", "REDIS_CA"])
def test_a_file_that_is_none_is_refused_at_once(name: str, value: str, reason: str) -> None:
    setting: Any = {name.lower(): value}
    with pytest.raises(ValueError, match=reason):
        Settings(_env_file=None, **setting)


def test_a_file_of_something_else_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe secret")
    with pytest.raises(ValueError, match="it is no text") as caught:
        Settings(_env_file=None, storage_ca=str(tmp_path / "secret"))
    assert "secret" not in str(caught.value)


# An address for clients


async def test_redirects_lead_to_the_address_that_clients_reach(rclone: RcloneServer) -> None:
    """The signature is for the public address: a server that sees another Host would refuse it."""
    public = f"http://localhost:{rclone.port}"
    storage = open_at(rclone.url, storage_public_endpoint=public)
    blob = await put(storage)
    url = await storage.presign(blob.sha256, 60, type="text/plain", filename="a b.txt")
    assert url is not None
    assert url.startswith(f"{public}/pressroom/own/blobs/")
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).text == "file"
        moved = url.replace(f"//localhost:{rclone.port}", f"//{urlsplit(rclone.url).netloc}")
        assert (await client.get(moved)).status_code == 403


async def test_the_address_for_clients_needs_no_server_that_we_reach(rclone: RcloneServer) -> None:
    storage = open_at(rclone.url, storage_public_endpoint="https://files.example.com")
    blob = await put(storage)
    await storage.check()
    url = await storage.presign(blob.sha256, 60, type="text/plain", filename="a.txt")
    assert urlsplit(url or "").netloc == "files.example.com"


@pytest.mark.parametrize("endpoint", ["files.example.com", "ftp://host", "https://key:secret@host"])
def test_an_address_for_clients_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_PUBLIC_ENDPOINT is not a URL") as caught:
        open_at("http://localhost:9000", storage_public_endpoint=endpoint)
    assert "secret" not in str(caught.value)


def test_only_s3_has_an_address_for_clients(tmp_path: Path) -> None:
    for url in ("gs://bucket", f"file://{tmp_path}"):
        with pytest.raises(ValueError, match="STORAGE_PUBLIC_ENDPOINT is for s3://"):
            open_storage(Settings(_env_file=None, storage_url=url, storage_public_endpoint="https://files.example.com"))


# The start


async def test_wrong_keys_are_told_at_the_start(rclone: RcloneServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    refusal = await open_at(rclone.url).refused_at_start()
    assert refusal is not None
    assert "AWS_ACCESS_KEY_ID" in refusal
    assert "wrong" not in refusal.replace("keys are wrong", "")


@pytest.mark.parametrize("answer", ["403 Forbidden", "404 Not Found", "connection refused"])
def test_no_keys_are_no_wrong_keys_and_no_missing_bucket(answer: str) -> None:
    """What a client without keys says after it has asked the machine for some."""
    asked = "Error performing PUT http://169.254.169.254/latest/api/token in 1 ms"
    cure = cure_of(GenericError(f"{asked} - Server returned non-2xx status code: {answer}"), is_folder=False)
    assert cure is not None
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in cure
    assert "wrong" not in cure


async def test_a_bucket_that_does_not_exist_is_told_at_the_start(rclone: RcloneServer) -> None:
    refusal = await open_at(rclone.url, storage_url="s3://none/own").refused_at_start()
    assert refusal is not None
    assert "Its bucket does not exist" in refusal


async def test_a_storage_that_does_not_answer_is_waited_for() -> None:
    storage = open_at(f"http://127.0.0.1:{free_port()}")
    assert await asyncio.wait_for(storage.refused_at_start(), 15) is None
