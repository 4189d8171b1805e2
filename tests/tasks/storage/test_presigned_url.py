"""Downloads from the storage itself: under the name and media type of who asks, by a URL that no one can change."""

import uuid
from pathlib import Path

import httpx
import pytest
from obstore.store import AzureStore

from tasks.blob_ref import BlobRef
from tasks.settings import Settings
from tasks.storage.blob_store import BlobStore
from tasks.storage.content_disposition import attachment
from tasks.storage.open import open_storage
from tasks.storage.urls.presigned_url import with_parameters
from tests.support.blobs import put
from tests.support.servers import S3Server

DIGITS = b"0123456789"
NO_BLOB = "0" * 64

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
URL = (
    "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
    "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
)
SIGNED = f"{URL}&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
"""The example of Amazon's documentation ("Authenticating Requests: Using Query Parameters")."""


def test_the_documented_example_is_signed_as_documented() -> None:
    again = with_parameters(SIGNED, SECRET, {})
    assert again is not None
    assert sorted(again.partition("?")[2].split("&")) == sorted(SIGNED.partition("?")[2].split("&"))


def test_a_url_of_another_key_is_not_signed() -> None:
    for url in (URL, SIGNED.replace("86400", "86401"), SIGNED.replace("test.txt", "other.txt")):
        assert with_parameters(url, SECRET, {}) is None
    assert with_parameters(SIGNED, SECRET.lower(), {}) is None


def test_parameters_are_part_of_what_is_signed() -> None:
    named = with_parameters(SIGNED, SECRET, {"response-content-type": "image/png; a=b c+d/é"})
    assert named is not None
    assert "&response-content-type=image%2Fpng%3B%20a%3Db%20c%2Bd%2F%C3%A9" in named
    assert with_parameters(named, SECRET, {}) is not None
    assert with_parameters(named.replace("png", "gif"), SECRET, {}) is None


def opened(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{server.bucket}/{uuid.uuid4().hex}"
    return open_storage(Settings(_env_file=None, storage_url=url, storage_endpoint=server.url))


@pytest.fixture
def verified(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """A storage on a server that verifies signatures."""
    return opened(rclone, monkeypatch)


async def url_of(storage: BlobStore, blob: BlobRef, *, type: str = "image/png", filename: str = "small.png") -> str:
    url = await storage.presign(blob.sha256, 60, type=type, filename=filename)
    assert url is not None
    return url


@pytest.mark.parametrize("server", ["moto", "rclone"])
async def test_a_download_has_the_type_and_filename_of_who_asks(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = opened(request.getfixturevalue(server), monkeypatch)
    blob = await put(storage, DIGITS)
    await put(storage, DIGITS, type="image/webp", filename="another.webp")
    for type, filename in (("image/png", "Größe “1” & 2+2=4%.png"), ("text/csv; charset=utf-8", "a/b?c.csv")):
        async with httpx.AsyncClient() as client:
            answer = await client.get(await url_of(storage, blob, type=type, filename=filename))
        assert (answer.status_code, answer.content) == (200, DIGITS), answer.text
        assert answer.headers["content-type"] == type
        assert answer.headers["content-disposition"] == attachment(filename)


async def test_a_url_that_was_changed_is_refused(verified: BlobStore) -> None:
    blob = await put(verified, DIGITS)
    url = await url_of(verified, blob)
    changes = {"X-Amz-Expires=60": "X-Amz-Expires=6000", blob.sha256: NO_BLOB, "png": "exe", "attachment": "inline"}
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200
        for part, other in changes.items():
            assert part in url
            assert (await client.get(url.replace(part, other))).status_code == 403, part


async def test_without_the_secret_that_signs_there_are_no_urls(
    verified: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for credentials of a machine's role, which obstore fetches itself: the web process sends the bytes then."""
    blob = await put(verified, DIGITS)
    for secret in (None, "another"):
        monkeypatch.setattr(verified, "_secret", secret)
        assert await verified.presign(blob.sha256, 60, type="image/png", filename="small.png") is None


@pytest.mark.parametrize("kind", ["folder", "memory", "azure"])
async def test_other_storages_have_no_urls(kind: str, tmp_path: Path) -> None:
    storage = {
        "folder": lambda: open_storage(Settings(_env_file=None, storage_url=tmp_path.as_uri())),
        "memory": lambda: open_storage(Settings(_env_file=None, storage_url="memory://")),
        "azure": lambda: BlobStore(AzureStore("container", account_name="account", account_key="a2V5"), name="azure"),
    }[kind]()
    assert await storage.presign(NO_BLOB, 60, type="image/png", filename="small.png") is None
