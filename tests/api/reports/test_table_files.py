"""Tables as people send them: other content types, forms, arrays of JSON, and the type that Accept asks for."""

import asyncio
from typing import Any

import httpx
import pytest

from tasks.kind import Result
from tasks.storage.protocol import Storage
from tests.api.reports.test_submit import report_request_of
from tests.support.api.manual_worker import ManualWorker

BODY = b"day,shop,amount\n2026-11-20,A,9.50\n2026-11-21,B,1.25\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/tab-separated-values", "tsv"),
        ("application/csv; charset=windows-1252", "csv"),
        ("application/vnd.ms-excel", "auto"),
        ("application/vnd.ms-excel.sheet.macroEnabled.12", "xlsx"),
        ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
        ("application/jsonl", "ndjson"),
        ("application/octet-stream", "auto"),
    ],
)
async def test_content_types_of_tables(
    content_type: str, kind: str, alice: httpx.AsyncClient, storage: Storage
) -> None:
    answer = await alice.post("/v1/reports", content=BODY, headers={"Content-Type": content_type})
    assert answer.status_code == 202, answer.text
    dataset = (await report_request_of(answer.json(), storage)).spec.datasets["data"]
    assert dataset.format == kind
    assert dataset.encoding == ("cp1252" if "1252" in content_type else "utf-8")


async def test_the_address_says_how_a_table_is_read_and_shown(alice: httpx.AsyncClient, storage: Storage) -> None:
    params: dict[str, Any] = {
        "columns": 'day,"shop, street",amount',
        "types": "day:date,amount:money",
        "total": "amount,day:count",
        "group_by": "day:month",
        "sort": "-amount,shop",
        "orientation": "landscape",
        "encoding": "latin1",
        "delimiter": ";",
        "sheet": "2",
        "range": "B2:D",
        "header_row": "3",
        "skip_rows": "1",
        "ragged": "fill",
        "include_hidden": "true",
        "decimal": ",",
        "thousands": ".",
        "date_format": "dd.MM.yyyy",
        "nulls": '-,"a,b"',
    }
    answer = await alice.post("/v1/reports", content=BODY, headers={"Content-Type": "text/csv"}, params=params)
    assert answer.status_code == 202, answer.text
    spec = (await report_request_of(answer.json(), storage)).spec
    assert spec.document.page.orientation == "landscape"
    table = spec.blocks[1].model_dump(exclude_defaults=True)
    assert table["columns"] == [
        {"field": "day", "type": "date", "total": "count"},
        {"field": "shop, street"},
        {"field": "amount", "type": "money", "total": "sum"},
    ]
    assert table["group_by"] == [{"field": "day", "by": "month"}]
    assert table["sort"] == [{"field": "amount", "descending": True}, {"field": "shop"}]
    assert not spec.blocks[1].model_dump()["every_column"]
    assert spec.datasets["data"].model_dump(exclude={"upload"}) == {
        "format": "csv",
        "encoding": "cp1252",
        "delimiter": ";",
        "sheet": "2",
        "range": "B2:D",
        "header": "auto",
        "header_row": 3,
        "skip_rows": 1,
        "ragged": "fill",
        "include_hidden": True,
        "decimal": ",",
        "thousands": ".",
        "date_format": "dd.MM.yyyy",
        "nulls": ["-", "a,b"],
    }


