"""Resumable uploads of a page that has an upload token and no key."""

from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.queue.account_keys import UPLOAD_TOKEN
from tasks.queue.redis_keys import INCOMING
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.api.accounts.tokens.conftest import Mint, bearer
from tests.support.api.pictures import JPEG, PNG
from tests.support.api.tus import BYTES, PATH, TUS, create, metadata
from tests.support.engine_running import working


@pytest.fixture
async def engine(redis: ArqRedis, settings: Settings, storage: Storage) -> AsyncIterator[None]:
    async with working(redis, settings, kinds=KINDS, storage=storage):
        yield


async def begun(page: httpx.AsyncClient, token: str, length: int, **about: str) -> httpx.Response:
    headers = {**TUS, **bearer(token), "Upload-Length": str(length), "Upload-Metadata": metadata(**about)}
    return await page.post(PATH, headers=headers)


async def sent(page: httpx.AsyncClient, token: str, path: str, content: bytes) -> httpx.Response:
    return await page.patch(path, content=content, headers={**BYTES, **bearer(token), "Upload-Offset": "0"})


async def test_an_image_in_parts_becomes_the_job_that_the_token_says(
    page: httpx.AsyncClient, mint: Mint, redis: ArqRedis, engine: None
) -> None:
    token = (await mint(variants="avatar", max_bytes=1_000_000, types=["image/png"], uses=1))["token"]
    created = await begun(page, token, len(PNG), filename="cat.png")
    assert created.status_code == 201, created.text
    assert "upload-offset" in created.headers["Access-Control-Expose-Headers"]
    path = created.headers["Location"]
    assert (await sent(page, token, path, PNG)).status_code == 204
    completion = f"/v1/uploads/{path.rpartition('/')[2]}/completion"
    answers = [await page.post(completion, headers=bearer(token)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json() == answers[1].json()
    job = answers[0].json()
    assert job.keys() == {"id", "token"}
    state = await page.get(f"/v1/jobs/{job['id']}", headers=bearer(job["token"]))
    assert state.json()["name"] == "cat.png"
    assert (await begun(page, token, len(PNG))).json()["code"] == "token_used"


async def test_what_the_token_fixes_the_page_cannot_change(
    page: httpx.AsyncClient, mint: Mint, alice: httpx.AsyncClient, engine: None
) -> None:
    token = (await mint(variants="avatar", max_bytes=1_000, types=["image/png"]))["token"]
    large = await begun(page, token, 1_001)
    assert (large.status_code, large.json()["limit"]) == (413, 1_000)
    for field in ("tags", "metadata", "purpose"):
        assert (await begun(page, token, 5, **{field: "any"})).json()["code"] == "token_forbids"
    path = (await begun(page, token, len(JPEG[:900]))).headers["Location"]
    refused = await sent(page, token, path, JPEG[:900])
    assert (refused.status_code, refused.json()["code"]) == (422, "unsupported_format")
    direct = await page.post("/v1/uploads/direct", json={}, headers=bearer(token))
    assert direct.json()["code"] == "token_forbids"


async def test_a_token_opens_its_own_uploads_alone(
    page: httpx.AsyncClient, mint: Mint, alice: httpx.AsyncClient
) -> None:
    first, second = [(await mint(variants="avatar", max_bytes=1_000))["token"] for _ in range(2)]
    others = [await create(alice, 100), (await begun(page, second, 100)).headers["Location"]]
    for path in others:
        for method, more in (("HEAD", TUS), ("DELETE", TUS), ("PATCH", {**BYTES, "Upload-Offset": "0"})):
            answer = await page.request(method, path, headers={**more, **bearer(first)})
            assert answer.status_code == 404, (method, path)
        completion = f"/v1/uploads/{path.rpartition('/')[2]}/completion"
        assert (await page.post(completion, headers=bearer(first))).status_code == 404


async def test_a_page_may_ask_before_it_sends_a_part(page: httpx.AsyncClient, mint: Mint) -> None:
    asked = {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type,tus-resumable,upload-offset",
    }
    answer = await page.options(f"{PATH}/{'0' * 32}", headers=asked)
    assert answer.status_code == 204
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"tus-resumable", "upload-offset", "upload-length", "upload-metadata"} <= set(allowed)


async def used(alice: httpx.AsyncClient, made: dict[str, Any]) -> int:
    count: int = (await alice.get(f"/v1/upload-tokens/{made['id']}")).json()["used"]
    return count


@pytest.mark.parametrize("target", ["images", "uploads"])
async def test_an_upload_that_is_stored_has_taken_its_use_whether_or_not_it_is_completed(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, engine: None, target: str
) -> None:
    made = await mint(target=target, uses=2)
    for number in (1, 2):
        path = (await begun(page, made["token"], len(PNG))).headers["Location"]
        assert (await sent(page, made["token"], path, PNG)).status_code == 204
        assert await used(alice, made) == number
    assert (await begun(page, made["token"], len(PNG))).json()["code"] == "token_used"
    completion = f"/v1/uploads/{path.rpartition('/')[2]}/completion"
    for _ in range(2):
        assert (await page.post(completion, headers=bearer(made["token"]))).status_code in (200, 202)
    assert await used(alice, made) == 2


async def test_an_upload_in_parts_holds_a_use_until_it_is_deleted_refused_or_expires(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, redis: ArqRedis, engine: None
) -> None:
    made = await mint(types=["image/png"], uses=1)
    token = made["token"]
    path = (await begun(page, token, 900)).headers["Location"]
    await redis.hset(INCOMING + path.rpartition("/")[2], "writer", "a")  # as if its first bytes were on their way
    raw = await page.post("/v1/images", content=PNG, headers=bearer(token))
    for refused in (raw, await begun(page, token, 900)):
        assert (refused.status_code, refused.json()["code"]) == (403, "token_used")
    assert "not complete" in refused.json()["detail"]
    assert (await page.delete(path, headers={**TUS, **bearer(token)})).status_code == 204
    path = (await begun(page, token, len(JPEG))).headers["Location"]
    assert (await sent(page, token, path, JPEG)).json()["code"] == "unsupported_format"
    path = (await begun(page, token, 900)).headers["Location"]
    await redis.zadd(f"{UPLOAD_TOKEN}{made['id']}:held", {path.rpartition("/")[2]: 1})  # as if its time were over
    assert (await page.post("/v1/images", content=PNG, headers=bearer(token))).status_code == 202
    assert await used(alice, made) == 1


async def test_a_creation_whose_answer_was_lost_is_repeated_with_the_same_use(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, engine: None
) -> None:
    made = await mint(types=["image/png"], uses=2)
    token = made["token"]
    kept = (await begun(page, token, len(PNG), filename="kept.png")).headers["Location"]
    assert (await sent(page, token, kept, PNG)).status_code == 204
    lost = (await begun(page, token, len(PNG), filename="lost.png")).headers["Location"]
    for length, about in ((len(PNG) + 1, {"filename": "lost.png"}), (len(PNG), {"filename": "a.png"}), (len(PNG), {})):
        assert (await begun(page, token, length, **about)).json()["code"] == "token_used"  # another file
    path = (await begun(page, token, len(PNG), filename="lost.png")).headers["Location"]
    gone = await page.head(lost, headers={**TUS, **bearer(token)})
    assert (gone.status_code, path != lost) == (404, True)
    assert (await sent(page, token, lost, PNG)).status_code == 404
    assert (await sent(page, token, path, PNG)).status_code == 204
    assert await used(alice, made) == 2
    assert (await begun(page, token, len(PNG), filename="lost.png")).json()["code"] == "token_used"
    for one in (kept, path):
        completion = f"/v1/uploads/{one.rpartition('/')[2]}/completion"
        assert (await page.post(completion, headers=bearer(token))).status_code == 202


async def test_a_repeated_creation_leaves_the_other_files_their_uses(
    page: httpx.AsyncClient, mint: Mint, engine: None
) -> None:
    token = (await mint(types=["image/png"], uses=2))["token"]
    lost = (await begun(page, token, len(PNG), filename="first.png")).headers["Location"]
    first = (await begun(page, token, len(PNG), filename="first.png")).headers["Location"]
    second = await begun(page, token, len(PNG), filename="second.png")
    assert second.status_code == 201
    assert (await page.head(lost, headers={**TUS, **bearer(token)})).status_code == 404
    for path in (first, second.headers["Location"]):
        assert (await sent(page, token, path, PNG)).status_code == 204


async def test_a_page_cannot_delete_what_is_stored(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, engine: None
) -> None:
    token = (await mint(target="uploads"))["token"]
    path = (await begun(page, token, len(PNG))).headers["Location"]
    await sent(page, token, path, PNG)
    refused = await page.delete(path, headers={**TUS, **bearer(token)})
    assert (refused.status_code, refused.json()["code"]) == (403, "token_forbids")
    assert (await alice.get(f"/v1/uploads/{path.rpartition('/')[2]}")).status_code == 200
    assert (await alice.delete(path, headers=TUS)).status_code == 204


async def test_pages_leave_unfinished_uploads_to_the_owners_own_keys(
    page: httpx.AsyncClient, alice: httpx.AsyncClient, mint: Mint, settings: Settings
) -> None:
    token = (await mint(uses=1_000))["token"]
    most = settings.max_unfinished_uploads // 2
    answers = [await begun(page, token, 900) for _ in range(most + 1)]
    assert [answer.status_code for answer in answers] == [201] * most + [409]
    for _ in range(most):
        await create(alice, 100)
    expires, now = (parsedate_to_datetime(answers[0].headers[name]) for name in ("Upload-Expires", "Date"))
    assert expires - now <= timedelta(seconds=settings.keep_unfinished_token_uploads_s + 1)
