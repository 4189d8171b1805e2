"""POST /v1/reports: what is wrong with a spec is said by block and field, and leaves nothing behind."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.report.spec.reading import MAX_OBJECTS
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.api.specs import ROWS, of_upload, spec

NOBODY = "0" * 32
JSON = {"Content-Type": "application/json"}
COLUMN = {"field": "a", "width": "wide"}
SECTION = b'{"type": "section", "orientation": "portrait", "blocks": ['


def image(**source: str) -> dict[str, Any]:
    return {"type": "image", "source": source}


async def bytes_in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size):
        yield b"["


def sections(depth: int) -> bytes:
    return b'{"document": {"title": "t"}, "blocks": [%s%s]}' % (SECTION * depth, b"]}" * depth)


BAD: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no body": ({"content": b"", "headers": JSON}, 422, "invalid_request", "body"),
    "no JSON": ({"content": b"title=x", "headers": JSON}, 422, "invalid_request", "body"),
    "no text": ({"content": b'{"\xff": 1}', "headers": JSON}, 422, "invalid_request", "body"),
    "no object": ({"json": []}, 422, "invalid_request", "body"),
    "no document": ({"json": {"blocks": []}}, 422, "invalid_request", "document"),
    "a number that is none": ({"content": b'{"a": NaN}', "headers": JSON}, 422, "invalid_request", "body"),
    "a number without end": ({"content": b'{"a": -1e999}', "headers": JSON}, 422, "invalid_request", "body"),
    "brackets a hundred thousand deep": (
        {"content": b"[" * 100_000, "headers": JSON},
        422,
        "invalid_request",
        "body",
    ),
    "rows nested deep": (
        {"content": json.dumps(spec(ROWS)).encode().replace(b"1", b"[" * 900 + b"]" * 900), "headers": JSON},
        422,
        "invalid_request",
        "blocks.0.rows.0.a",
    ),
    "sections in sections": ({"content": sections(5), "headers": JSON}, 422, "invalid_request", "blocks"),
    "three hundred sections in each other": (
        {"content": sections(300), "headers": JSON},
        422,
        "invalid_request",
        "blocks",
    ),
    "a wrong width": (
        {"json": spec(ROWS, {**ROWS, "columns": [{"field": "b"}, COLUMN]})},
        422,
        "invalid_request",
        "blocks.1.columns.1.width",
    ),
    "an unknown block": ({"json": spec({"type": "tabel"})}, 422, "invalid_request", "blocks.0.type"),
    "an unknown field": ({"json": spec({**ROWS, "zebras": 1})}, 422, "invalid_request", "blocks.0.zebras"),
    "no columns": (
        {"json": spec({"type": "table", "rows": [{"a": 1}]})},
        422,
        "invalid_request",
        "blocks.0",
    ),
    "a link that runs": (
        {"json": spec({"type": "text", "text": [{"text": "x", "link": "javascript:alert(1)"}]})},
        422,
        "invalid_request",
        "blocks.0.text.0.link",
    ),
    "a dataset that is not listed": (
        {"json": spec({"type": "table", "dataset": "d"})},
        422,
        "unknown_dataset",
        "blocks.0.dataset",
    ),
    "an upload of nobody": ({"json": of_upload(NOBODY)}, 404, "not_found", "datasets.d.upload"),
    "a picture of nobody": ({"json": spec(ROWS, image(upload=NOBODY))}, 404, "not_found", "blocks.1.source.upload"),
    "a job of nobody": ({"json": spec(image(job=NOBODY, file="a"))}, 404, "not_found", "blocks.0.source.job"),
    "a path": ({"json": spec(image(upload="../../../etc/passwd"))}, 422, "invalid_request", "blocks.0.source.upload"),
    "a type that we do not read": (
        {"content": b"<a/>", "headers": {"Content-Type": "text/html"}},
        415,
        "unsupported_media_type",
        "Content-Type",
    ),
    "a form without a file": ({"files": {"title": (None, b"x")}}, 422, "no_file", "file"),
    "a picture": (
        {"content": b"x", "headers": {"Content-Type": "image/png"}},
        415,
        "unsupported_media_type",
        "Content-Type",
    ),
    "a spec with a table's parameter": (
        {"json": spec(), "params": {"title": "x"}},
        422,
        "invalid_request",
        "title",
    ),
    "an unknown parameter": ({"json": spec(), "params": {"titel": "x"}}, 422, "invalid_request", "titel"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_spec_is_named_by_block_and_field(
    bad: str, alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    request, status, code, field = BAD[bad]
    answer = await alice.post("/v1/reports", **request)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (status, code, field)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert field in problem["detail"] or field in ("body", "Content-Type")
    assert [blob async for blob in storage.blobs()] == []
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


async def test_the_ways_of_a_choice_are_told_in_one_sentence(alice: httpx.AsyncClient) -> None:
    problem = (await alice.post("/v1/reports", json=spec({**ROWS, "columns": [COLUMN]}))).json()
    assert "'wide' is not 'auto' or 'flex', and no number" in problem["detail"]
    assert "constrained" not in problem["detail"]


async def test_a_spec_is_refused_by_its_length_before_it_is_read(settings: Settings, redis: ArqRedis) -> None:
    small = settings.model_copy(update={"max_spec_bytes": 1000})
    async with serving(small) as port, client_of(port) as alice:
        fits = await alice.post("/v1/reports", json=spec())
        assert fits.status_code == 202
        for content in (b"[" * 1001, bytes_in_pieces(1001)):
            answer = await alice.post("/v1/reports", content=content, headers=JSON)
            assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_large", 1000)


async def test_a_spec_of_too_many_objects_is_refused_before_they_are_made(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/reports", content=b'{"blocks": [' + b"{}," * MAX_OBJECTS + b"{}]}", headers=JSON)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_many_objects", MAX_OBJECTS)


async def test_what_is_someone_elses_is_not_there(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    upload = (await bob.post("/v1/uploads", content=PNG)).json()["id"]
    job = (await bob.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job)
    for source in ({"upload": upload}, {"job": job, "file": "small.jpg"}):
        answer = await alice.post("/v1/reports", json=spec(image(**source)))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_job_must_have_succeeded_and_have_the_file(
    alice: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis
) -> None:
    job = (await alice.post("/v1/images", content=PNG)).json()["id"]
    said = spec(image(job=job, file="small.jpg"))
    early = await alice.post("/v1/reports", json=said)
    assert (early.status_code, early.json()["code"], early.json()["field"]) == (409, "not_ready", "blocks.0.source.job")
    await worker.end(job)
    without = await alice.post("/v1/reports", json=said)
    assert (without.status_code, without.json()["field"]) == (404, "blocks.0.source.file")
    await redis.hset(JOB + job, "expires_at", 1)
    late = await alice.post("/v1/reports", json=said)
    assert (late.status_code, late.json()["code"]) == (410, "expired")


async def test_a_table_in_columns_takes_no_dataset(alice: httpx.AsyncClient) -> None:
    upload = (await alice.post("/v1/uploads", content=b"a\n1\n")).json()["id"]
    said = of_upload(upload)
    said["blocks"] = [{"type": "columns", "columns": [said["blocks"]]}]
    answer = await alice.post("/v1/reports", json=said)
    assert (answer.status_code, answer.json()["field"]) == (422, "blocks.0.columns.0.0.dataset")
