"""What may be done to one job over HTTP: the answer of each verb is true, also when the worker was faster."""

import asyncio
import time
from hashlib import sha256

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import CHANGES, JOB
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.eventually import eventually


async def submit(client: httpx.AsyncClient, query: str = "") -> str:
    answer = await client.post(f"/v1/images{query}", content=PNG)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestCancellation:
    @pytest.mark.parametrize("query", ["", "?delay=3600"])
    async def test_a_job_that_waits_is_cancelled_at_once(self, alice: httpx.AsyncClient, query: str) -> None:
        job_id = await submit(alice, query)
        answer = await alice.post(f"/v1/jobs/{job_id}/cancellation")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert answer.json()["error"]["code"] == "cancelled"
        assert answer.json() == (await alice.get(f"/v1/jobs/{job_id}")).json()

    async def test_of_a_job_that_runs_the_worker_has_a_moment(
        self, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        await worker.begin()
        cancelling = asyncio.create_task(alice.post(f"/v1/jobs/{job_id}/cancellation"))
        await eventually(lambda: redis.pubsub_channels(CHANGES + job_id))
        await worker.end(job_id, "cancelled", error=("cancelled", "Cancelled while it ran."))
        answer = await cancelling
        assert (answer.status_code, answer.json()["state"], answer.json()["files"]) == (200, "cancelled", [])

    async def test_a_worker_that_does_not_let_go_is_no_reason_to_wait_for_ever(
        self, alice: httpx.AsyncClient, worker: ManualWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.jobs.verbs.CANCEL_WAIT_S", 0.1)
        job_id = await submit(alice)
        await worker.begin()
        answer = await alice.post(f"/v1/jobs/{job_id}/cancellation")
        assert (answer.status_code, answer.json()["state"]) == (202, "running")
        assert answer.headers["Location"] == f"/v1/jobs/{job_id}"
        await worker.end(job_id)
        assert code(await alice.post(f"/v1/jobs/{job_id}/cancellation")) == (409, "already_ended")

    @pytest.mark.parametrize("verb", ["succeeded", "failed"])
    async def test_a_job_that_had_ended_stays_as_it_ended(
        self, alice: httpx.AsyncClient, worker: ManualWorker, verb: str
    ) -> None:
        job_id = await submit(alice)
        await worker.end(job_id, verb)  # type: ignore[arg-type]
        answer = await alice.post(f"/v1/jobs/{job_id}/cancellation")
        assert (*code(answer), answer.json()["state"]) == (409, "already_ended", verb)

    async def test_a_job_that_ends_while_it_is_cancelled_says_how(
        self, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        await worker.begin()
        cancelling = asyncio.create_task(alice.post(f"/v1/jobs/{job_id}/cancellation"))
        await eventually(lambda: redis.pubsub_channels(CHANGES + job_id))
        await worker.end(job_id)
        answer = await cancelling
        assert (*code(answer), answer.json()["state"]) == (409, "already_ended", "succeeded")

    async def test_it_may_be_said_again(self, alice: httpx.AsyncClient) -> None:
        job_id = await submit(alice)
        first, second = [await alice.post(f"/v1/jobs/{job_id}/cancellation") for _ in range(2)]
        assert (first.status_code, first.json()) == (second.status_code, second.json())


class TestRetry:
    @pytest.mark.parametrize("verb", ["failed", "cancelled"])
    async def test_an_ended_job_runs_anew_and_keeps_its_story(
        self, alice: httpx.AsyncClient, worker: ManualWorker, verb: str
    ) -> None:
        job_id = await submit(alice)
        await worker.end(job_id, verb, error=("truncated", "It ends early."))  # type: ignore[arg-type]
        answer = await alice.post(f"/v1/jobs/{job_id}/retry")
        job = answer.json()
        assert (answer.status_code, job["id"], job["state"]) == (202, job_id, "queued")
        assert [one["outcome"] for one in job["attempts"]] == [verb]
        assert not job.keys() & {"error", "finished_at", "expires_at"}
        await worker.end(job_id)
        job = (await alice.get(f"/v1/jobs/{job_id}")).json()
        assert (job["state"], [one["number"] for one in job["attempts"]]) == ("succeeded", [1, 2])

    async def test_other_jobs_are_not_retried(self, alice: httpx.AsyncClient, worker: ManualWorker) -> None:
        done, waiting, later = await submit(alice), await submit(alice), await submit(alice, "?delay=3600")
        await worker.end(done)
        for job_id, state in ((done, "succeeded"), (waiting, "running"), (later, "scheduled")):
            answer = await alice.post(f"/v1/jobs/{job_id}/retry")
            assert code(answer) == (409, "not_retryable")
            assert state in answer.json()["detail"]

    async def test_a_job_whose_picture_is_gone_is_not_retried(
        self, alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage
    ) -> None:
        job_id = await submit(alice)
        await worker.end(job_id, "failed")
        await storage.delete([sha256(PNG).hexdigest()])
        assert code(await alice.post(f"/v1/jobs/{job_id}/retry")) == (409, "inputs_gone")
        assert (await alice.get(f"/v1/jobs/{job_id}")).json()["state"] == "failed"


class TestDeletion:
    async def test_a_deleted_job_is_unknown_and_in_no_list(
        self, alice: httpx.AsyncClient, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        await worker.end(job_id)
        answer = await alice.delete(f"/v1/jobs/{job_id}")
        assert (answer.status_code, answer.content) == (204, b"")
        for path in ("", "/files/small.jpg", "/events"):
            assert code(await alice.get(f"/v1/jobs/{job_id}{path}")) == (404, "not_found")
        assert (await alice.get("/v1/jobs")).json() == {"jobs": []}
        assert code(await alice.delete(f"/v1/jobs/{job_id}")) == (404, "not_found")

    async def test_a_living_job_must_be_cancelled_first(self, alice: httpx.AsyncClient) -> None:
        job_id = await submit(alice)
        answer = await alice.delete(f"/v1/jobs/{job_id}")
        assert code(answer) == (409, "not_ended")
        assert "Cancel it first." in answer.json()["detail"]
        await alice.post(f"/v1/jobs/{job_id}/cancellation")
        assert (await alice.delete(f"/v1/jobs/{job_id}")).status_code == 204


VERBS = (("post", "/cancellation"), ("post", "/retry"), ("delete", ""))


@pytest.mark.parametrize(("method", "verb"), VERBS)
async def test_anothers_job_is_as_unknown_as_none(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, method: str, verb: str
) -> None:
    job_id = await submit(alice)
    for one in (job_id, "0" * 32):
        assert code(await bob.request(method, f"/v1/jobs/{one}{verb}")) == (404, "not_found")
    assert (await alice.get(f"/v1/jobs/{job_id}")).json()["state"] == "queued"


@pytest.mark.parametrize(("method", "verb"), VERBS)
async def test_what_has_expired_is_gone(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, method: str, verb: str
) -> None:
    job_id = await submit(alice)
    await worker.end(job_id, "failed")
    await redis.hset(JOB + job_id, "expires_at", int(time.time() * 1000) - 1)
    assert code(await alice.request(method, f"/v1/jobs/{job_id}{verb}")) == (410, "expired")


async def test_a_jobs_links_are_what_may_be_done_now(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)

    async def links() -> set[str]:
        job = (await alice.get(f"/v1/jobs/{job_id}")).json()
        return set(job["links"])

    assert await links() == {"self", "events", "cancellation"}
    await worker.end(job_id, "failed")
    assert await links() == {"self", "retry"}
    job = (await alice.get(f"/v1/jobs/{job_id}")).json()
    assert (await alice.post(job["links"]["retry"])).status_code == 202
    await worker.end(job_id)
    assert await links() == {"self"}
