"""Resumable uploads by tus 1.0: what has arrived stays, whichever web process it came to, and becomes an upload."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.catalogue import KINDS
from tasks.queue.redis_keys import INCOMING, UPLOAD
from tasks.settings import MiB, Settings
from tasks.settings.units import KiB
from tasks.storage.protocol import Storage
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.api.tus import BYTES, PATH, TUS, create, half_sent, metadata, offset_of, patch
from tests.support.engine_running import working
from tests.support.eventually import eventually

FILE = os.urandom(300 * KiB)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "max_dataset_bytes": 8 * MiB,
            "min_upload_part_bytes": 10_000,
            "max_upload_parts": 20,
            "max_unfinished_uploads": 5,
            "max_wait_s": 20,
        }
    )


@pytest.fixture
async def engine(redis: ArqRedis, settings: Settings, storage: Storage) -> AsyncIterator[None]:
    async with working(redis, settings, kinds=KINDS, storage=storage):
        yield


def files_in(settings: Settings, folder: str = "incoming") -> list[str]:
    place = Path(settings.storage_url.removeprefix("file://")) / folder
    return [str(path.relative_to(place)) for path in place.rglob("*")]


def digest(content: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


async def test_the_service_says_what_it_supports(alice: httpx.AsyncClient, settings: Settings) -> None:
    answer = await alice.options(PATH)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Extension"].split(",") == [
        *("creation", "creation-with-upload", "expiration", "checksum", "termination")
    ]
    assert answer.headers["Tus-Max-Size"] == str(settings.max_dataset_bytes)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


async def test_parts_that_come_to_several_processes_become_an_upload(
    settings: Settings, redis: ArqRedis, storage: Storage, engine: None
) -> None:
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(serving(settings)) for _ in range(2)]
        clients = [await stack.enter_async_context(client_of(port)) for port in ports]
        path = await create(clients[0], len(FILE), filename="../../day/photo.jpg", tags="user:42,holiday")
        for number, start in enumerate(range(0, len(FILE), 100_000)):
            assert await offset_of(clients[number % 2], path) == start
            answer = await patch(clients[number % 2], path, start, FILE[start : start + 100_000])
            assert answer.status_code == 204, answer.text
            assert answer.headers["Upload-Offset"] == str(min(start + 100_000, len(FILE)))
        upload = (await clients[0].get(f"/v1/uploads/{path.rpartition('/')[2]}")).json()
        assert (upload["sha256"], upload["bytes"]) == (hashlib.sha256(FILE).hexdigest(), len(FILE))
        assert (upload["name"], upload["tags"]) == ("photo.jpg", ["user:42", "holiday"])
        assert b"".join([chunk async for chunk in storage.read(upload["sha256"])]) == FILE
        assert files_in(settings) == []
        assert await offset_of(clients[0], path) == len(FILE)


async def test_a_picture_is_made_of_a_resumable_upload(alice: httpx.AsyncClient, engine: None) -> None:
    headers = {**BYTES, "Upload-Length": str(len(PNG)), "Upload-Metadata": metadata(filename="a.png", purpose="image")}
    answer = await alice.post(PATH, headers=headers, content=PNG)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(PNG)))
    upload_id = answer.headers["Location"].rpartition("/")[2]
    job = await alice.post("/v1/images", json={"upload": upload_id})
    assert (job.status_code, job.json()["name"]) == (202, "a.png")


async def test_what_has_arrived_of_a_cut_request_stays(
    port: int, alice: httpx.AsyncClient, settings: Settings, engine: None
) -> None:
    path = await create(alice, len(FILE))
    connection = await half_sent(port, path, 0, FILE[:123_456], len(FILE))
    connection.close()
    assert await eventually(lambda: offset_of(alice, path), lambda offset: offset > 0) == 123_456
    assert (await patch(alice, path, 123_456, FILE[123_456:])).status_code == 204
    upload = (await alice.get(f"/v1/uploads/{path.rpartition('/')[2]}")).json()
    assert upload["sha256"] == hashlib.sha256(FILE).hexdigest()


async def test_what_has_arrived_of_a_silent_connection_stays(
    port: int, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost connection may give no sign of it: the client goes on, and the old request adds nothing more."""
    monkeypatch.setattr("api.uploads.receive_parts.SILENCE_S", 0.05)
    path = await create(alice, len(FILE))
    connection = await half_sent(port, path, 0, FILE[:50_000], len(FILE))
    assert await eventually(lambda: offset_of(alice, path), lambda offset: offset > 0) == 50_000
    assert (await patch(alice, path, 50_000, FILE[50_000:100_000])).status_code == 204
    connection.write(FILE[50_000:120_000])
    await connection.drain()
    connection.close()
    await asyncio.sleep(0.2)
    assert await offset_of(alice, path) == 100_000


