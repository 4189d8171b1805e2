"""Uploads that go straight into an S3 bucket: the form fixes where and how much, and a worker checks what came."""

import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.owners import OwnerStore
from tasks.catalogue import KINDS
from tasks.settings import MiB, Settings
from tasks.storage.blob_store import BlobStore
from tasks.storage.open import open_storage
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.engine_running import working
from tests.support.servers import S3Server

TEXT = b"day,amount\n2026-11-20,9.50\n"


@pytest.fixture(params=["moto", "rclone"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def settings(settings: Settings, server: S3Server) -> Settings:
    url = f"s3://{server.bucket}/{uuid.uuid4().hex}"
    changes = {"storage_url": url, "storage_endpoint": server.url, "max_dataset_bytes": 2 * MiB, "max_wait_s": 20}
    return settings.model_copy(update=changes)


@pytest.fixture
def storage(settings: Settings) -> BlobStore:
    return open_storage(settings)


@pytest.fixture
async def engine(redis: ArqRedis, settings: Settings, storage: BlobStore) -> AsyncIterator[None]:
    async with working(redis, settings, kinds=KINDS, storage=storage):
        yield


async def created(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/v1/uploads/direct", json=asked)
    assert answer.status_code == 201, answer.text
    place: dict[str, Any] = answer.json()
    return place


async def send(place: dict[str, Any], content: bytes) -> httpx.Response:
    """Send a file as a page does: without an API key."""
    async with httpx.AsyncClient() as browser:
        if place["method"] == "PUT":
            return await browser.put(place["url"], content=content, headers=place["headers"])
        return await browser.post(place["url"], data=place["fields"], files={"file": ("photo.png", content)})


def method_for(server: S3Server) -> str:
    """rclone knows no forms, moto checks no signatures."""
    return "POST" if type(server).__name__ == "MotoServer" else "PUT"


async def incoming(storage: BlobStore) -> list[str]:
    return [one.upload async for one in storage.incoming.objects()]


async def test_a_file_in_the_bucket_becomes_an_upload(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, server: S3Server, storage: BlobStore, engine: None
) -> None:
    method = method_for(server)
    place = await created(alice, method=method, purpose="image", name="../a/photo.png", tags=["user:42"])
    path = f"/v1/uploads/{place['id']}"
    for answer in (await alice.post(f"{path}/completion"), await alice.get(path)):
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_unfinished")
    assert (await send(place, PNG)).is_success
    early = await alice.post("/v1/images", json={"upload": place["id"]})
    assert (early.status_code, early.json()["code"]) == (409, "upload_unfinished"), "nothing refers to it before"
    assert (await bob.post(f"{path}/completion")).status_code == 404
    done = await alice.post(f"{path}/completion")
    assert done.status_code == 200, done.text
    upload = done.json()
    assert (upload["id"], upload["bytes"], upload["name"]) == (place["id"], len(PNG), "photo.png")
    assert (upload["sha256"], upload["tags"]) == (hashlib.sha256(PNG).hexdigest(), ["user:42"])
    assert (await alice.post(f"{path}/completion")).json() == (await alice.get(path)).json() == upload
    assert await incoming(storage) == []
    twice = [
        await alice.post("/v1/images", json={"upload": place["id"]}, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in twice] == [202, 200]


async def test_what_is_larger_or_no_picture_is_refused_and_removed(
    alice: httpx.AsyncClient, server: S3Server, storage: BlobStore, engine: None
) -> None:
    """The servers of these tests check no policy, and no server the size of a PUT."""
    method = method_for(server)
    larger, table = (
        await created(alice, method=method, max_bytes=5),
        await created(alice, method=method, purpose="image"),
    )
    await send(larger, TEXT)
    await send(table, TEXT)
    for place, status, code in ((larger, 413, "too_large"), (table, 422, "unsupported_format")):
        answer = await alice.post(f"/v1/uploads/{place['id']}/completion")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await alice.post(f"/v1/uploads/{place['id']}/completion")).status_code == 404
    assert await incoming(storage) == []
    assert [blob async for blob in storage.blobs()] == []


async def test_a_file_that_is_replaced_later_is_not_the_upload(
    alice: httpx.AsyncClient, server: S3Server, storage: BlobStore, engine: None
) -> None:
    place = await created(alice, method=method_for(server))
    await send(place, TEXT)
    upload = (await alice.post(f"/v1/uploads/{place['id']}/completion")).json()
    await send(place, b"something else")
    assert (await alice.post(f"/v1/uploads/{place['id']}/completion")).json() == upload
    assert b"".join([chunk async for chunk in storage.read(upload["sha256"])]) == TEXT


@pytest.mark.parametrize("server", ["rclone"], indirect=True)
async def test_a_signed_put_stores_nothing_else(alice: httpx.AsyncClient, storage: BlobStore, server: S3Server) -> None:
    place = await created(alice, method="PUT")
    for other in (place["id"][:-1] + "0", "x", "../blobs/ab/abcd"):
        changed = {**place, "url": place["url"].replace(place["id"], other)}
        if changed["url"] != place["url"]:
            assert (await send(changed, TEXT)).status_code == 403, other
    assert (await send({**place, "url": place["url"].replace("Expires=900", "Expires=90000")}, TEXT)).status_code == 403
    assert await incoming(storage) == []
    assert (await send(place, TEXT)).status_code == 200


def refused_by(policy: str, form: dict[str, str], size: int, bucket: str, now: datetime) -> list[object]:
    """The conditions of a policy that a form does not meet, as S3 checks them; and fields that no condition names."""
    document = json.loads(base64.b64decode(policy))
    sent = {**form, "bucket": bucket}
    refused: list[object] = []
    named = {"policy", "x-amz-signature", "bucket"}
    for condition in document["conditions"]:
        if isinstance(condition, dict):
            ((name, value),) = condition.items()
            named.add(name)
            refused += [condition] if sent.get(name) != value else []
        else:
            assert condition[0] == "content-length-range"
            refused += [] if condition[1] <= size <= condition[2] else [condition]
    refused += [name for name in form if name not in named]
    expired = now > datetime.fromisoformat(document["expiration"])
    return [*refused, *(["expiration"] if expired else [])]


@pytest.mark.parametrize("server", ["moto"], indirect=True)
async def test_a_form_is_good_for_one_key_one_size_and_one_time(
    alice: httpx.AsyncClient, settings: Settings, server: S3Server
) -> None:
    place = await created(alice, max_bytes=100, type="image/png")
    form, policy, now = place["fields"], place["fields"]["policy"], datetime.now(UTC)
    prefix = settings.storage_url.rpartition("/")[2]
    assert place["url"] == f"{server.url}/{server.bucket}"
    assert form["key"] == f"{prefix}/incoming/{place['id']}"
    late = datetime.fromtimestamp(now.timestamp() + settings.direct_upload_s + 5, UTC)
    assert refused_by(policy, form, 100, server.bucket, now) == []
    for changed, size, bucket, at in (
        ({**form, "key": f"{prefix}/blobs/ab/{'ab' * 32}"}, 100, server.bucket, now),
        (form, 101, server.bucket, now),
        (form, 0, server.bucket, now),
        (form, 100, "another", now),
        (form, 100, server.bucket, late),
        ({**form, "Content-Type": "text/html"}, 100, server.bucket, now),
        ({**form, "acl": "public-read"}, 100, server.bucket, now),
    ):
        assert len(refused_by(policy, changed, size, bucket, at)) == 1, changed


BAD_REQUESTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "too large": ({"max_bytes": 3 * MiB}, 413, "max_bytes"),
    "a large picture": ({"max_bytes": 1_000_001, "purpose": "image"}, 413, "max_bytes"),
    "nothing": ({"max_bytes": 0}, 422, "max_bytes"),
    "a key of one's own": ({"key": "blobs/ab"}, 422, "key"),
    "another method": ({"method": "DELETE"}, 422, "method"),
    "a type with a line break": ({"type": "a/b\r\nx: y"}, 422, "type"),
}


@pytest.mark.parametrize("server", ["moto"], indirect=True)
@pytest.mark.parametrize("bad", BAD_REQUESTS)
async def test_a_bad_request_is_refused_by_its_field(bad: str, alice: httpx.AsyncClient, server: S3Server) -> None:
    asked, status, field = BAD_REQUESTS[bad]
    answer = await alice.post("/v1/uploads/direct", json=asked)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


@pytest.mark.parametrize("server", ["moto"], indirect=True)
@pytest.mark.parametrize("purpose", ["any", "image"])
async def test_without_max_bytes_it_takes_no_more_of_the_quota_than_a_picture_may(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, server: S3Server, purpose: str
) -> None:
    assert settings.max_dataset_bytes > settings.max_upload_bytes
    quotas: dict[str, int | None] = {"stored_bytes": settings.max_upload_bytes}
    await OwnerStore(redis).create("alice", quotas)
    place = await created(alice, purpose=purpose)
    assert place["max_bytes"] == settings.max_upload_bytes
    more = await alice.post("/v1/uploads/direct", json={"max_bytes": 1})
    assert (more.status_code, more.json()["code"]) == (507, "owner_storage_full"), "all of it is taken"


@pytest.mark.parametrize("server", ["moto"], indirect=True)
async def test_a_folder_signs_nothing(settings: Settings, redis: ArqRedis, tmp_path: Path, server: S3Server) -> None:
    local = settings.model_copy(update={"storage_url": tmp_path.as_uri(), "storage_endpoint": None})
    async with serving(local) as port, client_of(port) as alice:
        for method in ("POST", "PUT"):
            answer = await alice.post("/v1/uploads/direct", json={"method": method})
            assert (answer.status_code, answer.json()["code"]) == (422, "no_direct_uploads")
