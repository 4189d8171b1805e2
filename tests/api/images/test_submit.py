"""POST /v1/images: what is accepted, and how it is answered."""

import gzip
import hashlib
import json

import httpx
import pytest
from arq.connections import ArqRedis

from api.jobs.views import Job
from tasks.queue.redis_keys import JOB
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import JPEG, PNG

RAW = {"Content-Type": "image/png"}


async def stored(storage: Storage) -> set[str]:
    return {blob.sha256 async for blob in storage.blobs()}


async def test_a_raw_picture_becomes_a_job_and_a_blob(alice: httpx.AsyncClient, storage: Storage) -> None:
    answer = await alice.post("/v1/images", content=PNG, headers=RAW, params={"name": r"C:\me\cat.png"})
    assert answer.status_code == 202
    job = Job.model_validate_json(answer.content)
    assert answer.headers["Location"] == f"/v1/jobs/{job.id}"
    assert answer.headers["Retry-After"] == "1"
    assert (job.kind, job.queue, job.state, job.name) == ("thumbnail", "media", "queued", "cat.png")
    assert job.params["upload"] == {"blob": hashlib.sha256(PNG).hexdigest(), "bytes": len(PNG)}
    assert [variant["name"] for variant in job.params["variants"]] == ["small", "medium", "large", "square"]
    assert await stored(storage) == {hashlib.sha256(PNG).hexdigest()}


