"""/v1/batches: opened, joined, sealed; and jobs that wait for others."""

import json

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.webhook.notify_url import open_url
from tasks.webhook.secret_box import SecretBox
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG


async def opened(client: httpx.AsyncClient, **said: object) -> str:
    answer = await client.post("/v1/batches", json=said)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    return str(answer.json()["id"])


async def test_a_batch_counts_its_jobs_and_ends_with_the_last(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    batch = await opened(alice, name="album")
    jobs = [
        (await alice.post("/v1/images", content=PNG + bytes([number]), params={"batch": batch})).json()
        for number in range(2)
    ]
    assert {job["batch"] for job in jobs} == {batch}
    await worker.end(jobs[0]["id"])
    seen = (await alice.get(f"/v1/jobs/{batch}")).json()
    assert (seen["kind"], seen["name"], seen["state"]) == ("batch", "album", "running")
    assert seen["jobs"] == {"running": 1, "succeeded": 1}
    await worker.end(jobs[1]["id"])
    assert (await alice.get(f"/v1/jobs/{batch}")).json()["state"] == "running", "more may join"
    sealed = await alice.post(f"/v1/batches/{batch}/seal")
    assert (sealed.status_code, sealed.json()["state"]) == (200, "succeeded")


async def test_a_sealed_batch_takes_no_more(alice: httpx.AsyncClient) -> None:
    batch = await opened(alice)
    await alice.post(f"/v1/batches/{batch}/seal")
    late = await alice.post("/v1/images", content=PNG, params={"batch": batch})
    assert (late.status_code, late.json()["code"], late.json()["field"]) == (409, "batch_sealed", "batch")


async def test_a_batch_has_no_unique_key(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/batches", json={"unique": "k"})
    assert (answer.status_code, answer.json()["field"]) == (422, "unique")


async def test_a_batch_is_its_owners(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    batch = await opened(alice)
    assert (await bob.post(f"/v1/batches/{batch}/seal")).status_code == 404
    joined = await bob.post("/v1/images", content=PNG, params={"batch": batch})
    assert (joined.status_code, joined.json()["field"]) == (404, "batch")
    assert (await alice.post("/v1/batches/nobody/seal")).json()["code"] == "not_found"
    assert (await alice.post(f"/v1/batches/{batch}/seal")).status_code == 200


async def test_whom_to_notify_is_kept_for_its_end(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    batch = await opened(alice, notify="https://example.com/album")
    stored = await redis.hget(JOB + batch, "notify")
    assert stored is not None
    assert open_url(json.loads(stored)["url"], SecretBox.of("k" * 32)) == "https://example.com/album"
    wrong = await alice.post("/v1/batches", json={"notify": "gopher://example.com/"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "notify.url")
    await alice.post(f"/v1/batches/{batch}/seal")


async def test_a_job_waits_for_those_it_comes_after(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    first = (await alice.post("/v1/images", content=PNG)).json()["id"]
    later = await alice.post("/v1/images", content=PNG + b"!", params={"after": f"{first}, "})
    assert (later.status_code, later.json()["state"], later.json()["after"]) == (202, "scheduled", [first])
    await worker.end(first)
    await worker.begin()
    assert (await alice.get(f"/v1/jobs/{later.json()['id']}")).json()["state"] == "running"


@pytest.mark.parametrize(
    ("after", "status", "code"), [("nobody", 404, "not_found"), (",".join(["a"] * 101), 422, "invalid_request")]
)
async def test_what_cannot_be_waited_for_is_refused_by_name(
    alice: httpx.AsyncClient, after: str, status: int, code: str
) -> None:
    answer = await alice.post("/v1/images", content=PNG, params={"after": after})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, "after")


async def test_nothing_waits_for_what_has_failed(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    failed = (await alice.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(failed, "failed", error=("corrupt", "It is damaged."))
    answer = await alice.post("/v1/images", content=PNG + b"!", params={"after": failed})
    assert (answer.status_code, answer.json()["code"]) == (409, "prerequisite_failed")
