"""POST /v1/images: every sort of bad input has its own answer, and leaves nothing behind."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.pictures import JPEG, PNG, big
from tests.support.api.serving import client_of, serving

BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
END = b"\r\n--b--\r\n"


async def assert_nothing_left(redis: ArqRedis, storage: Storage) -> None:
    assert [blob async for blob in storage.blobs()] == []
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


def form(*files: bytes, **fields: str) -> dict[str, Any]:
    return {"files": [("file", (f"{n}.png", body)) for n, body in enumerate(files)], "data": fields}


VARIANT = {"name": "a", "width": 10}
BAD: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "no body": ({"content": b""}, 422, "no_file", "body"),
    "a text": ({"content": b"GIF? no."}, 422, "unsupported_format", "body"),
    "a type we do not read": (
        {"content": PNG, "headers": {"Content-Type": "text/xml"}},
        415,
        "unsupported_media_type",
        "Content-Type",
    ),
    "curl's default type": (
        {"content": PNG, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        415,
        "unsupported_media_type",
        "Content-Type",
    ),
    "too many bytes": ({"content": big(1_000_001)}, 413, "too_large", "body"),
    "too many bytes in a form": (form(PNG, big(1_000_001)), 413, "too_large", "file.1"),
    "more pixels than allowed, whatever the picture is": (
        {
            "content": PNG,
            "params": {
                "variants": '[{"name": "a", "width": 8192, "height": 8192, "fit": "pad"}, '
                '{"name": "b", "width": 4000, "height": 3000, "fit": "exact", "formats": ["webp", "jpeg", "png"]}]'
            },
        },
        422,
        "invalid_params",
        "variants",
    ),
    "an unknown preset": ({"content": PNG, "params": {"variants": "huge"}}, 422, "invalid_params", "variants"),
    "broken JSON": ({"content": PNG, "params": {"variants": "[{"}}, 422, "invalid_params", "variants"),
    "JSON a thousand deep": ({"content": PNG, "params": {"variants": "[" * 1000}}, 422, "invalid_params", "variants"),
    "an empty list": ({"content": PNG, "params": {"variants": "[]"}}, 422, "invalid_params", "variants"),
    "a wrong variant": (
        {"content": PNG, "params": {"variants": json.dumps([VARIANT, VARIANT | {"name": "b", "width": 0}])}},
        422,
        "invalid_params",
        "variants.1.width",
    ),
    "a name used twice": (
        {"content": PNG, "params": {"variants": json.dumps([VARIANT, VARIANT])}},
        422,
        "invalid_params",
        "variants",
    ),
    "a long name": ({"content": PNG, "params": {"name": "n" * 256}}, 422, "invalid_request", "name"),
    "a parameter misspelt": ({"content": PNG, "params": {"variant": "avatar"}}, 422, "invalid_request", "variant"),
    "an object for a list": ({"content": PNG, "params": {"variants": "{}"}}, 422, "invalid_params", "variants"),
    "a long key": (
        {"content": PNG, "headers": {"Idempotency-Key": "k" * 256}},
        422,
        "invalid_request",
        "idempotency-key",
    ),
    "a form without a file": (
        {"content": b'--b\r\nContent-Disposition: form-data; name="variants"\r\n\r\navatar' + END, "headers": BOUNDARY},
        422,
        "no_file",
        "file",
    ),
    "an empty file in a form": (form(PNG, b""), 422, "no_file", "file.1"),
    "a text among pictures": (form(PNG, b"text", JPEG), 422, "unsupported_format", "file.1"),
    "too many files": (form(PNG, PNG, PNG, PNG), 422, "too_many_files", "file"),
    "an unknown field": (form(PNG, variant="avatar"), 422, "invalid_request", "variant"),
    "wrong variants after the files": (
        {"content": PART + PNG + b'\r\n--b\r\nContent-Disposition: form-data; name="variants"\r\n\r\nhuge' + END},
        422,
        "invalid_params",
        "variants",
    ),
    "a field twice": (
        {
            "content": 2 * b'--b\r\nContent-Disposition: form-data; name="variants"\r\n\r\navatar\r\n' + END[2:],
            "headers": BOUNDARY,
        },
        422,
        "invalid_request",
        "variants",
    ),
    "variants without end": (form(PNG, variants=" " * 20_000), 413, "params_too_large", "variants"),
    "a form cut short": ({"content": PART + PNG}, 422, "invalid_request", "body"),
    "a part without a name": (
        {"content": b"--b\r\nContent-Disposition: form-data\r\n\r\nx" + END},
        422,
        "invalid_request",
        "body",
    ),
    "no form at all": ({"content": b"hello", "headers": BOUNDARY}, 422, "invalid_request", "body"),
    "a form without a boundary": (
        {"content": PNG, "headers": {"Content-Type": "multipart/form-data"}},
        422,
        "invalid_request",
        "body",
    ),
}


@pytest.mark.parametrize("bad", BAD)
async def test_bad_input_is_named_and_leaves_nothing_behind(
    bad: str, alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    request, status, code, field = BAD[bad]
    if request.get("content", b"").startswith(b"--b"):
        request = {**request, "headers": BOUNDARY}
    answer = await alice.post("/v1/images", **request)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (status, code, field)
    await assert_nothing_left(redis, storage)


async def test_a_limit_that_was_passed_is_told(alice: httpx.AsyncClient) -> None:
    large = await alice.post("/v1/images", content=big(1_000_001))
    assert large.json()["limit"] == 1_000_000
    many = await alice.post("/v1/images", **form(PNG, PNG, PNG, PNG))
    assert many.json()["limit"] == 3


async def test_a_body_is_counted_whatever_it_says_of_itself(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield big(600_000)
        yield bytes(600_000)

    answer = await alice.post("/v1/images", content=chunks())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    await assert_nothing_left(redis, storage)


@pytest.mark.parametrize("key", [None, "nobody-knows-this-key"])
async def test_without_a_known_key_nothing_is_read(
    key: str | None, port: int, redis: ArqRedis, storage: Storage
) -> None:
    async with client_of(port, key) as unknown:
        answer = await unknown.post("/v1/images", content=PNG)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    await assert_nothing_left(redis, storage)


@pytest.mark.parametrize(
    ("code", "limits"),
    [("queue_full", {"max_waiting_jobs": 1, "owner_max_waiting": 2}), ("owner_queue_full", {"owner_max_waiting": 1})],
)
async def test_a_full_queue_says_when_to_try_again(
    settings: Settings, redis: ArqRedis, code: str, limits: dict[str, int]
) -> None:
    async with serving(settings.model_copy(update=limits)) as port, client_of(port) as alice:
        assert (await alice.post("/v1/images", content=PNG)).status_code == 202
        answer = await alice.post("/v1/images", content=PNG)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (429, code, 1)
    assert int(answer.headers["Retry-After"]) > 0


async def test_one_bad_file_of_a_form_is_named(alice: httpx.AsyncClient) -> None:
    problem = (await alice.post("/v1/images", **form(PNG, b"text", JPEG))).json()
    assert (problem["code"], problem["field"]) == ("unsupported_format", "file.1")
    assert problem["detail"].startswith("File 2 of the form, '1.png': ")


async def test_all_bad_files_of_a_form_are_named_and_nothing_is_stored(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    problem = (await alice.post("/v1/images", **form(PNG, b"text", JPEG, keep="soon"))).json()
    assert problem["field"] == "keep", "the fields are checked before a file is read"
    problem = (await alice.post("/v1/images", **form(b"text", PNG, b"", JPEG))).json()
    assert (problem["code"], problem["field"]) == ("unsupported_format", "file.0")
    assert [one["field"] for one in problem["errors"]] == ["file.0", "file.2", "file"]
    assert problem["errors"][1]["message"].startswith("File 3 of the form, '2.png': The file is empty.")
    await assert_nothing_left(redis, storage)


async def test_files_behind_a_bad_one_are_read_up_to_the_size_of_one(alice: httpx.AsyncClient) -> None:
    problem = (await alice.post("/v1/images", **form(b"text", big(1_500_000), b""))).json()
    assert (problem["field"], "errors" in problem) == ("file.0", False)
