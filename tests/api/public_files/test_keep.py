"""`keep`: for how long a job is there with its files and its original."""

import hashlib
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.owners import OwnerStore
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import BLOB, BLOB_MS, DAY_MS, JOB
from tasks.settings import Settings
from tasks.settings.units import DAY_S, FOREVER_S
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of, serving
from tests.support.api.specs import spec
from tests.support.blobs import put

BODY = b"bytes of a picture"
NEAR_MS = 60_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_keep_s": FOREVER_S})


async def left_ms(redis: ArqRedis, job_id: str) -> int:
    """Milliseconds for which a job that has just ended is kept."""
    finished, expires = await redis.hmget(JOB + job_id, "finished_at", "expires_at")
    return int(expires or 0) - int(finished or 0)


async def test_a_job_is_kept_with_its_files_and_its_original(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage, settings: Settings
) -> None:
    blob = await put(storage, BODY)
    for keep, seconds in (("1h", 3600), ("90d", 90 * DAY_S), ("forever", FOREVER_S), (None, settings.keep_succeeded_s)):
        submitted = await alice.post("/v1/images", content=PNG, params={"keep": keep} if keep else {})
        job_id = submitted.json()["id"]
        await worker.end(job_id, result=Result(files=(OutputFile("a.jpg", blob.sha256, "image/jpeg", blob.bytes),)))
        assert await left_ms(redis, job_id) == 1000 * seconds
        record_ms = await redis.pttl(JOB + job_id)
        assert abs(record_ms - 1000 * (seconds + settings.tombstone_s)) < NEAR_MS
        for sha256 in (blob.sha256, hashlib.sha256(PNG).hexdigest()):
            assert await redis.sismember(BLOB + sha256, job_id)
            assert await redis.pttl(BLOB + sha256) >= min(1000 * seconds, BLOB_MS) - NEAR_MS
            if keep == "forever":
                assert await redis.pttl(BLOB + sha256) > 1000 * seconds
        assert (await alice.get(f"/v1/jobs/{job_id}/files/a.jpg")).content == BODY
        job = (await alice.get(f"/v1/jobs/{job_id}")).json()
        assert "keep_s" not in job["params"] or job["params"]["keep_s"] == seconds


async def test_it_is_said_in_the_query_a_form_or_json(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    answers = [
        await alice.post("/v1/images", content=PNG, params={"keep": "30d"}),
        await alice.post("/v1/images", files={"file": ("a.png", PNG)}, data={"keep": "30d"}),
        await alice.post("/v1/images", json={"upload": upload, "keep": "30d"}),
        await alice.post("/v1/reports", json=spec(), params={"keep": "30d"}),
        await alice.post("/v1/reports", json=spec(keep="30d")),
        await alice.post("/v1/reports", files={"file": ("a.csv", b"a\n1\n", "text/csv")}, data={"keep": "30d"}),
    ]
    for answer in answers:
        assert answer.status_code == 202, answer.text
        kept = await redis.hmget(JOB + answer.json()["id"], "keep_ms", "keep")
        assert kept == [str(30 * DAY_MS).encode(), b"1"]


async def test_a_failed_job_is_kept_as_long(alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker) -> None:
    job_id = (await alice.post("/v1/images?keep=90d", content=PNG)).json()["id"]
    await worker.end(job_id, "failed", error=("corrupt", "It is damaged."))
    assert await left_ms(redis, job_id) == 90 * DAY_MS


@pytest.mark.parametrize("keep", ["0d", "1y", "-1h", "ever", "1h1h", "", "9999999999d"])
async def test_what_is_no_time_is_refused(alice: httpx.AsyncClient, keep: str) -> None:
    for path, body in (("/v1/images", {"content": PNG}), ("/v1/reports", {"json": spec()})):
        answer = await alice.post(path, params={"keep": keep}, **body)
        assert (answer.status_code, answer.json()["field"]) == (422, "keep")


async def test_more_than_the_limit_is_refused(settings: Settings, redis: ArqRedis) -> None:
    less = settings.model_copy(update={"max_keep_s": 10 * DAY_S})
    async with serving(less) as port, client_of(port) as alice:
        for keep in ("11d", "forever"):
            answer = await alice.post("/v1/reports", json=spec(keep=keep))
            assert (answer.status_code, answer.json()["limit"]) == (422, 10 * DAY_S)
        assert (await alice.post("/v1/reports", json=spec(keep="10d"))).status_code == 202


async def test_an_owner_may_have_a_limit_of_its_own(settings: Settings, redis: ArqRedis) -> None:
    less = settings.model_copy(update={"max_keep_s": 10 * DAY_S})
    for owner, most_s in (("alice", 20 * DAY_S), ("bob", 0)):
        await OwnerStore(redis).create(owner, {"keep_seconds": most_s})
    async with serving(less) as port, client_of(port) as alice, client_of(port, BOB) as bob:
        for client, keep, limit in ((alice, "21d", 20 * DAY_S), (bob, "1s", 0)):
            sent: tuple[dict[str, Any], ...] = (
                {"url": "/v1/reports", "json": spec(keep=keep)},
                {"url": f"/v1/images?keep={keep}", "content": PNG},
                {"url": "/v1/images", "files": {"file": PNG}, "data": {"keep": keep}},
            )
            for request in sent:
                answer = await client.post(**request)
                assert (answer.status_code, answer.json()["field"], answer.json()["limit"]) == (422, "keep", limit)
        assert (await alice.post("/v1/reports", json=spec(keep="20d"))).status_code == 202
