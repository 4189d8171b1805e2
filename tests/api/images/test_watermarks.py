"""POST /v1/images with variants that have a watermark: an upload of the sender's."""

import hashlib
import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB, UPLOAD
from tasks.storage.protocol import Storage
from tests.support.api.pictures import JPEG, PNG


def variants(*uploads: str) -> list[dict[str, Any]]:
    return [{"name": f"v{number}", "width": 9, "watermark": {"upload": one}} for number, one in enumerate(uploads)]


async def uploaded(client: httpx.AsyncClient, content: bytes = PNG) -> str:
    answer = await client.post("/v1/uploads", content=content, headers={"Content-Type": "application/octet-stream"})
    return str(answer.json()["id"])


@pytest.mark.parametrize("how", ["body", "form", "json"])
async def test_a_job_keeps_the_bytes_of_its_watermarks(alice: httpx.AsyncClient, redis: ArqRedis, how: str) -> None:
    one, other, source = await uploaded(alice), await uploaded(alice, PNG + b"!"), await uploaded(alice, JPEG)
    chosen = variants(one, other, one)
    match how:
        case "body":
            answer = await alice.post("/v1/images", content=JPEG, params={"variants": json.dumps(chosen)})
        case "form":
            data = {"variants": json.dumps(chosen)}
            answer = await alice.post("/v1/images", files={"file": ("a.jpg", JPEG)}, data=data)
        case _:
            answer = await alice.post("/v1/images", json={"upload": source, "variants": chosen})
    assert answer.status_code == 202, answer.text
    params = answer.json()["params"]
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in ((one, PNG), (other, PNG + b"!"))}
    assert {name: kept["blob"] for name, kept in params["watermarks"].items()} == hashes
    await redis.delete(UPLOAD + one, UPLOAD + other)
    kept = b" ".join((await redis.hgetall(JOB + answer.json()["id"])).values())
    assert all(one.encode() in kept for one in hashes.values())


async def test_a_job_without_a_watermark_is_stored_as_before(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images", content=PNG)
    assert answer.json()["params"].keys() == {"upload", "variants"}


async def test_every_watermark_that_cannot_be_used_is_named(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    text, others, good = await uploaded(alice, b"a,b\n1,2\n"), await uploaded(bob), await uploaded(alice)
    answer = await alice.post(
        "/v1/images", json={"url": "https://example.com/a", "variants": variants(text, others, good)}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "unsupported_format")
    assert [one["field"] for one in problem["errors"]] == [
        "variants.0.watermark.upload",
        "variants.1.watermark.upload",
    ]
    assert [key async for key in redis.scan_iter(JOB + "*")] == []
    gone = await alice.post("/v1/images", content=JPEG, params={"variants": json.dumps(variants("0" * 32))})
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert gone.json()["field"] == "variants.0.watermark.upload"


async def test_a_request_has_few_different_watermarks(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(
        "/v1/images", content=JPEG, params={"variants": json.dumps(variants(*(c * 32 for c in "0123")))}
    )
    assert (answer.status_code, answer.json()["limit"]) == (422, 3)


async def test_all_that_is_wrong_with_a_watermark_is_named(alice: httpx.AsyncClient) -> None:
    wrong = {"upload": "x", "position": "top", "opacity": 2, "scale": 0, "margin": 1.5, "text": "©"}
    body = {"url": "https://example.com/a", "variants": [{"name": "v", "width": 9, "watermark": wrong}]}
    problem = (await alice.post("/v1/images", json=body)).json()
    assert {one["field"] for one in problem["errors"]} == {f"variants.0.watermark.{name}" for name in wrong}
