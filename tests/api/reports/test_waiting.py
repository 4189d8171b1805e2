"""POST /v1/reports with `Accept: application/pdf`: the answer is where the PDF is, in one request."""

import asyncio
from typing import Any

import httpx
from arq.connections import ArqRedis

from tasks.kind import OutputFile, Result
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.serving import client_of, serving
from tests.support.api.specs import spec
from tests.support.blobs import put

PDF = b"%PDF-1.7 as far as the API can tell"
WANTED = {"Accept": "application/pdf"}


async def answered(client: httpx.AsyncClient, worker: ManualWorker, **end: Any) -> httpx.Response:
    """The answer, where the job ends as `end` says once it has been submitted."""
    waiting = asyncio.create_task(client.post("/v1/reports", json=spec(), headers=WANTED, follow_redirects=True))
    while not (jobs := worker.claimed("report")):
        await worker.begin()
        await asyncio.sleep(0.005)
    await worker.end(jobs[0], **end)
    return await waiting


async def test_one_request_gives_the_pdf(alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage) -> None:
    blob = await put(storage, PDF)
    files = (OutputFile("report.pdf", blob.sha256, "application/pdf", blob.bytes),)
    answer = await answered(alice, worker, result=Result(files=files))
    assert [one.status_code for one in answer.history] == [303]
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, "application/pdf", PDF)


async def test_what_was_wrong_is_answered_as_a_problem(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    error = ("too_many_rows", "The data has more than 1,000,000 rows.")
    answer = await answered(alice, worker, verb="failed", error=error, field="blocks.0")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "too_many_rows", "blocks.0")


async def test_who_has_waited_long_enough_gets_the_job(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"max_wait_s": 0.05})) as port, client_of(port) as alice:
        answer = await alice.post("/v1/reports", json=spec(), headers=WANTED)
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")


async def test_there_is_nothing_to_wait_for_without_a_pdf(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/reports", json=spec(formats=["csv"]), headers=WANTED)
    assert answer.status_code == 202
