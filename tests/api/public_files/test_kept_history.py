"""With HISTORY=storage, a job with `keep` leaves Redis a day after its end, and everything by its id works on."""

from collections.abc import AsyncIterator

import httpx
import pytest
from arq.connections import ArqRedis

from api.public_files import live_files
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import DAY_MS, JOB, UNNEEDED, UPLOAD
from tasks.settings import Settings
from tasks.settings.units import DAY_S
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import serving
from tests.support.api.specs import spec
from tests.support.blobs import put
from tests.support.queue.history import let_pass, move

BODY = b"bytes of a picture"


@pytest.fixture(autouse=True)
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_files, "KNOWN_S", 0)


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    changes = {"history": "storage", "max_keep_s": 100 * DAY_S}
    async with serving(settings.model_copy(update=changes)) as port:
        yield port


async def kept(client: httpx.AsyncClient, worker: ManualWorker, storage: Storage) -> str:
    """A job that is kept for 90 days, and has ended."""
    blob = await put(storage, BODY)
    job_id: str = (await client.post("/v1/images?keep=90d", content=PNG)).json()["id"]
    await worker.end(job_id, result=Result(files=(OutputFile("a.png", blob.sha256, "image/png", blob.bytes),)))
    return job_id


async def moved(redis: ArqRedis, storage: Storage, job_id: str) -> None:
    await let_pass(redis, [job_id], DAY_MS)
    assert await move(redis, storage, [job_id], in_redis_ms=DAY_MS) == 1
    assert not await redis.exists(JOB + job_id)


async def test_record_files_and_urls_work_on(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await kept(alice, worker, storage)
    url = (await alice.post(f"/v1/jobs/{job_id}/files/a.png/url", json={})).json()["url"]
    before = (await alice.get(f"/v1/jobs/{job_id}")).json()
    await moved(redis, storage, job_id)
    after = (await alice.get(f"/v1/jobs/{job_id}")).json()
    assert before | {"expires_at": after["expires_at"]} == after
    for path in (f"/v1/jobs/{job_id}/files/a.png", url):
        answer = await alice.get(path)
        assert (answer.status_code, answer.content) == (200, BODY)
        assert (await alice.head(path)).headers["Content-Length"] == str(len(BODY))
    again = await alice.post(f"/v1/jobs/{job_id}/files/a.png/url", json={})
    assert again.json()["url"] == url
    assert (await bob.get(f"/v1/jobs/{job_id}/files/a.png")).status_code == 404
    retried = await alice.post(f"/v1/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["code"]) == (409, "not_retryable")
    assert "Submit it again." in retried.json()["detail"]


async def test_more_is_made_of_it(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await kept(alice, worker, storage)
    await moved(redis, storage, job_id)
    report = spec(blocks=[{"type": "image", "source": {"job": job_id, "file": "a.png"}, "width": 200}])
    for client, status in ((alice, 202), (bob, 404)):
        assert (await client.post("/v1/images", json={"job": job_id})).status_code == status
        answer = await client.post("/v1/reports", json=report)
        assert answer.status_code == status, answer.text


async def test_a_deletion_takes_all_of_it(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await kept(alice, worker, storage)
    url = (await alice.post(f"/v1/jobs/{job_id}/files/a.png/url", json={})).json()["url"]
    upload = (await alice.post("/v1/uploads", content=PNG)).json()
    # The original of a picture from a URL, as a worker keeps it.
    for name, value in (await redis.hgetall(UPLOAD + upload["id"])).items():
        await redis.hset(UPLOAD + job_id, name, value)
    await moved(redis, storage, job_id)
    assert (await alice.delete(f"/v1/jobs/{job_id}")).status_code == 204
    assert not await redis.exists(UPLOAD + job_id)
    assert await redis.zcard(UNNEEDED) == 2, "the picture and its original"
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/files/a.png", url):
        assert (await alice.get(path)).status_code == 404
