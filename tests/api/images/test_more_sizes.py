"""`{"job": …}`: more variants of a picture that was submitted before, and `keep`, which keeps it for them."""

import hashlib

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.uploads.store import keep as keep_upload
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.blobs import put

BANNER = [{"name": "banner", "width": 1200}]


async def submitted(client: httpx.AsyncClient, **options: str) -> str:
    answer = await client.post("/v1/images", content=PNG, params={"name": "cat.png", **options})
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


@pytest.mark.parametrize("ended", [True, False])
async def test_more_variants_are_made_of_the_picture_of_a_former_job(
    alice: httpx.AsyncClient, worker: ManualWorker, ended: bool
) -> None:
    job_id = await submitted(alice)
    if ended:
        await worker.end(job_id)
    answer = await alice.post("/v1/images", json={"job": job_id, "variants": BANNER, "tags": ["later"]})
    assert answer.status_code == 202
    job = answer.json()
    assert job["params"]["upload"] == {"blob": hashlib.sha256(PNG).hexdigest(), "bytes": len(PNG)}
    assert [one["name"] for one in job["params"]["variants"]] == ["banner"]
    assert (job["name"], job["tags"]) == ("cat.png", ["later"])
    assert job["id"] != job_id


async def test_what_is_kept_outlives_the_record_of_the_job(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await submitted(alice)
    await worker.end(job_id)
    blob = await put(storage, PNG)
    await keep_upload(redis, "alice", blob, name="kept.png", seconds=60, upload_id=job_id)
    await redis.hset(JOB + job_id, "expires_at", "1")
    answer = await alice.post("/v1/images", json={"job": job_id, "variants": BANNER})
    assert (answer.status_code, answer.json()["name"]) == (202, "kept.png")
    others = await bob.post("/v1/images", json={"job": job_id, "variants": BANNER})
    assert (others.status_code, others.json()["code"]) == (404, "not_found")


async def test_deleting_the_job_deletes_what_is_kept(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await submitted(alice)
    await keep_upload(redis, "alice", await put(storage, PNG), name=None, seconds=60, upload_id=job_id)
    await worker.end(job_id)
    assert (await alice.delete(f"/v1/jobs/{job_id}")).status_code == 204
    assert (await alice.get(f"/v1/uploads/{job_id}")).status_code == 404
    answer = await alice.post("/v1/images", json={"job": job_id})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, "not_found", "job")


async def test_what_is_gone_says_so(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    mine, others, expired = await submitted(alice), await submitted(bob), await submitted(alice)
    await worker.end(expired)
    await redis.hset(JOB + expired, "expires_at", "1")
    fetched = (await alice.post("/v1/images", json={"url": "http://127.0.0.1:9999/cat.png"})).json()["id"]
    event = (await alice.post("/v1/events", json={"type": "a", "data": {}})).json()["id"]
    for job_id, status, code in (
        (others, 404, "not_found"),
        (event, 404, "not_found"),
        (expired, 410, "expired"),
        (fetched, 409, "inputs_gone"),
    ):
        answer = await alice.post("/v1/images", json={"job": job_id})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, "job")
    failed = (await alice.post("/v1/images", json={"url": "http://127.0.0.1:9999/cat.png"})).json()["id"]
    await worker.end(failed, "failed", error=("bad_status", "The URL answers 404."))
    answer = await alice.post("/v1/images", json={"job": failed})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "inputs_gone", "job")
    assert "has failed and has no image" in answer.json()["detail"]
    for twice in ({"job": mine, "upload": mine}, {"job": mine, "url": "http://127.0.0.1:9999/cat.png"}, {}):
        answer = await alice.post("/v1/images", json=twice)
        assert (answer.status_code, answer.json()["field"]) == (422, "upload")


async def test_keep_is_a_param_of_every_way_to_submit(alice: httpx.AsyncClient) -> None:
    answers = [
        await alice.post("/v1/images?keep=90d", content=PNG),
        await alice.post("/v1/images?keep=1h", files={"file": PNG}, data={"keep": "90d"}),
        await alice.post("/v1/images", json={"url": "http://127.0.0.1:9999/cat.png", "keep": "90d"}),
    ]
    assert [answer.json()["params"]["keep_s"] for answer in answers] == [90 * 86_400] * 3
    assert "keep_s" not in (await alice.post("/v1/images", content=PNG)).json()["params"]


@pytest.mark.parametrize("keep", ["90", "0d", "-1d", "1.5h", "d", "90 days", "1e3s", "9999999999d", "11s", ""])
async def test_a_bad_time_is_refused(settings: Settings, redis: ArqRedis, keep: str) -> None:
    async with serving(settings.model_copy(update={"max_keep_s": 10})) as port, client_of(port) as alice:
        answer = await alice.post("/v1/images", content=PNG, params={"keep": keep})
        named = await alice.post("/v1/images", json={"url": "http://127.0.0.1:9999/cat.png", "keep": keep})
        form = await alice.post("/v1/images", files={"file": PNG}, data={"keep": keep})
        assert (await alice.post("/v1/images", content=PNG, params={"keep": "10s"})).status_code == 202
    for refused in (answer, named, form):
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            422,
            "invalid_request",
            "keep",
        )
