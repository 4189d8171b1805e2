"""POST /v1/reports: a spec becomes a job that knows every blob it needs."""

import hashlib
import json
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from arq.connections import ArqRedis

from api.jobs.views import Job
from tasks.blob_ref import BlobRef
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import BLOB
from tasks.report.kind import ReportParams
from tasks.report.request import ReportRequest
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import JPEG, PNG
from tests.support.api.specs import of_upload, spec
from tests.support.blobs import put

CSV = b"day,amount\n2026-11-20,9.50\n"
IMAGE = {"type": "image"}


async def upload(client: httpx.AsyncClient, content: bytes = CSV) -> str:
    upload_id: str = (await client.post("/v1/uploads", content=content)).json()["id"]
    return upload_id


async def report_request_of(job: dict[str, Any], storage: Storage) -> ReportRequest:
    params = ReportParams.model_validate(job["params"])
    body = b"".join([chunk async for chunk in storage.read(params.order.sha256)])
    assert len(body) == params.order.bytes
    return ReportRequest.model_validate_json(body)


@pytest.fixture
async def thumbnails(alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage) -> tuple[str, BlobRef]:
    """A job of alice's that has succeeded, with the file small.jpg."""
    blob = await put(storage, JPEG)
    job_id = (await alice.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, result=Result(files=(OutputFile("small.jpg", blob.sha256, "image/jpeg", blob.bytes),)))
    return job_id, blob


async def test_a_spec_becomes_a_job(alice: httpx.AsyncClient, storage: Storage) -> None:
    answer = await alice.post("/v1/reports", json=spec(formats=["pdf", "xlsx"]))
    assert answer.status_code == 202
    job = Job.model_validate_json(answer.content)
    assert answer.headers["Location"] == f"/v1/jobs/{job.id}"
    assert answer.headers["Retry-After"] == "1"
    assert (job.kind, job.queue, job.state, job.name) == ("report", "reports", "queued", "Sales")
    assert (job.params["title"], job.params["formats"]) == ("Sales", ["pdf", "xlsx"])
    report_request = await report_request_of(answer.json(), storage)
    assert report_request.spec.blocks[0].type == "text"
    assert report_request.files == {}


async def test_all_that_a_spec_refers_to_is_found_and_kept(
    alice: httpx.AsyncClient, storage: Storage, redis: ArqRedis, thumbnails: tuple[str, BlobRef]
) -> None:
    job_id, small = thumbnails
    table, logo = await upload(alice), await upload(alice, PNG)
    of_job = {"job": job_id, "file": "small.jpg"}
    said = of_upload(table)
    said["document"]["cover"] = {"logo": {"upload": logo}}
    said["blocks"] += [
        {"type": "section", "orientation": "landscape", "blocks": [IMAGE | {"source": of_job}]},
        {"type": "columns", "columns": [[IMAGE | {"source": {"upload": logo}}], []]},
        {"type": "contact_sheet", "images": [{"source": of_job}, {"source": {"upload": logo}}]},
    ]
    answer = await alice.post("/v1/reports", json=said)
    assert answer.status_code == 202, answer.text
    report_request = await report_request_of(answer.json(), storage)
    blobs = {key: source.sha256 for key, source in report_request.files.items()}
    assert blobs == {
        table: hashlib.sha256(CSV).hexdigest(),
        logo: hashlib.sha256(PNG).hexdigest(),
        f"{job_id}/small.jpg": small.sha256,
    }
    for blob in (*blobs.values(), answer.json()["params"]["order"]["blob"]):
        assert answer.json()["id"].encode() in await redis.smembers(BLOB + blob)


async def test_two_lookups_and_a_submit_are_two_calls_to_redis(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    upload_id = await upload(alice)
    images = [{"source": {"upload": upload_id}, "caption": str(number)} for number in range(200)]
    await alice.post("/v1/reports", json=spec())
    await redis.config_resetstat()
    answer = await alice.post("/v1/reports", json=spec({"type": "contact_sheet", "images": images}))
    assert answer.status_code == 202
    calls = {name: about["calls"] for name, about in (await redis.info("commandstats")).items()}
    assert calls["cmdstat_evalsha"] == 1
    assert calls["cmdstat_hgetall"] == 200


async def test_a_repeated_spec_is_the_same_job_however_it_is_written(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "november", "Content-Type": "application/json; charset=utf-8"}
    said = spec({"type": "table", "columns": [{"field": "a"}], "rows": [{"a": 1, "b": 2}]})
    first = await alice.post("/v1/reports", content=json.dumps(said), headers=key)
    backwards = (
        json.dumps(dict(reversed(said.items())), indent=4).replace('"a": 1,', "").replace('"b": 2', '"b":2,"a":1')
    )
    again = await alice.post("/v1/reports", content=backwards, headers=key)
    other = await alice.post("/v1/reports", json=spec(formats=["csv"]), headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["code"] == "key_reused"


async def test_the_same_key_with_other_data_is_another_report(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "november"}
    first = await alice.post("/v1/reports", json=of_upload(await upload(alice)), headers=key)
    other = await alice.post("/v1/reports", json=of_upload(await upload(alice, CSV + CSV)), headers=key)
    assert (first.status_code, other.json()["code"]) == (202, "key_reused")


async def test_the_same_key_with_the_same_bytes_uploaded_again_is_the_same_report(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "november"}
    first_id, second_id = await upload(alice), await upload(alice)
    assert first_id != second_id
    answers = [await alice.post("/v1/reports", json=of_upload(one), headers=key) for one in (first_id, second_id)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    changed = await alice.post("/v1/reports", json={**of_upload(second_id), "formats": ["csv"]}, headers=key)
    assert (changed.status_code, changed.json()["code"]) == (422, "key_reused")


async def test_the_same_pictures_in_another_order_are_another_report(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "november"}

    async def report(*pictures: bytes) -> httpx.Response:
        blocks = [{**IMAGE, "source": {"upload": await upload(alice, one)}} for one in pictures]
        return await alice.post("/v1/reports", json=spec(*blocks), headers=key)

    first, again, other = await report(JPEG, PNG), await report(JPEG, PNG), await report(PNG, JPEG)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)


async def test_a_password_reaches_the_order_and_nobody_who_asks(alice: httpx.AsyncClient, storage: Storage) -> None:
    answer = await alice.post("/v1/reports", json=spec(document={"title": "Salaries", "password": "open sesame"}))
    assert "sesame" not in answer.text
    report_request = await report_request_of(answer.json(), storage)
    assert report_request.spec.model_dump(mode="json")["document"]["password"] == "open sesame"
    assert "sesame" not in repr(report_request)


async def test_a_job_in_storage_can_be_as_large_as_its_references(alice: httpx.AsyncClient, storage: Storage) -> None:
    uploads = [await upload(alice, JPEG + bytes([number])) for number in range(150)]
    sheet = {"type": "contact_sheet", "images": [{"source": {"upload": one}} for one in uploads]}
    answer = await alice.post("/v1/reports", json=spec(sheet))
    assert answer.status_code == 202, answer.text
    assert (await report_request_of(answer.json(), storage)).files.keys() == set(uploads)


async def test_the_schema_is_the_one_by_which_specs_are_judged(alice: httpx.AsyncClient) -> None:
    answer = await alice.get("/v1/reports/schema")
    assert answer.headers["Content-Type"] == "application/schema+json"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    assert judge.is_valid(of_upload("0" * 32))
    assert not judge.is_valid(spec({"type": "tabel"}))
    assert not judge.is_valid(spec(colour="red"))
    again = await alice.get("/v1/reports/schema", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