async def test_a_form_says_the_same_in_its_fields(alice: httpx.AsyncClient, storage: Storage) -> None:
    answer = await alice.post(
        "/v1/reports?lang=de",
        files={"file": ("sales.csv", BODY)},
        data={"title": "Sales", "types": "amount:money", "total": "amount", "nulls": "-", "tags": "q4"},
    )
    assert answer.status_code == 202, answer.text
    assert (answer.json()["name"], answer.json()["tags"]) == ("Sales", ["q4"])
    request = await report_request_of(answer.json(), storage)
    assert (request.spec.document.title, request.spec.document.lang) == ("Sales", "de")
    assert request.spec.datasets["data"].format == "auto"
    [blob] = request.files.values()
    assert b"".join([chunk async for chunk in storage.read(blob.sha256)]) == BODY


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], int, str, str]] = {
    "two files": ({"file": ("a.csv", BODY), "other": ("b.csv", BODY)}, {}, 422, "too_many_files", "other"),
    "an unknown field": ({"file": ("a.csv", BODY)}, {"titel": "x"}, 422, "invalid_request", "titel"),
    "a wrong type": ({"file": ("a.csv", BODY)}, {"types": "a:b"}, 422, "invalid_request", "types"),
    "a wrong option": ({"file": ("a.csv", BODY)}, {"ragged": "x"}, 422, "invalid_request", "ragged"),
    "twice": ({"file": ("a.csv", BODY)}, {"lang": "de"}, 422, "invalid_request", "lang"),
    "an empty file": ({"file": ("a.csv", b"")}, {}, 422, "no_file", "body"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("fields_first", [True, False])
async def test_a_bad_form_is_refused_and_nothing_is_stored(
    bad: str, fields_first: bool, alice: httpx.AsyncClient, storage: Storage
) -> None:
    files, data, status, code, field = BAD[bad]
    fields = [(name, (None, value)) for name, value in data.items()]
    parts = [*fields, *files.items()] if fields_first else [*files.items(), *fields]
    answer = await alice.post("/v1/reports?lang=en", files=parts)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field), answer.text
    assert [blob async for blob in storage.blobs()] == []


async def test_an_array_of_json_objects_is_a_table(alice: httpx.AsyncClient, storage: Storage) -> None:
    answer = await alice.post("/v1/reports?title=Rows", json=[{"a": 1}, {"b": 2}])
    assert answer.status_code == 202, answer.text
    request = await report_request_of(answer.json(), storage)
    assert request.spec.datasets["data"].format == "json"
    assert request.spec.document.title == "Rows"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"columns": "a", "types": "b:date"}, "types"),
        ({"columns": "a", "total": "b"}, "total"),
        ({"total": "a,a:avg"}, "total"),
        ({"header_row": "0"}, "header_row"),
        ({"header_row": "x"}, "header_row"),
        ({"range": "B2"}, "range"),
        ({"encoding": "klingon"}, "encoding"),
        ({"decimal": "x"}, "decimal"),
        ({"orientation": "wide"}, "orientation"),
        ({"group_by": "a,b,c,d"}, "group_by"),
        ({"nulls": "x" * 61}, "nulls"),
    ],
)
async def test_a_wrong_parameter_is_named(params: dict[str, str], field: str, alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/reports", content=BODY, headers={"Content-Type": "text/csv"}, params=params)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


@pytest.mark.parametrize(
    ("accept", "file"),
    [
        ("application/pdf", "report.pdf"),
        (XLSX, "report.xlsx"),
        ("text/csv", "report.csv"),
        ("text/html, text/csv;q=0.9, application/pdf;q=0.5", "report.csv"),
        ("text/csv;q=0, application/pdf", "report.pdf"),
    ],
)
async def test_accept_names_the_file_that_the_answer_leads_to(
    accept: str, file: str, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    headers = {"Content-Type": "text/csv", "Accept": accept}
    waiting = asyncio.create_task(alice.post("/v1/reports", content=BODY, headers=headers))
    while not (jobs := worker.claimed("report")):
        await worker.begin()
        await asyncio.sleep(0.005)
    await worker.end(jobs[0], result=Result())
    answer = await waiting
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].endswith(f"/files/{file}")


async def test_accept_is_not_heeded_where_the_formats_are_said(alice: httpx.AsyncClient, storage: Storage) -> None:
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    answer = await alice.post("/v1/reports?formats=pdf", content=BODY, headers=headers)
    assert answer.status_code == 202
    assert (await report_request_of(answer.json(), storage)).spec.formats == ["pdf"]


async def test_with_a_spec_the_parameters_of_tables_may_only_have_their_defaults(alice: httpx.AsyncClient) -> None:
    spec = {"document": {"title": "A"}, "blocks": [{"type": "text", "text": "a"}]}
    accepted = await alice.post("/v1/reports", json=spec, params={"encoding": "utf-8", "ragged": "refuse"})
    assert accepted.status_code == 202, accepted.text
    refused = await alice.post("/v1/reports", json=spec, params={"encoding": "cp1252", "ragged": "fill"})
    assert refused.status_code == 422
    assert [fault["field"] for fault in refused.json()["errors"]] == ["encoding", "ragged"]


async def test_the_number_of_a_sheet_may_be_written_with_a_fraction_of_zero(alice: httpx.AsyncClient) -> None:
    for sheet, is_wrong in ((2, False), (2.0, False), (2.5, True), (0, True)):
        dataset = {"upload": "0" * 32, "format": "xlsx", "sheet": sheet}
        table = {"type": "table", "dataset": "data"}
        spec = {"document": {"title": "A"}, "datasets": {"data": dataset}, "blocks": [table]}
        answer = await alice.post("/v1/reports/validation", json=spec)
        assert ("datasets.data.sheet" in answer.text) == is_wrong, answer.text


async def test_what_is_totalled_without_a_type_is_a_number(alice: httpx.AsyncClient, storage: Storage) -> None:
    params = {"total": "amount,shop:count"}
    answer = await alice.post("/v1/reports", content=BODY, headers={"Content-Type": "text/csv"}, params=params)
    spec = (await report_request_of(answer.json(), storage)).spec
    assert spec.blocks[1].model_dump(exclude_defaults=True)["columns"] == [
        {"field": "amount", "type": "decimal", "total": "sum"},
        {"field": "shop", "total": "count"},
    ]
