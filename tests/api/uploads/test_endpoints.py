"""/v1/uploads: bytes for jobs to come, their owner's alone, for a time; and pictures made of them."""

import hashlib
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import BLOB, JOB, UPLOAD
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG, big
from tests.support.api.serving import client_of, serving

CSV = b"day,amount\n2026-11-20,9.50\n"


async def sent(client: httpx.AsyncClient, content: bytes = CSV, **params: str) -> str:
    upload_id: str = (await client.post("/v1/uploads", content=content, params=params)).json()["id"]
    return upload_id


async def test_bytes_of_any_type_become_an_upload(
    alice: httpx.AsyncClient, storage: Storage, settings: Settings
) -> None:
    before = time.time()
    answer = await alice.post("/v1/uploads", content=CSV, params={"name": "../tables/äöü.csv"})
    assert answer.status_code == 201
    upload = answer.json()
    assert answer.headers["Location"] == f"/v1/uploads/{upload['id']}"
    assert (upload["bytes"], upload["sha256"]) == (len(CSV), hashlib.sha256(CSV).hexdigest())
    assert upload["name"] == "äöü.csv"
    expires = datetime.fromisoformat(upload["expires_at"])
    assert expires.tzinfo == UTC
    assert before + settings.keep_uploads_s - 1 <= expires.timestamp() <= time.time() + settings.keep_uploads_s
    assert b"".join([chunk async for chunk in storage.read(upload["sha256"])]) == CSV
    assert (await alice.get(answer.headers["Location"])).json() == upload


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/x-www-form-urlencoded", None])
async def test_nothing_is_made_of_the_type(alice: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert (await alice.post("/v1/uploads", content=CSV, headers=headers)).status_code == 201


async def test_an_upload_is_its_owners(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    place = f"/v1/uploads/{await sent(alice)}"
    for method in ("GET", "DELETE"):
        answer = await bob.request(method, place)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await alice.get(place)).status_code == 200


async def test_a_deleted_upload_is_gone_and_what_was_made_of_it_stays(
    alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    upload_id = await sent(alice, PNG)
    job = (await alice.post("/v1/images", json={"upload": upload_id})).json()
    assert (await alice.delete(f"/v1/uploads/{upload_id}")).status_code == 204
    assert (await alice.get(f"/v1/uploads/{upload_id}")).status_code == 404
    assert (await alice.delete(f"/v1/uploads/{upload_id}")).status_code == 404
    assert await redis.smembers(BLOB + hashlib.sha256(PNG).hexdigest()) == {job["id"].encode()}


async def test_an_upload_expires(alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings) -> None:
    upload_id = await sent(alice)
    assert 0 < await redis.pttl(UPLOAD + upload_id) <= settings.keep_uploads_s * 1000
    assert await redis.smembers(BLOB + hashlib.sha256(CSV).hexdigest()) == {f"upload:{upload_id}".encode()}


async def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(
    settings: Settings, redis: ArqRedis, storage: Storage
) -> None:
    async def of_unknown_length() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield os.urandom(10_000)

    async with (
        serving(settings.model_copy(update={"max_dataset_bytes": 100_000})) as port,
        client_of(port) as alice,
    ):
        for content in (bytes(100_001), of_unknown_length()):
            answer = await alice.post("/v1/uploads", content=content)
            assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_large", 100_000)
        assert (await alice.post("/v1/uploads", content=bytes(100_000))).status_code == 201
    assert len([blob async for blob in storage.blobs()]) == 1
    assert len([key async for key in redis.scan_iter(UPLOAD + "*")]) == 1


async def test_an_empty_upload_and_a_form_are_refused(alice: httpx.AsyncClient, storage: Storage) -> None:
    empty = await alice.post("/v1/uploads", content=b"")
    assert (empty.status_code, empty.json()["code"]) == (422, "no_file")
    form = await alice.post("/v1/uploads", files={"file": ("a.csv", CSV)})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert [blob async for blob in storage.blobs()] == []


async def test_a_picture_can_be_made_of_an_upload_as_often_as_one_likes(
    alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    upload_id = await sent(alice, PNG, name="cat.png")
    first = await alice.post("/v1/images", json={"upload": upload_id})
    assert first.status_code == 202
    assert first.json()["params"]["upload"] == {"blob": hashlib.sha256(PNG).hexdigest(), "bytes": len(PNG)}
    assert first.json()["name"] == "cat.png"
    assert len(first.json()["params"]["variants"]) == 4
    own = [{"name": "tiny", "width": 16}]
    for variants, names in (("avatar", ["avatar-64", "avatar-128", "avatar-256"]), (own, ["tiny"])):
        answer = await alice.post("/v1/images", json={"upload": upload_id, "variants": variants})
        assert [one["name"] for one in answer.json()["params"]["variants"]] == names
    named = await alice.post("/v1/images?variants=avatar", json={"upload": upload_id})
    assert len(named.json()["params"]["variants"]) == 3


BAD_NAMES = {
    "no JSON": (b"{", 422, "invalid_request", "body"),
    "no object": (b"[]", 422, "invalid_request", "body"),
    "nothing named": (b"{}", 422, "invalid_request", "upload"),
    "a strange id": (b'{"upload": "../../etc/passwd"}', 422, "invalid_request", "upload"),
    "an unknown field": (b'{"upload": "%s", "variant": "avatar"}', 422, "invalid_request", "variant"),
    "a wrong variant": (
        b'{"upload": "%s", "variants": [{"name": "a", "width": 0}]}',
        422,
        "invalid_params",
        "variants.0.width",
    ),
    "an unknown preset": (b'{"upload": "%s", "variants": "huge"}', 422, "invalid_params", "variants"),
    "an upload of nobody": (b'{"upload": "%s"}' % (b"0" * 32), 404, "not_found", "upload"),
    "a long body": (b'{"upload": "%s", "variants": "' + b" " * 20_000 + b'"}', 413, "too_large", "body"),
    "a depth bomb": (b"[" * 15_000, 422, "invalid_request", "body"),
}


@pytest.mark.parametrize("bad", BAD_NAMES)
async def test_a_bad_name_of_an_upload_is_told_apart(bad: str, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    body, status, code, field = BAD_NAMES[bad]
    upload_id = (await sent(alice, PNG)).encode()
    answer = await alice.post(
        "/v1/images", content=body.replace(b"%s", upload_id), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


async def test_an_upload_that_is_no_picture_makes_none(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    table, large, others = await sent(alice), await sent(alice, big(1_000_001)), await sent(bob, PNG)
    for upload_id, status, code in (
        (table, 422, "unsupported_format"),
        (large, 413, "too_large"),
        (others, 404, "not_found"),
    ):
        answer = await alice.post("/v1/images", json={"upload": upload_id})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, "upload")
