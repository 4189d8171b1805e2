"""POST /v1/reports/validation: the request waits for a job that looks, and answers what it saw."""

import asyncio
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import Result
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.serving import client_of, serving
from tests.support.api.specs import spec

SEEN: dict[str, Any] = {
    "tables": [{"block": "blocks.0", "rows": 12, "columns": ["Day"]}],
    "rows": 12,
    "pages": 3,
    "warnings": [{"code": "clipped", "message": "Some text was cut.", "block": "blocks.0"}],
}


async def looked(client: httpx.AsyncClient, worker: ManualWorker, **end: Any) -> httpx.Response:
    """The answer, where the job ends as `end` says once it has been submitted."""
    waiting = asyncio.create_task(client.post("/v1/reports/validation", json=spec()))
    while not (jobs := worker.claimed("validation")):
        await worker.begin()
        await asyncio.sleep(0.005)
    await worker.end(jobs[0], **end)
    return await waiting


async def test_the_answer_is_what_was_seen(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    answer = await looked(alice, worker, result=Result(value=SEEN))
    assert (answer.status_code, answer.json()) == (200, SEEN)


async def test_what_was_refused_is_a_problem_with_its_field(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    error = ("invalid_cell", "Line 3, column 'amount': 'x' is no amount of money.")
    answer = await looked(alice, worker, verb="failed", error=error, field="blocks.0.columns.1")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["detail"], problem["field"]) == (*error, "blocks.0.columns.1")


@pytest.mark.parametrize(("code", "status"), [("failed", 500), ("timed_out", 422), ("crashed", 422)])
async def test_what_broke_is_a_problem_too(
    code: str, status: int, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    answer = await looked(alice, worker, verb="failed", error=(code, "It broke."))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "field" not in answer.json()


async def test_who_does_not_wait_gets_the_job_at_once(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/reports/validation?wait=0", json=spec())
    job = answer.json()
    assert (answer.status_code, job["kind"], job["state"]) == (202, "validation", "queued")
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    refused = await alice.post("/v1/reports/validation?wait=-1", json=spec())
    assert (refused.status_code, refused.json()["field"]) == (422, "wait")


async def test_what_takes_longer_answers_where_to_look(
    settings: Settings, redis: ArqRedis, worker: ManualWorker
) -> None:
    async with serving(settings.model_copy(update={"max_wait_s": 0.1})) as port, client_of(port) as alice:
        answer = await alice.post("/v1/reports/validation", json=spec())
        assert (answer.status_code, answer.json()["kind"]) == (202, "validation")
        assert answer.json()["priority"] == "high"
        await worker.end(answer.json()["id"], result=Result(value=SEEN))
        assert (await alice.get(answer.headers["Location"])).json()["result"] == SEEN


async def test_a_wrong_spec_is_answered_at_once(alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage) -> None:
    answer = await alice.post("/v1/reports/validation", json=spec({"type": "tabel"}))
    assert (answer.status_code, answer.json()["field"]) == (422, "blocks.0.type")
    table = await alice.post("/v1/reports/validation", content=b"a\n1\n", headers={"Content-Type": "text/csv"})
    assert (table.status_code, table.json()["code"]) == (415, "unsupported_media_type")
    assert [key async for key in redis.scan_iter(JOB + "*")] == []
    assert [blob async for blob in storage.blobs()] == []
