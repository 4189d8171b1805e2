"""Each request has one line, which says how it went and not what was asked."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of
from tests.support.api.subscribers import URL, subscribe

MARKER = "open-sesame"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def lines(port: int) -> Iterator[list[dict[str, Any]]]:
    """What was logged since, without what starting the server had to say."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines  # type: ignore[misc]


def said(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The one line about a request."""
    [line] = [line for line in lines if line["event"] == "api.request"]
    return line


async def test_a_line_says_who_did_what_how_it_went_and_how_long_it_took(
    alice: httpx.AsyncClient, lines: list[dict[str, Any]]
) -> None:
    answer = await alice.post("/v1/images", content=PNG, params={"name": MARKER}, headers={"Traceparent": TRACEPARENT})
    line = said(lines)
    assert 0 < line.pop("ms") < 5000
    assert line == {
        "event": "api.request",
        "log_level": "info",
        "method": "POST",
        "path": "/v1/images",
        "status": 202,
        "owner": "alice",
        "request_id": answer.headers["X-Request-Id"],
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


@pytest.mark.parametrize(
    ("method", "path", "template", "code"),
    [
        ("GET", f"/v1/jobs/{MARKER}", "/v1/jobs/{job_id}", "not_found"),
        ("GET", f"/v1/jobs?limit={MARKER}", "/v1/jobs", "invalid_request"),
        ("DELETE", "/v1/images", "/v1/images", "method_not_allowed"),
        ("POST", "/v1/images", "/v1/images", "no_file"),
        ("GET", f"/v1/{MARKER}", None, "not_found"),
    ],
)
async def test_a_refusal_is_told_by_its_code(
    alice: httpx.AsyncClient, lines: list[dict[str, Any]], method: str, path: str, template: str | None, code: str
) -> None:
    answer = await alice.request(method, path)
    line = said(lines)
    assert (line["path"], line["status"], line["code"]) == (template, answer.status_code, code)
    assert line["log_level"] == "info"
    assert MARKER not in str(lines)


async def test_a_request_without_a_key_has_a_line_without_an_owner(port: int, lines: list[dict[str, Any]]) -> None:
    async with client_of(port, MARKER) as unknown:
        await unknown.get("/v1/jobs")
    line = said(lines)
    assert (line["status"], line["code"]) == (401, "unauthorized")
    assert "owner" not in line
    assert MARKER not in str(lines)


async def test_a_fault_of_ours_is_a_warning(
    alice: httpx.AsyncClient, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enqueue(*_args: Any) -> None:
        raise KeyError

    monkeypatch.setattr(Enqueuer, "enqueue", enqueue)
    await alice.post("/v1/images", content=PNG)
    line = said(lines)
    assert (line["status"], line["code"], line["log_level"]) == (500, "internal", "warning")


async def test_secrets_of_endpoints_are_in_no_line(
    alice: httpx.AsyncClient, lines: list[dict[str, Any]], redis: ArqRedis
) -> None:
    endpoint = await subscribe(alice, headers={"X-Token": MARKER})
    rotated = await alice.post(f"/v1/endpoints/{endpoint['id']}/secret")
    notify = {"notify": f'{{"url": "{URL}", "secret": "{endpoint["secret"]}"}}'}
    assert (await alice.post("/v1/images", content=PNG, params=notify)).status_code == 202
    assert (await alice.delete(f"/v1/endpoints/{endpoint['id']}")).status_code == 204
    assert len(lines) >= 4
    for secret in (endpoint["secret"], rotated.json()["secret"], MARKER, "alice-key", endpoint["id"]):
        assert secret not in str(lines)
