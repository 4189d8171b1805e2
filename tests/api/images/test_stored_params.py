"""What the API stores of an image job is what the worker accepts, whichever way the image came."""

import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.thumbnail.params import ThumbnailParams
from tests.support.api.pictures import PNG

RAW = {"Content-Type": "image/png"}
WAYS: dict[str, dict[str, Any]] = {
    "raw": {"content": PNG, "headers": RAW},
    "with options": {
        "content": PNG,
        "headers": RAW,
        "params": {"keep": "90d", "exif": "gps,camera", "truncated": "draw"},
    },
    "a form": {"files": {"file": ("a.png", PNG)}, "data": {"variants": "avatar", "keep": "2d"}},
    "own variants": {
        "content": PNG,
        "headers": RAW,
        "params": {"variants": '[{"name": "a", "width": 10, "dpr": [1, 2], "blur": 2, "quality": 70}]'},
    },
    "a URL": {"json": {"url": "https://example.com/a.png", "variants": "avatar", "exif": True}},
}


@pytest.mark.parametrize("request_of", WAYS.values(), ids=WAYS.keys())
async def test_the_worker_accepts_it(alice: httpx.AsyncClient, redis: ArqRedis, request_of: dict[str, Any]) -> None:
    await check(redis, await alice.post("/v1/images", **request_of))


async def test_the_worker_accepts_a_watermark_and_an_own_preset(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    upload = (await alice.post("/v1/uploads", content=PNG, headers=RAW)).json()["id"]
    variants = [{"name": "a", "width": 10, "watermark": {"upload": upload}}]
    await check(redis, await alice.post("/v1/images", json={"upload": upload, "variants": variants}))
    assert (await alice.put("/v1/presets/card", json={"variants": variants})).status_code == 201
    params = await check(redis, await alice.post("/v1/images", json={"upload": upload, "variants": "card"}))
    assert params.preset is not None


async def check(redis: ArqRedis, answer: httpx.Response) -> ThumbnailParams:
    assert answer.status_code == 202, answer.text
    stored = await redis.hget(JOB + answer.json()["id"], "params")
    assert stored is not None
    params = ThumbnailParams.model_validate_json(stored)
    assert json.loads(params.model_dump_json(exclude_none=True)) == json.loads(stored)
    return params
