"""Every error has one shape, wherever it was raised."""

import json
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import structlog
from arq.connections import ArqRedis
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Message

from api.http.middleware import RequestMiddleware
from api.http.problems import MEDIA_TYPE, STATUS, Problem
from tasks.kind import OutputFile, Result
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.refusal import CODES
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.servers import RcloneServer
from tools.servers import Valkey


def assert_is_a_problem(answer: httpx.Response, code: str) -> None:
    problem = Problem.model_validate_json(answer.content)
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert problem.code == code
    assert problem.type == f"urn:pressroom:problem:{code}"
    assert problem.title == CODES[code]
    assert problem.status == answer.status_code == STATUS.get(code, 422)
    assert problem.request_id == answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert problem.detail


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", "not_found"),
        ("GET", "/v1/nowhere", "not_found"),
        ("GET", "/v1/images/", "not_found"),
        ("DELETE", "/v1/images", "method_not_allowed"),
        ("POST", "/livez", "method_not_allowed"),
        ("GET", "/v1/jobs?limit=many", "invalid_request"),
        ("GET", "/v1/jobs/0", "not_found"),
        ("POST", "/v1/images", "no_file"),
    ],
)
async def test_what_is_asked_wrongly_is_a_problem(alice: httpx.AsyncClient, method: str, path: str, code: str) -> None:
    assert_is_a_problem(await alice.request(method, path), code)


async def test_a_wrong_method_names_the_right_ones(alice: httpx.AsyncClient) -> None:
    assert (await alice.delete("/v1/images")).headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/images", "/v1/jobs/0/files/a", "/v1/nowhere"])
async def test_everything_under_v1_needs_a_key(port: int, path: str) -> None:
    async with client_of(port, None) as unknown:
        assert_is_a_problem(await unknown.get(path), "unauthorized")
        for header in ("Basic YTpi", "Bearer", "Bearer x, y", "bearer alice"):
            assert_is_a_problem(await unknown.get(path, headers={"Authorization": header}), "unauthorized")


def test_every_code_has_a_status_that_fits() -> None:
    assert STATUS.keys() <= CODES.keys()
    assert {code for code, status in STATUS.items() if status >= 500} == {
        "internal",
        "failed",
        "poison",
        "unavailable",
        "too_many_connections",
        "too_many_streams",
        "disk_full",
        "redis_full",
        "owner_storage_full",
        "spec_reader_unavailable",
    }


async def test_without_redis_one_is_told_to_come_back_and_nothing_is_there(settings: Settings) -> None:
    with Valkey() as own:
        there = settings.model_copy(update={"redis_url": SecretStr(own.url)})
        async with serving(there) as port, client_of(port) as alice:
            job = (await alice.post("/v1/images", content=PNG)).json()
            own.kill()
            for method, path in [
                ("POST", "/v1/images"),
                ("GET", "/v1/jobs"),
                ("GET", f"/v1/jobs/{job['id']}"),
                ("GET", f"/v1/jobs/{job['id']}?wait=5"),
                ("GET", "/readyz"),
            ]:
                answer = await alice.request(method, path, content=PNG if method == "POST" else None)
                assert_is_a_problem(answer, "unavailable")
                assert int(answer.headers["Retry-After"]) > 0
            assert (await alice.get("/livez")).status_code == 200
            own.start()
            assert (await alice.get("/v1/jobs")).json() == {"jobs": []}
            assert (await alice.post("/v1/images", content=PNG)).status_code == 202


async def test_without_storage_one_is_told_to_come_back_and_no_job_is_made(
    settings: Settings, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RcloneServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        place = {"storage_url": f"s3://{server.bucket}/secret-prefix", "storage_endpoint": server.url}
        async with serving(settings.model_copy(update=place)) as port, client_of(port) as alice:
            server.kill()
            for path in ("/v1/images", "/v1/uploads"):
                answer = await alice.post(path, content=PNG)
                assert_is_a_problem(answer, "unavailable")
                assert int(answer.headers["Retry-After"]) > 0
                assert "secret-prefix" not in answer.text
            assert (await alice.get("/v1/jobs")).json() == {"jobs": []}
            server.start()
            assert (await alice.post("/v1/images", content=PNG)).status_code == 202


async def test_a_download_that_the_storage_cannot_serve_now_is_one_for_later(
    alice: httpx.AsyncClient, settings: Settings, worker: ManualWorker
) -> None:
    job = (await alice.post("/v1/images", content=PNG)).json()
    (stored,) = Path(settings.storage_url.removeprefix("file://")).glob("blobs/*/*")
    file = OutputFile(name="a.png", blob=stored.name, type="image/png", bytes=len(PNG))
    await worker.end(job["id"], result=Result(files=(file,)))
    stored.unlink()
    stored.symlink_to(stored)  # as good as a disk that cannot be read
    answer = await alice.get(f"/v1/jobs/{job['id']}/files/a.png")
    assert_is_a_problem(answer, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_fault_of_ours_is_a_problem_that_tells_nothing_and_a_log_line_that_tells_all(
    alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enqueue(*_args: Any) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(Enqueuer, "enqueue", enqueue)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = await alice.post("/v1/images", content=PNG)
    assert_is_a_problem(answer, "internal")
    assert "secret" not in answer.text
    [line] = [line for line in lines if line["event"] == "api.fault"]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["exc_info"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("a/b:c=d.e+f@g-h", True),
        ("x" * 129, False),
        ("a b", False),
        ("ü", False),
    ],
)
async def test_a_sane_request_id_is_kept(alice: httpx.AsyncClient, given: str, kept: bool) -> None:
    answer = await alice.get("/livez", headers={b"X-Request-Id": given.encode()})
    assert (answer.headers["X-Request-Id"] == given) is kept


async def test_request_ids_are_not_given_twice(alice: httpx.AsyncClient) -> None:
    given = [(await alice.get("/livez")).headers["X-Request-Id"] for _ in range(20)]
    assert len(set(given)) == 20


async def test_a_fault_after_the_first_header_breaks_the_answer_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client must not take half a file for a whole one. Its time, for the metrics, ended with the first header."""
    monkeypatch.setattr("time.perf_counter", Mock(side_effect=chain([1.0, 1.25], repeat(9.0))))
    sent: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError("the disk is gone")

    async def send(message: Message) -> None:
        sent.append(message)

    http_counts = Mock()
    context = SimpleNamespace(shutdown=SimpleNamespace(draining=False), http_counts=http_counts)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "app": FastAPI(),
        "state": {"context": context},
    }
    with pytest.raises(OSError, match="disk"):
        await RequestMiddleware(app)(scope, receive=None, send=send)  # type: ignore[arg-type]
    assert [message["status"] for message in sent] == [200]
    http_counts.count.assert_called_once_with("GET", None, 200, 0.25)


async def test_problems_leave_out_what_they_do_not_know(alice: httpx.AsyncClient) -> None:
    problem = json.loads((await alice.get("/nowhere")).content)
    assert problem.keys() == {"type", "title", "status", "detail", "code", "request_id"}
