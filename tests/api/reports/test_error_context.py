"""GET /v1/jobs/{id}/error-context: the lines around the error of a report."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.reports.error_context import LINE_CHARS, ErrorContext, ErrorExcerpt
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.wire import serialize
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.serving import ALICE, client_of, serving
from tests.support.api.specs import spec
from tests.support.console.browsers import signed_in

EVIL = "<img src=x onerror=alert(1)>"
ROWS = b"day,amount\n" + b"".join(b"2026-11-%02d,%d\n" % (day, day) for day in range(1, 29))


async def failed(
    client: httpx.AsyncClient, worker: ManualWorker, body: dict[str, Any], message: str, field: str | None
) -> str:
    """A report that has failed."""
    submitted = await client.post("/v1/reports", json=body)
    assert submitted.status_code == 202, submitted.text
    job_id: str = submitted.json()["id"]
    await worker.end(job_id, "failed", error=("invalid_cell", message), field=field)
    return job_id


async def of_data(client: httpx.AsyncClient, data: bytes, **options: Any) -> dict[str, Any]:
    """The spec of a table whose data is an upload."""
    upload = (await client.post("/v1/uploads?name=sales.csv", content=data)).json()["id"]
    table = {"type": "table", "dataset": "sales", "columns": [{"field": "day"}, {"field": "amount", "type": "money"}]}
    document = {"title": "Sales", "password": "open sesame"}
    datasets = {"sales": {"upload": upload, "format": "csv", **options}}
    return spec({"type": "text", "text": EVIL}, table, document=document, datasets=datasets)


async def excerpts(client: httpx.AsyncClient, job_id: str) -> list[ErrorExcerpt]:
    answer = await client.get(f"/v1/jobs/{job_id}/error-context")
    assert answer.status_code == 200, answer.text
    assert "open sesame" not in answer.text
    return ErrorContext.model_validate_json(answer.content).excerpts


async def test_the_lines_around_the_field_and_the_cell_are_answered_and_shown(
    port: int, alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    body = await of_data(alice, ROWS.replace(b"2026-11-07,7", f"2026-11-07,{EVIL}".encode()))
    message = f"Line 8, column 'amount': {EVIL} is no amount of money."
    job_id = await failed(alice, worker, body, message, "blocks.1.columns.1.type")
    in_spec, in_data = await excerpts(alice, job_id)
    assert (in_spec.source, len(in_spec.lines), in_spec.line - in_spec.first_line) == ("spec", 7, 3)
    assert in_spec.lines[3].strip().startswith('"type": "money"')
    assert (in_data.source, in_data.dataset, in_data.line, in_data.first_line) == ("dataset", "sales", 8, 5)
    assert in_data.lines[2:5] == ["2026-11-06,6", f"2026-11-07,{EVIL}", "2026-11-08,8"]
    assert (await bob.get(f"/v1/jobs/{job_id}/error-context")).status_code == 404
    async with signed_in(port, ALICE) as browser:
        page = (await browser.get(f"/console/jobs/{job_id}")).text
    assert "<mark>8  2026-11-07,&lt;img src=x" in page
    assert EVIL not in page


async def test_a_secret_is_masked(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await failed(alice, worker, await of_data(alice, ROWS), "It is too short.", "document.password")
    (found,) = await excerpts(alice, job_id)
    assert found.lines[found.line - found.first_line].strip().rstrip(",") == '"password": "***"'


@pytest.mark.parametrize(
    ("data", "options", "line", "shown"),
    [
        (b"a\n1\n", {}, 1, ["a", "1"]),
        (b"a\r\nb", {}, 2, ["a", "b"]),
        ("\ufeffa\n\u00fc".encode(), {}, 2, ["a", "\u00fc"]),
        ("a\n\u00fc".encode("cp1252"), {"encoding": "cp1252"}, 2, ["a", "\u00fc"]),
        (b"a\n" * 50_000 + b"b" * 500, {}, 50_001, ["a", "a", "a", "b" * LINE_CHARS + "\u2026"]),
        (b"a\n1\n", {}, 9, None),
        (b"PK\x03\x04\0\0\n1\n", {}, 2, None),
        ("a\nb".encode("utf-16-le"), {"encoding": "utf-16-le"}, 1, None),
    ],
)
async def test_lines_of_data_are_those_that_messages_count(
    alice: httpx.AsyncClient,
    worker: ManualWorker,
    data: bytes,
    options: dict[str, Any],
    line: int,
    shown: list[str] | None,
) -> None:
    job_id = await failed(alice, worker, await of_data(alice, data, **options), f"Line {line:,} is wrong.", "blocks.1")
    found = [one.lines for one in await excerpts(alice, job_id) if one.source == "dataset"]
    assert found == ([] if shown is None else [shown])


async def test_what_has_no_lines_has_none(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    assert await excerpts(alice, await failed(alice, worker, spec(), "The sandbox died.", None)) == []
    large = spec(*({"type": "text", "text": "x" * 15_000} for _ in range(15)))
    assert await excerpts(alice, await failed(alice, worker, large, "It is wrong.", "blocks.0.text")) == []
    other = (await alice.post("/v1/events", json={"type": "order.paid", "data": {}})).json()["id"]
    assert await excerpts(alice, other) == []


async def test_what_an_arq_client_called_a_report_has_none(
    settings: Settings, redis: ArqRedis, worker: ManualWorker
) -> None:
    body = serialize({"t": 1, "f": "report", "a": (), "k": {"title": "Sales"}, "et": 1})
    await Enqueuer(redis, settings).adopt("foreign", "reports", body, {"report"})
    await worker.end("foreign", "failed", error=("invalid_params", "order: This field is missing."), field="order")
    async with serving(settings.model_copy(update={"admins": ("alice",)})) as port, client_of(port) as admin:
        assert await excerpts(admin, "foreign") == []