async def test_what_the_submit_answers_is_what_the_job_says(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", content=PNG, headers=RAW)
    again = await alice.get(answer.headers["Location"])
    assert again.json() == answer.json() | {"waiting_for": [{"reason": "no_worker"}]}
    assert again.json()["links"]["self"] == str(again.url)


@pytest.mark.parametrize(
    "content_type",
    [
        "image/jpeg",
        "application/octet-stream",
        "binary/octet-stream",
        "*/*",
        "IMAGE/whatever",
        "application/pdf",
        "",
        None,
    ],
)
async def test_the_format_is_told_by_content(alice: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await alice.post("/v1/images", content=PNG, headers=headers)
    assert answer.status_code == 202


async def test_a_compressed_svg_is_told_from_other_gzip_files(alice: httpx.AsyncClient) -> None:
    svg = gzip.compress(b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")
    assert (await alice.post("/v1/images", content=svg)).status_code == 202
    other = await alice.post("/v1/images", content=gzip.compress(PNG))
    assert (other.status_code, other.json()["code"]) == (422, "unsupported_format")
    assert "a gzip file of something else than an SVG" in other.json()["detail"]


async def test_variants_are_a_preset_or_a_list(alice: httpx.AsyncClient) -> None:
    preset = await alice.post("/v1/images?variants=avatar", content=PNG)
    assert [one["name"] for one in preset.json()["params"]["variants"]] == ["avatar-64", "avatar-128", "avatar-256"]
    own = json.dumps([{"name": "tiny", "width": 16, "format": "png"}])
    listed = await alice.post("/v1/images", content=PNG, params={"variants": own})
    assert [one["name"] for one in listed.json()["params"]["variants"]] == ["tiny"]


async def test_a_variant_without_a_size_converts_in_the_query_a_form_and_json(alice: httpx.AsyncClient) -> None:
    variants = [{"name": "photo", "format": "webp", "max_bytes": 5000}]
    text = json.dumps(variants)
    upload = (await alice.post("/v1/uploads", content=PNG, headers=RAW)).json()["id"]
    answers = [
        await alice.post("/v1/images", content=PNG, params={"variants": text}),
        await alice.post("/v1/images", files={"file": ("a.png", PNG)}, data={"variants": text}),
        await alice.post("/v1/images", json={"upload": upload, "variants": variants}),
    ]
    for answer in answers:
        assert answer.status_code == 202, answer.text
        [variant] = answer.json()["params"]["variants"]
        assert not {"width", "height"} & variant.keys()
        assert (variant["format"], variant["max_bytes"]) == ("webp", 5000)
    refused = await alice.post("/v1/images", json={"upload": upload, "variants": [{"name": "a", "fit": "cover"}]})
    assert (refused.status_code, refused.json()["field"]) == (422, "variants.0.width")
    assert "Fit cover needs both width and height" in refused.json()["detail"]


async def test_an_input_that_was_left_empty_is_no_file(alice: httpx.AsyncClient) -> None:
    empty = b'--b\r\nContent-Disposition: form-data; name="second"; filename=""\r\n\r\n\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG + b"\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for parts in (empty + file, file + empty, empty + file + empty):
        answer = await alice.post("/v1/images", content=parts + b"--b--\r\n", headers=headers)
        assert (answer.status_code, answer.json().get("name")) == (202, "a.png"), answer.text
    none = await alice.post("/v1/images", content=empty + b"--b--\r\n", headers=headers)
    assert (none.status_code, none.json()["code"]) == (422, "no_file")


async def test_a_form_with_one_file_answers_its_job(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", files={"file": ("Größe.png", PNG)}, data={"variants": "avatar"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.json()["name"] == "Größe.png"
    assert len(answer.json()["params"]["variants"]) == 3


async def test_a_form_with_several_files_is_a_batch_of_a_job_each_in_order(
    alice: httpx.AsyncClient, storage: Storage, worker: ManualWorker
) -> None:
    pictures = {"one.png": PNG, "two.jpg": JPEG, "three.png": PNG + b"!"}
    answer = await alice.post("/v1/images", files=[("file", (name, body)) for name, body in pictures.items()])
    assert answer.status_code == 202
    jobs = answer.json()["jobs"]
    hashes = [hashlib.sha256(body).hexdigest() for body in pictures.values()]
    assert [job["name"] for job in jobs] == list(pictures)
    assert [job["params"]["upload"]["blob"] for job in jobs] == hashes
    assert await stored(storage) == set(hashes)
    batch = (await alice.get(answer.headers["Location"])).json()
    assert (batch["id"], batch["kind"], batch["jobs"]) == (answer.json()["batch"], "batch", {"queued": 3})
    assert {job["batch"] for job in jobs} == {batch["id"]}
    for job in jobs:
        await worker.end(job["id"])
    batch = (await alice.get(answer.headers["Location"])).json()
    assert (batch["state"], batch["jobs"]) == ("succeeded", {"succeeded": 3})


async def test_the_request_id_goes_from_the_request_into_the_record(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    answer = await alice.post("/v1/images", content=PNG, headers={"X-Request-Id": "trace/42"})
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "trace/42"
    assert await redis.hget(JOB + answer.json()["id"], "request_id") == b"trace/42"


async def test_the_public_address_is_the_one_that_is_set(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", content=PNG, headers={"Host": "press.example"})
    assert answer.json()["links"]["self"].startswith("http://press.example/v1/jobs/")


async def test_a_repeated_submit_is_the_same_job_as_it_is_now(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await alice.post("/v1/images", content=PNG, headers=key)
    await worker.end(first.json()["id"])
    second = await alice.post("/v1/images", files={"file": ("cat.png", PNG)}, headers=key)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["state"] == "succeeded"


async def test_a_key_is_its_owners_and_its_contents(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = await alice.post("/v1/images", content=PNG, headers=key)
    other_content = await alice.post("/v1/images", content=JPEG, headers=key)
    assert (other_content.status_code, other_content.json()["code"]) == (422, "key_reused")
    other_variants = await alice.post("/v1/images?variants=avatar", content=PNG, headers=key)
    assert other_variants.json()["code"] == "key_reused"
    other_owner = await bob.post("/v1/images", content=PNG, headers=key)
    assert other_owner.status_code == 202
    assert other_owner.json()["id"] != first.json()["id"]


async def test_a_repeated_form_is_the_same_batch(alice: httpx.AsyncClient) -> None:
    files = [("file", (f"{number}.png", PNG + bytes([number]))) for number in range(3)]
    answers = [await alice.post("/v1/images", files=files, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json() == answers[1].json()
    assert [job["name"] for job in answers[1].json()["jobs"]] == [f"{number}.png" for number in range(3)]
    fewer = await alice.post("/v1/images", files=files[1:], headers={"Idempotency-Key": "k"})
    assert fewer.json()["code"] == "key_reused"


async def test_a_submit_is_one_call_to_redis(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await alice.post("/v1/images", content=PNG)
    await redis.config_resetstat()
    for number in range(10):
        await alice.post("/v1/images", content=PNG + bytes([number]))
    calls = {name: about["calls"] for name, about in (await redis.info("commandstats")).items()}
    assert calls["cmdstat_evalsha"] == 10
    # What the script itself calls is counted too; these are the ones that a client of ours might.
    assert not calls.keys() & {"cmdstat_eval", "cmdstat_hgetall", "cmdstat_watch", "cmdstat_multi", "cmdstat_ping"}
