"""Resumable uploads of a page that has an upload token and no key."""

from collections.abc import AsyncIterator

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
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
    other = await begun(page, token, len(PNG))
    await sent(page, token, other.headers["Location"], PNG)
    again = await page.post(
        f"/v1/uploads/{other.headers['Location'].rpartition('/')[2]}/completion", headers=bearer(token)
    )
    assert again.json()["code"] == "token_used"


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
