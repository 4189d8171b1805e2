"""Uploading with a token: what the token fixes the page cannot change, and each use is used once."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tests.api.accounts.tokens.conftest import OTHER_ORIGIN, Mint, bearer
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import JPEG, PNG, big
from tests.support.queue.submissions import record_of

TYPE = {"Content-Type": "application/octet-stream"}


async def test_one_image_becomes_a_job_as_the_token_says(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, redis: ArqRedis
) -> None:
    made = await mint(variants="avatar", metadata={"user": 42}, tags=["profile"])
    answer = await page.post(
        "/v1/images", params={"name": "me.png"}, content=PNG, headers=bearer(made["token"], **TYPE)
    )
    assert answer.status_code == 202, answer.text
    assert answer.json().keys() == {"id", "token"}
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    job = (await alice.get(answer.headers["Location"])).json()
    assert (job["name"], job["metadata"], job["tags"], job["owner"]) == ("me.png", {"user": 42}, ["profile"], "alice")
    assert {one["name"] for one in job["params"]["variants"]} == {"avatar-64", "avatar-128", "avatar-256"}
    record = await record_of(redis, job["id"])
    assert record.viewer is not None
    assert record.viewer not in json.dumps(job)
    assert (await alice.get(f"/v1/upload-tokens/{made['id']}")).json()["used"] == 1


async def test_a_form_is_the_same(page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint) -> None:
    token = (await mint())["token"]
    answer = await page.post("/v1/images", files={"file": ("a.jpg", JPEG)}, headers=bearer(token))
    assert answer.status_code == 202, answer.text
    assert (await alice.get(answer.headers["Location"])).json()["name"] == "a.jpg"


FIXED = {
    "url": "https://a.example/a.jpg",
    "job": "5" * 32,
    "upload": "5" * 32,
    "notify": "https://a.example/hook",
    "after": "5" * 32,
    "keep": "90d",
    "destination": "bucket",
    "priority": "high",
    "delay": "10",
    "run_at": "2030-01-01",
    "batch": "5" * 32,
    "tags": "mine",
    "metadata": "{}",
    "variants": "avatar",
    "exif": "true",
    "truncated": "draw",
    "owner": "bob",
    "a_later_option": "1",
    "token": "x",
}


@pytest.mark.parametrize("where", ["query", "form", "json"])
async def test_what_the_token_fixes_or_forbids_is_refused_all_at_once(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, where: str
) -> None:
    made = await mint()
    headers = bearer(made["token"])
    match where:
        case "query":
            answer = await page.post("/v1/images", params=FIXED, content=PNG, headers=headers | TYPE)
        case "form":
            answer = await page.post("/v1/images", data=FIXED, files={"file": ("a.png", PNG)}, headers=headers)
        case _:
            answer = await page.post("/v1/images", json=FIXED, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "token_forbids")
    assert {one["field"] for one in problem["errors"]} >= FIXED.keys()
    assert (await alice.get("/v1/jobs")).json()["jobs"] == []
    assert (await alice.get(f"/v1/upload-tokens/{made['id']}")).json()["used"] == 0


async def test_options_in_headers_are_refused_too(page: httpx.AsyncClient, mint: Mint) -> None:
    options = {"Pressroom-Notify": "https://a.example", "Pressroom-Tags": "a", "Pressroom-Metadata": "{}"}
    headers = bearer((await mint())["token"], **TYPE, **options)
    answer = await page.post("/v1/images", params={"priority": "high"}, content=PNG, headers=headers)
    assert answer.status_code == 403
    assert {one["field"] for one in answer.json()["errors"]} == {"priority", *options}


NOT_ALLOWED: dict[str, tuple[dict[str, Any], dict[str, Any], int, str]] = {
    "another type, raw": ({"types": ["image/jpeg"]}, {"content": PNG, "headers": TYPE}, 422, "unsupported_format"),
    "another type, in a form": ({"types": ["image/jpeg"]}, {"files": {"file": PNG}}, 422, "unsupported_format"),
    "another type, that its name and Content-Type deny": (
        {"types": ["image/jpeg"]},
        {"files": {"file": ("a.jpg", PNG, "image/jpeg")}},
        422,
        "unsupported_format",
    ),
    "more bytes": ({"max_bytes": 5_000}, {"content": big(5_001), "headers": TYPE}, 413, "too_large"),
    "more bytes, in a form": ({"max_bytes": 5_000}, {"files": {"file": big(5_001)}}, 413, "too_large"),
    "two files": ({"uses": 5}, {"files": [("file", PNG), ("file", JPEG)]}, 422, "too_many_files"),
    "no file": ({}, {"content": b"", "headers": TYPE}, 422, "no_file"),
    "a body that names an image": ({}, {"json": {}}, 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("what", NOT_ALLOWED)
async def test_a_refused_upload_does_not_use_up_the_token(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, what: str
) -> None:
    fields, request, status, code = NOT_ALLOWED[what]
    made = await mint(**fields)
    headers = bearer(made["token"], **request.get("headers", {}))
    answer = await page.post("/v1/images", **{**request, "headers": headers})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await alice.get(f"/v1/upload-tokens/{made['id']}")).json()["used"] == 0


async def test_an_upload_whose_size_nobody_says_is_cut_off(page: httpx.AsyncClient, mint: Mint) -> None:
    async def chunks() -> Any:
        yield big(4_000)
        yield bytes(4_000)

    token = (await mint(max_bytes=5_000))["token"]
    answer = await page.post("/v1/images", content=chunks(), headers=bearer(token, **TYPE))
    assert (answer.status_code, answer.json()["limit"]) == (413, 5_000)


async def test_of_many_uploads_at_once_as_many_are_accepted_as_the_token_has_uses(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint
) -> None:
    token = (await mint(uses=2))["token"]
    answers = await asyncio.gather(
        *(page.post("/v1/images", content=JPEG + bytes([n]), headers=bearer(token, **TYPE)) for n in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [202] * 2 + [403] * 10
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"token_used"}
    assert len((await alice.get("/v1/jobs")).json()["jobs"]) == 2


async def test_a_repeat_with_an_idempotency_key_has_the_same_answer(page: httpx.AsyncClient, mint: Mint) -> None:
    token = (await mint(uses=1))["token"]
    headers = bearer(token, **TYPE, **{"Idempotency-Key": "one"})
    first = await page.post("/v1/images", content=PNG, headers=headers)
    again = await page.post("/v1/images", content=PNG, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()


async def test_an_idempotency_key_gives_no_page_the_job_of_another(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint
) -> None:
    headers = {**TYPE, "Idempotency-Key": "one"}
    theirs = await alice.post("/v1/images", content=PNG, params={"variants": "avatar"}, headers=headers)
    token = (await mint(variants="avatar"))["token"]
    own = await page.post("/v1/images", content=PNG, headers=bearer(token, **TYPE, **{"Idempotency-Key": "one"}))
    assert own.status_code == 202
    assert own.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("origin", [OTHER_ORIGIN, "null", None, f"{ORIGIN}.evil.example", "http://app.example.com"])
async def test_a_token_is_for_pages_of_one_origin(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, origin: str | None
) -> None:
    made = await mint()
    page.headers.pop("Origin")
    headers = bearer(made["token"], **TYPE, **({"Origin": origin} if origin else {}))
    answer = await page.post("/v1/images", content=PNG, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert (await alice.get(f"/v1/upload-tokens/{made['id']}")).json()["used"] == 0


async def test_a_token_opens_no_other_route(page: httpx.AsyncClient, mint: Mint, alice: httpx.AsyncClient) -> None:
    token = (await mint())["token"]
    job = (await alice.post("/v1/images", content=PNG, headers=TYPE)).json()["id"]
    for method, path in (
        ("GET", "/v1/jobs"),
        ("GET", f"/v1/jobs/{job}"),
        ("GET", "/v1/images"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/upload-tokens"),
        ("GET", "/v1/upload-tokens"),
        ("POST", "/v1/reports"),
        ("POST", "/v1/jobs/retry"),
        ("DELETE", f"/v1/jobs/{job}"),
        ("GET", "/v1/nothing"),
        ("GET", "/metrics"),
    ):
        answer = await page.request(method, path, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (403, "token_forbids"), path


async def test_a_token_in_the_url_opens_nothing_and_is_in_no_answer(page: httpx.AsyncClient, mint: Mint) -> None:
    token = (await mint())["token"]
    for path in ("/v1/images", "/v1/uploads", f"/v1/jobs/{'5' * 32}/events"):
        answer = await page.post(path, params={"token": token}, content=PNG, headers=TYPE)
        assert answer.status_code in (401, 405)
        assert token not in answer.text
    answer = await page.get(f"/v1/jobs/{'5' * 32}/events", params={"token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_revoked_token_opens_nothing(page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint) -> None:
    made = await mint()
    assert (await alice.delete(f"/v1/upload-tokens/{made['id']}")).status_code == 204
    answer = await page.post("/v1/images", content=PNG, headers=bearer(made["token"], **TYPE))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_stored_file_is_for_a_job_of_the_owner(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint
) -> None:
    made = await mint(target="uploads", metadata={"user": 42}, types=["image/png"])
    headers = bearer(made["token"])
    assert (await page.post("/v1/images", content=PNG, headers=headers | TYPE)).json()["code"] == "token_forbids"
    refused = await page.post("/v1/uploads", params={"tags": "a", "owner": "bob"}, content=PNG, headers=headers)
    assert (refused.status_code, {one["field"] for one in refused.json()["errors"]}) == (403, {"tags", "owner"})
    assert (await page.post("/v1/uploads", content=JPEG, headers=headers)).json()["code"] == "unsupported_format"
    stored = await page.post("/v1/uploads", params={"name": "a.png"}, content=PNG, headers=headers)
    assert stored.status_code == 201, stored.text
    assert "metadata" not in stored.json()
    kept = (await alice.get(stored.headers["Location"])).json()
    assert (kept["metadata"], kept["name"]) == ({"user": 42}, "a.png")
    again = await page.post("/v1/uploads", content=PNG, headers=headers)
    assert (again.status_code, again.json()["code"]) == (403, "token_used")


async def test_the_minters_limits_count(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, redis: ArqRedis
) -> None:
    token = (await mint())["token"]
    job = (await page.post("/v1/images", content=PNG, headers=bearer(token, **TYPE))).json()["id"]
    assert await redis.hget(JOB + job, "owner") == b"alice"
    assert [one["id"] for one in (await alice.get("/v1/jobs")).json()["jobs"]] == [job]
