"""The token that a page is answered with its job: it sees that job, and nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from arq.connections import ArqRedis

from api.app import create_app
from api.server.protocol import BoundedProtocol
from tasks.accounts.tokens import token_text
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.api.accounts.tokens.conftest import Mint, bearer
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.blobs import put
from tests.support.eventually import eventually
from tools.servers import free_port

TYPE = {"Content-Type": "image/png"}


@pytest.fixture
async def job(page: httpx.AsyncClient, mint: Mint) -> dict[str, Any]:
    """A job that a page has made: its id and its token."""
    made = await mint(metadata={"user": 42}, tags=["a"], uses=2)
    answer = await page.post("/v1/images", content=PNG, headers=bearer(made["token"], **TYPE))
    assert answer.status_code == 202, answer.text
    return {**answer.json(), "upload_token": made["token"]}


async def finish(worker: ManualWorker, storage: Storage, job_id: str) -> None:
    blob = await put(storage, b"small", type="image/png", filename="small.png")
    file = OutputFile("small.png", blob.sha256, "image/png", blob.bytes, {"width": 1, "height": 1})
    await worker.end(job_id, result=Result(files=(file,)))


@asynccontextmanager
async def events_of(client: httpx.AsyncClient, url: str, **options: Any) -> AsyncIterator[httpx.Response]:
    async with client.stream("GET", url, **options) as answer:
        yield answer


async def test_it_shows_the_state_and_the_files_of_its_job(
    page: httpx.AsyncClient, job: dict[str, Any], worker: ManualWorker, storage: Storage
) -> None:
    headers = bearer(job["token"])
    seen = (await page.get(f"/v1/jobs/{job['id']}", headers=headers)).json()
    assert (seen["state"], seen["files"]) == ("queued", [])
    # Nothing that the owner notes, nor how it is run.
    assert (seen["owner"], seen["params"], seen["attempts"]) == ("", {}, [])
    assert not seen.keys() & {"metadata", "tags", "request_id", "waiting_for", "batch", "after"}
    assert seen["links"].keys() == {"self", "events"}
    await finish(worker, storage, job["id"])
    seen = (await page.get(f"/v1/jobs/{job['id']}", params={"wait": 5}, headers=headers)).json()
    assert (seen["state"], seen["links"].keys(), seen["attempts"]) == ("succeeded", {"self"}, [])
    file = await page.get(f"/v1/jobs/{job['id']}/files/small.png", headers=headers)
    assert (file.status_code, file.content) == (200, b"small")
    assert (await page.head(f"/v1/jobs/{job['id']}/files/small.png", headers=headers)).status_code == 200


async def test_it_opens_nothing_else(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, job: dict[str, Any], worker: ManualWorker, storage: Storage
) -> None:
    headers = bearer(job["token"])
    await finish(worker, storage, job["id"])
    own = (await alice.post("/v1/images", content=PNG, headers=TYPE)).json()["id"]
    for path in (f"/v1/jobs/{own}", f"/v1/jobs/{own}/events", f"/v1/jobs/{own}/files/a"):
        answer, unknown = (
            await page.get(path, headers=headers),
            await page.get(path.replace(own, "0" * 32), headers=headers),
        )
        assert (answer.status_code, unknown.status_code) == (404, 404)
        assert answer.json()["detail"].replace(own, "0" * 32) == unknown.json()["detail"]
    for method, path in (
        ("POST", f"/v1/jobs/{job['id']}/retry"),
        ("POST", f"/v1/jobs/{job['id']}/cancellation"),
        ("DELETE", f"/v1/jobs/{job['id']}"),
        ("GET", "/v1/jobs"),
        ("POST", "/v1/images"),
        ("POST", "/v1/upload-tokens"),
        ("GET", "/v1/uploads/" + job["id"]),
    ):
        answer = await page.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "token_forbids"), path
    answer = await page.get(f"/v1/jobs/{job['id']}", params={"owner": "bob"}, headers=headers)
    assert answer.status_code == 403


async def test_the_upload_token_does_not_see_the_job(page: httpx.AsyncClient, job: dict[str, Any]) -> None:
    answer = await page.get(f"/v1/jobs/{job['id']}", headers=bearer(job["upload_token"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "token_forbids")


async def test_a_forged_token_is_unknown(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    own = (await alice.post("/v1/images", content=PNG, headers=TYPE)).json()["id"]
    forged = [token_text.job_token(job["id"], ""), token_text.job_token(own, "x"), job["token"][:-1] + "!", "pr_job_"]
    for token in forged:
        answer = await page.get(f"/v1/jobs/{job['id']}", headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_it_is_gone_with_its_job(
    page: httpx.AsyncClient,
    alice: httpx.AsyncClient,
    job: dict[str, Any],
    worker: ManualWorker,
    storage: Storage,
    redis: ArqRedis,
) -> None:
    await finish(worker, storage, job["id"])
    await redis.hset(JOB + job["id"], "expires_at", 1)
    assert (await page.get(f"/v1/jobs/{job['id']}", headers=bearer(job["token"]))).status_code == 401
    assert (await alice.delete(f"/v1/jobs/{job['id']}")).status_code in (204, 410)


async def test_it_follows_the_job_by_its_url(
    page: httpx.AsyncClient, job: dict[str, Any], worker: ManualWorker, storage: Storage
) -> None:
    url = f"/v1/jobs/{job['id']}/events"
    await worker.begin()
    async with events_of(page, url, params={"token": job["token"]}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("data: "):
                assert "user" not in line
                assert '"owner":""' in line
                break
        await finish(worker, storage, job["id"])
        rest = [line async for line in lines]
        assert "event: end" in rest
        assert "alice" not in "".join(rest)


@pytest.mark.parametrize("path", ["", "/files/small.png"])
async def test_no_other_url_may_have_it(page: httpx.AsyncClient, job: dict[str, Any], path: str) -> None:
    answer = await page.get(f"/v1/jobs/{job['id']}{path}", params={"token": job["token"]})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (401, "unauthorized", "token")
    assert job["token"] not in answer.text
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_no_key_may_be_in_a_url(page: httpx.AsyncClient, job: dict[str, Any]) -> None:
    for token in ("alice-key-0123456789", job["upload_token"], "pr_live_x"):
        answer = await page.get(f"/v1/jobs/{job['id']}/events", params={"token": token})
        assert (answer.status_code, answer.json()["field"]) == (401, "token")


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example"])
async def test_its_url_is_masked_in_every_log(
    settings: Settings,
    redis: ArqRedis,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    origin: str,
) -> None:
    """Also in that of uvicorn's own command, which writes the URL of each request."""
    caplog.set_level(logging.WARNING, logger="httpx")  # the client of this test
    caplog.set_level(logging.INFO)
    port = free_port()
    access = {"level": "INFO", "propagate": True}
    log = {"version": 1, "disable_existing_loggers": False, "loggers": {"uvicorn.access": access}}
    app = create_app(settings.model_copy(update={"log_level": "debug"}))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=log, http=BoundedProtocol, access_log=True))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    secret = "pr_job_" + "a" * 104
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Origin": origin}) as client:
        for path in (f"/v1/jobs/{'5' * 32}/events", "/v1/jobs", "/nothing", "/f/x"):
            answer = await client.get(path, params={"a": "b", "token": secret, "c": "d"})
            assert secret not in answer.text
    server.should_exit = True
    await task
    lines = [record.getMessage() for record in caplog.records]
    written = "\n".join([*lines, *capsys.readouterr()])
    assert "token=***" in written
    assert secret not in written


