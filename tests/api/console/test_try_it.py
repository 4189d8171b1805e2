"""Try it: pictures, reports and events of a newcomer, by forms alone."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from arq.connections import ArqRedis

from api.console.report_samples import SAMPLES
from tasks.kind import OutputFile, Result
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import JPEG, PNG
from tests.support.api.serving import ALICE
from tests.support.api.subscribers import delivering, listed, subscribe
from tests.support.blobs import put
from tests.support.console.browsers import PAGE, key_with, signed_in
from tests.support.receivers import Receiver

EVIL = '<img src=x onerror="alert(1)">.png'
AGAIN = 'http-equiv="refresh"'
MADE = {"report.pdf": "application/pdf", "preview.png": "image/png"}
TABLE: dict[str, Any] = {"block": "blocks.1", "rows": 2, "columns": ["day", "amount"]}
PLAN: dict[str, Any] = {"tables": [TABLE], "rows": 2, "pages": 1, "warnings": []}
GUESSES = [
    {"field": "day", "type": "date", "examples": ["2026-11-30", EVIL]},
    {"field": "amount", "type": "money", "examples": ["9.50"]},
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_dataset_bytes": 2_000})


async def test_pictures_are_sent_by_a_form_and_shown_side_by_side(
    port: int, worker: ManualWorker, storage: Storage
) -> None:
    async with signed_in(port, ALICE) as browser:
        form = (await browser.get("/console/try")).text
        assert all(f'value="{preset}"' in form for preset in ("default", "avatar"))
        assert "-F variants=default" in form
        files = [("file", ("cat.jpg", JPEG)), ("file", (EVIL, PNG))]
        sent = await browser.post("/console/try/pictures", data={"variants": "default"}, files=files, headers=PAGE)
        assert sent.status_code == 303
        place = sent.headers["location"]
        cat, evil = parse_qs(urlsplit(place).query)["job"]
        waiting = (await browser.get(place)).text
        assert AGAIN in waiting
        assert all(f'data-job="{job}" data-state="queued"' in waiting for job in (cat, evil))

        file = OutputFile(
            "small.webp", (await put(storage, b"small")).sha256, "image/webp", 5, {"width": 256, "height": 171}
        )
        picture = {"format": "jpeg", "width": 3000, "height": 2000, "bytes": 2_483_112}
        await worker.end(cat, result=Result({"picture": picture}, files=(file,)))
        await worker.end(evil, "failed", error=("truncated", "The file ends too early."))
        made = (await browser.get(place)).text
        assert AGAIN not in made
        assert f'src="/console/jobs/{cat}/files/small.webp" width="256" height="171"' in made
        assert all(one in made for one in ("3000 × 2000", "2.5 MB", "256 × 171", "srcset=", "The file ends too early."))
        assert "<img src=x" not in made
        assert "-F variants=default" in made


async def test_what_is_wrong_with_a_file_is_said_at_the_form(port: int) -> None:
    async with signed_in(port, ALICE) as browser:
        files = [("file", ("letter.txt", b"Dear all")), ("file", ("cat.jpg", JPEG))]
        refused = await browser.post("/console/try/pictures", data={"variants": "default"}, files=files, headers=PAGE)
        assert (refused.status_code, 'name="file"' in refused.text) == (422, True)
        assert "File 1 of the form" in refused.text
        asked = {**PAGE, "Accept": "application/json"}
        refused = await browser.post("/console/try/pictures", files=files, headers=asked)
        assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_format")
        gone = await browser.get("/console/try/pictures?job=unknown")
        assert (gone.status_code, "unknown" in gone.text) == (200, True)


async def test_a_job_of_another_kind_and_one_without_a_name_are_no_trouble(port: int, alice: httpx.AsyncClient) -> None:
    sent = await alice.post("/v1/images", content=JPEG, headers={"Content-Type": "image/jpeg"})
    async with signed_in(port, ALICE) as browser:
        for path in ("pictures?job=", "event?event=", "report/made?job="):
            page = await browser.get(f"/console/try/{path}{sent.json()['id']}")
            assert page.status_code == 200, path


async def test_an_event_without_an_endpoint_leads_to_one(port: int, redis: ArqRedis, settings: Settings) -> None:
    async with signed_in(port, ALICE) as browser, delivering(redis, settings):
        assert 'href="/console/webhooks"' in (await browser.get("/console/try/event")).text
        wrong = await browser.post("/console/try/event", data={"type": EVIL, "data": "{"}, headers=PAGE)
        assert (wrong.status_code, "Expecting property name" in wrong.text, EVIL in wrong.text) == (422, True, False)
        sent = await browser.post("/console/try/event", data={"type": "job.x", "data": "{}"}, headers=PAGE)
        assert (sent.status_code, "reserved" in sent.text) == (422, True)


async def test_the_deliveries_of_an_event_are_shown(
    port: int, redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.url, "order.*")
    async with signed_in(port, ALICE) as browser, delivering(redis, settings):
        data = {"type": "order.paid", "data": json.dumps({"order": 4711})}
        sent = await browser.post("/console/try/event", data=data, headers=PAGE)
        event = parse_qs(urlsplit(sent.headers["location"]).query)["event"][0]
        await listed(alice, 1, event=event, state="succeeded")
        page = (await browser.get(sent.headers["location"])).text
        assert all(one in page for one in (endpoint["url"], "<b>200</b>", "4711", 'data-state="succeeded"'))


@pytest.mark.parametrize(("path", "scope"), [("", "images"), ("/report", "reports"), ("/event", "webhooks")])
async def test_a_key_sees_what_it_may_try(port: int, redis: ArqRedis, path: str, scope: str) -> None:
    for scopes, read_only in ((["jobs:read"], False), (["images", "reports", "webhooks", "jobs:read"], True)):
        async with signed_in(port, await key_with(redis, *scopes, read_only=read_only)) as browser:
            page = await browser.get(f"/console/try{path}")
            assert page.status_code == 200
            assert (scope in page.text) or read_only
            assert 'method="post" action="/console/try' not in page.text
            refused = await browser.post(
                f"/console/try{path or '/pictures'}", data={"data": "{}", "spec": "{}"}, headers=PAGE
            )
            assert refused.status_code == 403


async def answered(worker: ManualWorker, request: Coroutine[Any, Any, httpx.Response], **end: Any) -> httpx.Response:
    """The answer to a request that waits for a validation, which ends as `end` says."""
    waiting = asyncio.create_task(request)
    while not (jobs := worker.claimed("validation")):
        assert not waiting.done(), (await waiting).text
        await worker.begin()
        await asyncio.sleep(0.005)
    await worker.end(jobs[0], **end)
    return await waiting


async def test_a_table_becomes_a_report_with_the_types_that_are_chosen(
    port: int, worker: ManualWorker, storage: Storage, alice: httpx.AsyncClient
) -> None:
    async with signed_in(port, ALICE) as browser:
        for file in ({"file": ("empty.csv", b"")}, {"file": ("large.csv", b"x" * 3_000)}):
            refused = await browser.post("/console/try/report/table", files=file, headers=PAGE)
            assert (refused.status_code in (413, 422), 'type="file"' in refused.text) == (True, True)
        file = {"file": ("sales.csv", b"day,amount\n2026-11-30,9.50\n")}
        sent = await browser.post("/console/try/report/table", files=file, headers=PAGE)
        assert sent.status_code == 303
        query = parse_qs(urlsplit(sent.headers["location"]).query)
        (upload,), (reading,) = query["upload"], query["job"]
        kept = (await alice.get(f"/v1/uploads/{upload}")).json()
        assert (kept["name"], kept["bytes"]) == ("sales.csv", 27)
        plan = {**PLAN, "tables": [{**TABLE, "guesses": GUESSES}]}
        page = (await answered(worker, browser.get(sent.headers["location"]), result=Result(plan))).text
        assert [job["id"] for job in (await alice.get("/v1/jobs?kind=validation")).json()["jobs"]] == [reading]
        assert 'name="title" value="sales"' in page
        assert page.count(" selected>date<") == page.count(" selected>money<") == 1
        assert EVIL not in page

        form = {"upload": upload, "title": "Sales", "currency": "GBP", "field": ["day", "amount"], "show.1": "on"}
        form |= {"type.1": "money", "total.1": "on"}
        error = ("invalid_cell", "Line 2, column 'amount': 'x' is no number.")
        post = browser.post("/console/try/report/columns", data=form, headers=PAGE)
        wrong = await answered(worker, post, verb="failed", error=error, field="blocks.1.columns.0")
        assert (wrong.status_code, "Line 2, column" in wrong.text, 'class="wrong"' in wrong.text) == (422, True, True)
        post = browser.post("/console/try/report/columns", data=form, headers=PAGE)
        made = await answered(worker, post, result=Result(PLAN))
        assert made.status_code == 303
        job = parse_qs(urlsplit(made.headers["location"]).query)["job"][0]
        assert AGAIN in (await browser.get(made.headers["location"])).text
        blob = (await put(storage, b"picture")).sha256
        files = tuple(OutputFile(name, blob, kind, 7) for name, kind in MADE.items())
        await worker.end(job, result=Result({"pages": 1, "rows": 2, "warnings": []}, files=files))
        shown = (await browser.get(made.headers["location"])).text
        assert f'<img src="/console/jobs/{job}/files/preview.png" width="497" height="704"' in shown
        assert f'href="/console/jobs/{job}/files/report.pdf"' in shown
        params = (await alice.get(f"/v1/jobs/{job}")).json()["params"]
        assert (params["title"], params["formats"]) == ("Sales", ["pdf", "xlsx"])


async def test_a_table_that_cannot_be_read_is_said_when_it_is_looked_at(port: int, worker: ManualWorker) -> None:
    async with signed_in(port, ALICE) as browser:
        file = {"file": ("sales.csv", b"day,amount\n")}
        sent = await browser.post("/console/try/report/table", files=file, headers=PAGE)
        error = ("invalid_dataset", f"Line 2 of {EVIL} has too few cells.")
        page = await answered(worker, browser.get(sent.headers["location"]), verb="failed", error=error)
        assert (page.status_code, "Line 2 of" in page.text, EVIL in page.text) == (200, True, False)
        assert AGAIN not in page.text


async def test_an_example_is_validated_made_and_its_faults_have_lines(port: int, worker: ManualWorker) -> None:
    async with signed_in(port, ALICE) as browser:
        page = (await browser.get("/console/try/report?example=invoice")).text
        assert "Invoice 2026-0042" in page
        spec = json.dumps(SAMPLES["invoice"], indent=2)
        form = {"spec": spec, "do": "validate"}
        valid = await answered(
            worker, browser.post("/console/try/report", data=form, headers=PAGE), result=Result(PLAN)
        )
        assert (valid.status_code, "pages: 1, rows of tables: 2" in valid.text) == (200, True)
        made = await browser.post("/console/try/report", data={"spec": spec, "do": "make"}, headers=PAGE)
        assert (made.status_code, made.headers["location"].startswith("/console/try/report/made?job=")) == (303, True)
        for text, said in (
            (spec.replace('"integer"', '"whole"'), f"line {spec[: spec.index('integer')].count(chr(10)) + 1}"),
            ("[]", "a report is an object"),
            ("{", "not valid JSON"),
        ):
            wrong = await browser.post("/console/try/report", data={"spec": text, "do": "make"}, headers=PAGE)
            assert (wrong.status_code, said in wrong.text) == (422, True), wrong.text


@pytest.mark.parametrize("name", list(SAMPLES))
async def test_examples_are_valid(name: str, alice: httpx.AsyncClient) -> None:
    assert (await alice.post("/v1/reports", json=SAMPLES[name])).status_code == 202


async def test_a_refused_report_keeps_the_example(port: int) -> None:
    async with signed_in(port) as browser:
        form = {"spec": '{"blocks": 1}', "example": "invoice"}
        page = await browser.post("/console/try/report", data=form, headers=PAGE)
    assert page.status_code == 422
    assert 'href="/console/try/report?example=invoice" aria-current="true"' in page.text