async def test_of_two_requests_at_once_one_wins(port: int, alice: httpx.AsyncClient, settings: Settings) -> None:
    path = await create(alice, len(FILE))
    answers = await asyncio.gather(*(patch(alice, path, 0, FILE[:200_000]) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    lost = max(answers, key=lambda answer: answer.status_code)
    assert (lost.json()["code"], lost.headers["Tus-Resumable"]) == ("offset_conflict", "1.0.0")
    assert await offset_of(alice, path) == 200_000
    stale = await patch(alice, path, 0, FILE[:100_000])
    assert (stale.status_code, stale.json()["field"]) == (409, "Upload-Offset")
    assert len(files_in(settings)) == 2, "a folder with one part"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_body_with_a_checksum_is_kept_whole_or_not_at_all(
    algorithm: str, port: int, alice: httpx.AsyncClient, settings: Settings
) -> None:
    path = await create(alice, len(FILE))
    wrong = await patch(alice, path, 0, FILE[:50_000], **{"Upload-Checksum": digest(FILE[:50_001], algorithm)})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert await offset_of(alice, path) == 0
    assert not any("-" in name for name in files_in(settings))
    right = await patch(alice, path, 0, FILE[:50_000], **{"Upload-Checksum": digest(FILE[:50_000], algorithm)})
    assert right.status_code == 204
    assert await offset_of(alice, path) == 50_000


async def test_a_deleted_upload_leaves_nothing(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, engine: None
) -> None:
    path = await create(alice, len(FILE))
    await patch(alice, path, 0, FILE[:50_000])
    assert (await alice.delete(path, headers=TUS)).status_code == 204
    assert files_in(settings) == []
    for method in ("HEAD", "DELETE"):
        answer = await alice.request(method, path, headers=TUS)
        assert (answer.status_code, answer.headers["Tus-Resumable"]) == (404, "1.0.0")
    done = await create(alice, len(PNG))
    await patch(alice, done, 0, PNG)
    upload_id = done.rpartition("/")[2]
    assert await redis.exists(UPLOAD + upload_id) == 1
    assert (await alice.delete(done, headers=TUS)).status_code == 204
    assert await redis.exists(UPLOAD + upload_id, INCOMING + upload_id) == 0


async def test_an_upload_that_is_deleted_while_it_is_checked_does_not_come_back(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, stored, deleted = storage.put, asyncio.Event(), asyncio.Event()

    async def put_slowly(*args: Any, **options: Any) -> BlobRef:
        blob = await put(*args, **options)
        stored.set()
        await deleted.wait()
        return blob

    path = await create(alice, len(PNG))
    async with working(redis, settings, kinds=KINDS, storage=storage):
        monkeypatch.setattr(storage, "put", put_slowly)
        sending = asyncio.create_task(patch(alice, path, 0, PNG))
        await stored.wait()
        assert (await alice.delete(path, headers=TUS)).status_code == 204
        deleted.set()
        answer = await sending
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    upload_id = path.rpartition("/")[2]
    assert await redis.exists(UPLOAD + upload_id, INCOMING + upload_id) == 0
    assert files_in(settings) == []


async def test_an_upload_that_an_older_worker_did_not_know_is_checked_later(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, storage: Storage
) -> None:
    path = await create(alice, len(PNG))
    async with working(redis, settings, kinds={}, storage=storage):
        answer = await patch(alice, path, 0, PNG)
        assert answer.json()["code"] == "unknown_kind"
    upload = UPLOAD + path.rpartition("/")[2]
    async with working(redis, settings, kinds=KINDS, storage=storage):
        assert (await alice.head(path, headers=TUS)).status_code == 200
        await eventually(lambda: redis.exists(upload))
        assert await offset_of(alice, path) == len(PNG)


async def test_an_upload_is_its_owners(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    path, unknown = await create(alice, len(FILE)), f"{PATH}/{'0' * 32}"
    for method in ("HEAD", "DELETE", "PATCH"):
        headers = {**BYTES, "Upload-Offset": "0"} if method == "PATCH" else TUS
        seen = [await bob.request(method, one, headers=headers) for one in (path, unknown)]
        assert [answer.status_code for answer in seen] == [404, 404]
        assert len({answer.text.replace(path.rpartition("/")[2], "0" * 32)[:300] for answer in seen}) <= 2
    assert await offset_of(alice, path) == 0


async def test_what_is_no_picture_is_refused_where_one_was_promised(
    alice: httpx.AsyncClient, settings: Settings, engine: None
) -> None:
    path = await create(alice, len(FILE), purpose="image")
    answer = await patch(alice, path, 0, b"x" * len(FILE))
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_format")
    assert (await alice.head(path, headers=TUS)).status_code == 404
    assert files_in(settings) == []
    assert [name for name in files_in(settings, "blobs") if len(name) > 10] == []


BAD_CREATIONS = {
    "no length": ({}, 422, "Upload-Length"),
    "an odd length": ({"Upload-Length": "+5"}, 422, "Upload-Length"),
    "another base": ({"Upload-Length": "0x5"}, 422, "Upload-Length"),
    "a negative length": ({"Upload-Length": "-1"}, 422, "Upload-Length"),
    "nothing": ({"Upload-Length": "0"}, 422, "Upload-Length"),
    "too much": ({"Upload-Length": str(8 * MiB + 1)}, 413, "Upload-Length"),
    "a large picture": (
        {"Upload-Length": "1000001", "Upload-Metadata": metadata(purpose="image")},
        413,
        "Upload-Length",
    ),
    "an unknown length": ({"Upload-Length": "5", "Upload-Defer-Length": "1"}, 422, "Upload-Defer-Length"),
    "a concatenation": ({"Upload-Length": "5", "Upload-Concat": "partial"}, 422, "Upload-Concat"),
    "no base64": ({"Upload-Length": "5", "Upload-Metadata": "filename a.png"}, 422, "Upload-Metadata"),
    "no text": ({"Upload-Length": "5", "Upload-Metadata": metadata(filename=b"\xff")}, 422, "Upload-Metadata"),
    "a key twice": ({"Upload-Length": "5", "Upload-Metadata": "filename YQ==,filename YQ=="}, 422, "Upload-Metadata"),
    "an unknown key": ({"Upload-Length": "5", "Upload-Metadata": metadata(owner="bob")}, 422, "Upload-Metadata"),
    "a bad media type": (
        {"Upload-Length": "5", "Upload-Metadata": metadata(filetype="a\r\nb")},
        422,
        "Upload-Metadata",
    ),
    "a bad tag": ({"Upload-Length": "5", "Upload-Metadata": metadata(tags="a b")}, 422, "tags"),
    "another purpose": ({"Upload-Length": "5", "Upload-Metadata": metadata(purpose="x")}, 422, "Upload-Metadata"),
    "another version": ({"Upload-Length": "5", "Tus-Resumable": "0.2.2"}, 412, "Tus-Resumable"),
}


@pytest.mark.parametrize("bad", BAD_CREATIONS)
async def test_a_bad_creation_is_refused_by_its_field(bad: str, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    headers, status, field = BAD_CREATIONS[bad]
    answer = await alice.post(PATH, headers={**TUS, **headers})
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert (answer.headers["Tus-Resumable"], answer.headers["Tus-Version"]) == ("1.0.0", "1.0.0")
    assert await redis.keys(f"{INCOMING}*") == []


async def test_an_owner_has_few_unfinished_uploads(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, engine: None
) -> None:
    paths = [await create(alice, len(PNG)) for _ in range(5)]
    answer = await alice.post(PATH, headers={**TUS, "Upload-Length": "5"})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (409, "too_many_uploads", 5)
    await create(bob, 5)
    assert (await patch(alice, paths[0], 0, PNG)).status_code == 204  # complete
    await create(alice, 5)
    await alice.delete(paths[1], headers=TUS)
    await create(alice, 5)


async def test_no_more_bytes_are_taken_than_were_declared(
    alice: httpx.AsyncClient, settings: Settings, storage: Storage
) -> None:
    async def of_unknown_length() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(10_000)

    path = await create(alice, 100_000)
    for content in (bytes(100_001), of_unknown_length()):
        answer = await patch(alice, path, 0, content)
        assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_large", 100_000)
    assert await offset_of(alice, path) == 0
    assert not any("-" in name for name in files_in(settings))
    beyond = await patch(alice, path, 100_001, b"x")
    assert (beyond.status_code, beyond.json()["field"]) == (422, "Upload-Offset")


async def test_thousands_of_tiny_parts_are_refused(port: int, alice: httpx.AsyncClient, settings: Settings) -> None:
    path = await create(alice, len(FILE))
    small = await patch(alice, path, 0, FILE[:9_999])
    assert (small.status_code, small.json()["code"], small.json()["limit"]) == (422, "part_too_small", 10_000)
    for number in range(settings.max_upload_parts):  # cut ones are not refused, but counted
        (await half_sent(port, path, number, FILE[number : number + 1], 20_000)).close()
        await eventually(lambda: offset_of(alice, path), lambda offset, wanted=number + 1: offset == wanted)
    answer = await patch(alice, path, settings.max_upload_parts, FILE[settings.max_upload_parts :])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_parts")


async def test_the_media_type_of_bytes_is_that_of_the_protocol(alice: httpx.AsyncClient) -> None:
    path = await create(alice, 5)
    answer = await patch(alice, path, 0, b"12345", **{"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert (await alice.patch(path, content=b"12345", headers={**BYTES})).json()["field"] == "Upload-Offset"