async def refused(page: httpx.AsyncClient, job: dict[str, Any]) -> bool:
    answer = await page.get(f"/v1/jobs/{job['id']}", headers=bearer(job["token"]))
    return answer.status_code == 401 and "Ask for a new one." in answer.json()["detail"]


async def test_it_ends_with_the_key_behind_it(
    redis: ArqRedis, alice: httpx.AsyncClient, page: httpx.AsyncClient, port: int
) -> None:
    made = (await alice.post("/v1/keys", json={"name": "site", "scopes": ["images"]})).json()
    async with client_of(port, made["key"]) as minter:
        token = (await minter.post("/v1/upload-tokens", json={"origin": ORIGIN})).json()["token"]
    job = (await page.post("/v1/images", content=PNG, headers=bearer(token, **TYPE))).json()
    assert not await refused(page, job)
    assert (await alice.delete(f"/v1/keys/{made['id']}")).is_success
    await eventually(lambda: refused(page, job))
    await redis.hdel(JOB + job["id"], "minter")
    assert not await refused(page, job), "a job of a version that did not note it"


async def test_it_ends_with_a_key_that_leaves_the_settings(
    settings: Settings, page: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    assert not await refused(page, job)
    others = {"api_keys": tuple(key for key in settings.api_keys if key[0] != "alice")}
    async with serving(settings.model_copy(update=others)) as other, client_of(other, key=None) as later:
        assert await refused(later, job)
