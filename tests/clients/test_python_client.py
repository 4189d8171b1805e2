"""The Python client: what it sends, when it sends it again, and what it raises. `bin/clients` runs it for real."""

import inspect
import io
import json
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pressroom_client
import pytest
from pressroom_client import (
    ApiError,
    AsyncClient,
    Client,
    Job,
    JobFailedError,
    NoAnswerError,
    Retries,
    WaitTimeoutError,
    calls,
)

from api.app import app
from tools.documents import ROOT

JOB: dict[str, Any] = {"id": "5e6b", "kind": "thumbnail", "state": "succeeded", "files": []}
PROBLEM = {"code": "too_large", "detail": "The image is too large.", "field": "file", "limit": 10, "request_id": "r1"}
Answer = httpx.Response | Exception


class Server:
    """Answers requests with what it was given, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        return self._next()

    async def handle_async(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        return self._next()

    def client(self, **options: Any) -> Client:
        return Client("http://pressroom.test", "pr_key", transport=httpx.MockTransport(self.handle), **options)

    def async_client(self) -> AsyncClient:
        return AsyncClient("http://pressroom.test", "pr_key", transport=httpx.MockTransport(self.handle_async))

    def _next(self) -> httpx.Response:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def job(status: int = 202, **changes: Any) -> httpx.Response:
    return httpx.Response(status, json=JOB | changes)


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=PROBLEM, headers=headers)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; they take no time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr("pressroom_client.sync_client.time.sleep", made.append)
    monkeypatch.setattr("pressroom_client.async_client.anyio.sleep", sleep)
    return made


def test_both_clients_have_the_same_methods() -> None:
    def methods(of: type) -> dict[str, Any]:
        return {
            name: inspect.signature(one)
            for name, one in vars(of).items()
            if inspect.isfunction(one) and name[0] != "_" and name not in {"close", "aclose"}
        }

    assert methods(Client) == methods(AsyncClient)
    assert len(methods(Client)) > 8


def test_a_picture_is_sent_with_its_name_and_options() -> None:
    server = Server(job())
    with server.client() as client:
        submitted = client.submit_image(
            io.BytesIO(b"GIF89a"), variants=[{"name": "a"}], tags=["user:42", "b"], metadata={"café": 1}, keep="90d"
        )
    [request] = server.requests
    assert submitted.id == "5e6b"
    assert dict(request.url.params) == {"variants": '[{"name": "a"}]', "keep": "90d"}
    assert request.headers["authorization"] == "Bearer pr_key"
    assert request.headers["content-length"] == "6"
    assert request.headers["pressroom-tags"] == "user:42,b"
    assert json.loads(request.headers["pressroom-metadata"]) == {"café": 1}
    assert server.bodies == [b"GIF89a"]


def test_a_table_has_lists_as_the_service_reads_them() -> None:
    server = Server(job())
    with server.client() as client:
        client.submit_table(b"a\n1\n", types={"a": "money", "b, c": "date"}, columns=["a", "b, c"], title="Sales")
    assert dict(server.requests[0].url.params) == {
        "types": 'a:money,"b, c:date"',
        "columns": 'a,"b, c"',
        "title": "Sales",
    }


def test_a_secret_is_never_in_the_url() -> None:
    server = Server(job())
    with server.client() as client:
        client.publish_event("order.paid", 1, notify={"url": "https://café.example", "secret": "whsec_a"})
    assert "whsec" not in str(server.requests[0].url)
    assert json.loads(server.requests[0].headers["pressroom-notify"])["secret"] == "whsec_a"
    assert "pr_key" not in repr(client)


@pytest.mark.parametrize("name", ["../../keys", "a/b?c", "ü.png"])
def test_ids_and_names_cannot_lead_to_another_path(name: str) -> None:
    server = Server(httpx.Response(200, content=b"x"))
    with server.client() as client:
        client.download(name, name)
    path = server.requests[0].url.raw_path
    assert path.startswith(b"/v1/jobs/")
    assert path.count(b"/") == 5
    assert b"?" not in path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_dots_are_no_names(name: str) -> None:
    with Server().client() as client, pytest.raises(ValueError, match="neither"):
        client.download("5e6b", name)


def sources(folder: Path) -> Mapping[str, Any]:
    (folder / "photo.jpg").write_bytes(b"picture" * 100_000)
    ahead = io.BytesIO(b"before" + b"picture" * 100_000)
    ahead.seek(6)
    return {"bytes": b"picture" * 100_000, "path": folder / "photo.jpg", "file": ahead}


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_a_body_is_sent_whole_each_time_under_one_idempotency_key(kind: str, tmp_path: Path) -> None:
    server = Server(httpx.ReadError("cut"), refusal(503), job())
    with server.client() as client:
        client.submit_image(sources(tmp_path)[kind])
    again = Server(httpx.ReadError("cut"), refusal(503), job())
    async with again.async_client() as asynchronous:
        await asynchronous.submit_image(sources(tmp_path)[kind])
    for one in (server, again):
        assert one.bodies[1:] == [b"picture" * 100_000] * 2
        assert len({request.headers["idempotency-key"] for request in one.requests}) == 1
        assert one.requests[0].url.params.get("name") == ("photo.jpg" if kind == "path" else None)
    assert server.requests[0].headers["idempotency-key"] != again.requests[0].headers["idempotency-key"]


def test_the_pause_is_what_the_service_asks_for(pauses: list[float]) -> None:
    server = Server(refusal(429, **{"Retry-After": "7"}), refusal(503, **{"Retry-After": "0"}), job())
    with server.client() as client:
        client.submit_report({})
    assert pauses == [7.0, 0.0]


def test_pauses_grow_where_the_service_asks_for_none(pauses: list[float]) -> None:
    odd = [refusal(503, **{"Retry-After": value}) for value in ("", "soon", "-1", "9" * 400)]
    with Server(*odd, refusal(503)).client() as client, pytest.raises(ApiError):
        client.submit_report({})
    assert [round(one, 1) for one in pauses[:3]] == pytest.approx([0.375, 0.75, 1.5], abs=0.6)
    assert all(0.2 < one <= 8 for one in pauses[:3])


def test_an_error_says_what_the_service_said() -> None:
    server = Server(refusal(413))
    with server.client() as client, pytest.raises(ApiError) as caught:
        client.submit_image(b"GIF89a")
    error = caught.value
    assert (error.status, error.code, error.field) == (413, "too_large", "file")
    assert (error.limit, error.request_id) == (10, "r1")
    assert len(server.requests) == 1
    assert "The image is too large." in str(error)


def test_an_error_of_a_proxy_is_one_too() -> None:
    pages = [httpx.Response(502, html="<h1>Bad Gateway"), httpx.Response(502, json=[1])]
    with Server(*pages).client(retries=Retries(attempts=1)) as client:
        for _ in pages:
            with pytest.raises(ApiError) as caught:
                client.get_job("5e6b")
            assert caught.value.code == "http_502"


def test_too_long_a_pause_is_an_error_at_once(pauses: list[float]) -> None:
    with Server(refusal(429, **{"Retry-After": "3600"})).client() as client, pytest.raises(ApiError) as caught:
        client.submit_report({})
    assert caught.value.retry_after_s == 3600
    assert pauses == []


def test_what_may_not_be_repeated_is_sent_again_only_if_it_had_no_effect() -> None:
    for trouble in (refusal(503), httpx.ReadError("cut")):
        server = Server(trouble, job())
        with server.client() as client, pytest.raises((ApiError, NoAnswerError)):
            client.request("POST", "/v1/batches", json={})
        assert len(server.requests) == 1
    server = Server(refusal(429), httpx.ConnectError("refused"), job())
    with server.client() as client:
        client.request("POST", "/v1/batches", json={})
    assert len(server.requests) == 3


def test_no_answer_is_an_error_after_five_tries(pauses: list[float]) -> None:
    server = Server(*[httpx.ConnectError("refused")] * 5)
    with server.client() as client, pytest.raises(NoAnswerError, match="refused") as caught:
        client.submit_report({})
    assert len(pauses) == 4
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


Wait = Callable[[Server], Awaitable[Job]]


async def wait(server: Server) -> Job:
    with server.client() as client:
        return client.wait("5e6b", timeout_s=0)


async def wait_async(server: Server) -> Job:
    async with server.async_client() as client:
        return await client.wait("5e6b", timeout_s=0)


@pytest.mark.parametrize("waiting", [wait, wait_async])
async def test_waiting_ends_with_the_job(waiting: Wait) -> None:
    assert (await waiting(Server(job(200)))).state == "succeeded"
    failed = job(200, state="failed", error={"code": "corrupt", "message": "It is damaged."})
    with pytest.raises(JobFailedError, match=r"It is damaged\.") as caught:
        await waiting(Server(failed))
    assert (caught.value.code, caught.value.job.state) == ("corrupt", "failed")
    with pytest.raises(WaitTimeoutError, match="running"):
        await waiting(Server(job(200, state="running")))


def test_waiting_goes_on_when_the_service_answers_early(pauses: list[float]) -> None:
    server = Server(job(200, state="running"), job(200, state="running"), job(200))
    with server.client() as client:
        assert client.wait("5e6b").state == "succeeded"
    assert {request.url.params["wait"] for request in server.requests} == {"25.0"}
    assert pauses == [calls.EARLY_PAUSE_S] * 2
    assert server.requests[0].extensions["timeout"]["read"] == 55


async def test_a_download_elsewhere_carries_no_key_and_is_written_whole(tmp_path: Path) -> None:
    def answers() -> list[Answer]:
        there = httpx.Response(307, headers={"Location": "http://storage.test/small.jpg?signature=1"})
        cut = httpx.Response(200, content=b"short", headers={"Content-Length": "5"})
        return [refusal(503), there, cut]

    server, again = Server(*answers()), Server(*answers())
    with server.client() as client:
        client.download_to(tmp_path / "small.jpg", "5e6b", "small.jpg")
    async with again.async_client() as asynchronous:
        await asynchronous.download_to(tmp_path / "other.jpg", "5e6b", "small.jpg")
    for one, name in ((server, "small.jpg"), (again, "other.jpg")):
        assert (tmp_path / name).read_bytes() == b"short"
        assert ["authorization" in request.headers for request in one.requests] == [True, True, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.jpg", "small.jpg"]


def test_a_download_that_fails_leaves_the_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "small.jpg").write_bytes(b"old")
    with Server(refusal(404)).client() as client, pytest.raises(ApiError):
        client.download_to(tmp_path / "small.jpg", "5e6b", "small.jpg")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    server = Server(job(200))
    with server.client() as client:
        client.get_job("5e6b")
    assert server.requests[0].headers["user-agent"] == f"pressroom-client-python/{project['version']}"


def test_records_have_fields_that_the_document_names() -> None:
    schemas = app.openapi()["components"]["schemas"]
    for record, required in ((Job, {"id", "kind", "state", "files"}), (pressroom_client.File, None)):
        fields = set(record.__dataclass_fields__) - {"raw"}
        assert fields <= schemas[record.__name__]["properties"].keys()
        assert (required or fields) <= set(schemas[record.__name__]["required"])


def test_options_are_parameters_of_the_api() -> None:
    paths = app.openapi()["paths"]
    for path, options in (
        ("/v1/events", pressroom_client.EventOptions),
        ("/v1/images", pressroom_client.JobOptions),
        ("/v1/reports", pressroom_client.TableOptions),
    ):
        known = {one["name"].replace("-", "_") for one in paths[path]["post"]["parameters"]}
        assert options.__annotations__.keys() <= known
