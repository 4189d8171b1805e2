"""POST /v1/reports with a table as it is: it compiles to a spec."""

import hashlib
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import BLOB, JOB
from tasks.report.request import ReportRequest
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.api.reports.test_submit import report_request_of
from tests.support.api.serving import client_of, serving

CSV = {"Content-Type": "text/csv"}
BODY = b"day,amount\n2026-11-20,9.50\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def ordered(client: httpx.AsyncClient, storage: Storage, headers: dict[str, str], **params: str) -> ReportRequest:
    answer = await client.post("/v1/reports", content=BODY, headers=headers, params=params)
    assert answer.status_code == 202, answer.text
    return await report_request_of(answer.json(), storage)


async def test_a_csv_is_a_report_of_all_its_columns_as_text(
    alice: httpx.AsyncClient, storage: Storage, redis: ArqRedis
) -> None:
    answer = await alice.post("/v1/reports", content=BODY, headers=CSV)
    assert (answer.status_code, answer.json()["name"]) == (202, "Report")
    report_request = await report_request_of(answer.json(), storage)
    heading, table = (block.model_dump() for block in report_request.spec.blocks)
    assert heading["text"] == "Report"
    assert (table["columns"], table["every_column"], table["dataset"]) == ([], True, "data")
    dataset, sha256 = report_request.spec.datasets["data"], hashlib.sha256(BODY).hexdigest()
    assert (dataset.format, dataset.encoding, dataset.delimiter) == ("csv", "utf-8", None)
    assert report_request.files[dataset.upload].sha256 == sha256
    assert answer.json()["id"].encode() in await redis.smembers(BLOB + sha256)


async def test_the_address_says_how_it_is_shown(alice: httpx.AsyncClient, storage: Storage) -> None:
    said = {
        "title": "Sales & more",
        "lang": "de-DE",
        "currency": "CHF",
        "formats": "pdf,xlsx",
        "types": "day:date,net: total:money",
        "delimiter": ";",
    }
    report_request = await ordered(alice, storage, CSV, **said)
    document, table = report_request.spec.document, report_request.spec.blocks[1].model_dump()
    assert (document.title, document.lang, document.currency) == ("Sales & more", "de-DE", "CHF")
    assert report_request.spec.formats == ["pdf", "xlsx"]
    assert report_request.spec.datasets["data"].delimiter == ";"
    columns = {column["field"]: column["type"] for column in table["columns"]}
    assert columns == {"day": "date", "net: total": "money"}
    assert table["every_column"]


@pytest.mark.parametrize(
    ("content_type", "kind", "encoding"),
    [
        ("text/csv; charset=utf-8", "csv", "utf-8"),
        ('TEXT/CSV; charset="Shift_JIS"; header=present', "csv", "shift_jis"),
        ("text/csv;charset=windows-1252", "csv", "cp1252"),
        ("text/csv;charset=gbk", "csv", "gb18030"),
        (XLSX, "xlsx", "utf-8"),
        ("application/x-ndjson", "ndjson", "utf-8"),
    ],
)
async def test_the_content_type_says_format_and_encoding(
    content_type: str, kind: str, encoding: str, alice: httpx.AsyncClient, storage: Storage
) -> None:
    dataset = (await ordered(alice, storage, {"Content-Type": content_type})).spec.datasets["data"]
    assert (dataset.format, dataset.encoding) == (kind, encoding)


async def test_the_same_table_under_the_same_key_is_the_same_job(alice: httpx.AsyncClient) -> None:
    key = {**CSV, "Idempotency-Key": "november"}
    answers = [await alice.post("/v1/reports", content=BODY, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = await alice.post("/v1/reports?title=x", content=BODY, headers=key)
    assert other.json()["code"] == "key_reused"


BAD: dict[str, tuple[dict[str, str], dict[str, str], int, str]] = {
    "a type that is none": (CSV, {"types": "amount:number"}, 422, "types"),
    "a type of nothing": (CSV, {"types": "amount"}, 422, "types"),
    "a column typed twice": (CSV, {"types": "a:date,a:text"}, 422, "types"),
    "a format that is none": (CSV, {"formats": "pdf,docx"}, 422, "formats"),
    "a currency that is none": (CSV, {"currency": "euro"}, 422, "currency"),
    "a language that is none": (CSV, {"lang": "deutsch!"}, 422, "lang"),
    "a long title": (CSV, {"title": "x" * 301}, 422, "title"),
    "a long delimiter": (CSV, {"delimiter": "||"}, 422, "delimiter"),
    "a charset that is none": ({"Content-Type": "text/csv; charset=klingon"}, {}, 415, "Content-Type"),
    "a charset that is no text": ({"Content-Type": "text/csv; charset=zip"}, {}, 415, "Content-Type"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_wrong_option_is_named_before_the_table_is_stored(
    bad: str, alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    headers, params, status, field = BAD[bad]
    answer = await alice.post("/v1/reports", content=BODY, headers=headers, params=params)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["field"]) == (status, field), problem
    assert [blob async for blob in storage.blobs()] == []
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


async def test_an_empty_table_and_one_over_the_limit_are_refused(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"max_dataset_bytes": 1000})) as port, client_of(port) as alice:
        empty = await alice.post("/v1/reports", content=b"", headers=CSV)
        assert (empty.status_code, empty.json()["code"]) == (422, "no_file")
        large = await alice.post("/v1/reports", content=bytes(1001), headers=CSV)
        assert (large.status_code, large.json()["code"], large.json()["limit"]) == (413, "too_large", 1000)
