"""A quota of stored bytes counts whatever way the bytes come, and before they have all come."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.usage import UsageStore
from tasks.queue.redis_keys import INCOMING, UNFINISHED
from tasks.settings import Settings
from tasks.uploads.incoming import IncomingStore, NewIncoming
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB, client_of, serving
from tests.support.api.tus import PATH, TUS, create

SMALL = len(PNG) // 2


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def give(port: int, **quotas: int) -> None:
    async with client_of(port, ALICE) as alice:
        answer = await alice.post("/v1/owners", json={"name": "bob", "quotas": quotas})
        assert answer.status_code == 201, answer.text


def is_full(answer: httpx.Response) -> bool:
    return answer.status_code == 507 and answer.json()["code"] == "owner_storage_full"


async def unfinished(redis: ArqRedis, owner: str = "bob") -> int:
    return (await UsageStore(redis).bytes_used(owner)).unfinished


@pytest.fixture
async def bob(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, BOB) as client:
        yield client


async def test_an_upload_that_has_begun_counts_in_every_web_process_until_it_is_deleted(
    port: int, bob: httpx.AsyncClient, settings: Settings, redis: ArqRedis
) -> None:
    await give(port, stored_bytes=1000)
    path = await create(bob, 600)
    assert await unfinished(redis) == 600, "its length, though no byte has come"
    async with serving(settings) as other_port, client_of(other_port, BOB) as other:
        refused = await other.post("/v1/uploads", content=b"y" * 600)
        assert is_full(refused)
        assert "600 in uploads that are not complete" in refused.json()["detail"]
        assert is_full(await other.post(PATH, headers={**TUS, "Upload-Length": "600"}))
    assert (await bob.delete(path, headers=TUS)).status_code == 204
    assert await unfinished(redis) == 0
    async with serving(settings) as other_port, client_of(other_port, BOB) as other:
        assert (await other.post("/v1/uploads", content=b"y" * 600)).status_code == 201


@pytest.mark.parametrize("way", ["tus", "POST", "PUT"])
async def test_what_has_expired_counts_no_more(redis: ArqRedis, way: Any) -> None:
    store = IncomingStore(redis)
    first = await store.create("bob", NewIncoming(way, 600), seconds=60, most=5)
    await store.create("bob", NewIncoming(way, 30), seconds=60, most=5)
    await store.create("alice", NewIncoming(way, 5), seconds=60, most=5)
    assert await unfinished(redis) == 630
    await redis.delete(INCOMING + first.id)
    assert await unfinished(redis) == 30, "a record that has expired"
    await redis.zadd(
        UNFINISHED + "bob", dict.fromkeys([one.decode() for one in await redis.zrange(UNFINISHED + "bob", 0, -1)], 1)
    )
    assert await unfinished(redis) == 0


async def test_a_direct_upload_counts_with_the_most_bytes_that_it_may_have(port: int, bob: httpx.AsyncClient) -> None:
    await give(port, stored_bytes=1000)
    assert is_full(await bob.post("/v1/uploads/direct", json={"max_bytes": 1001}))
    # The folder of this test signs nothing: the quota allows it.
    allowed = await bob.post("/v1/uploads/direct", json={"max_bytes": 1000})
    assert allowed.json()["code"] == "no_direct_uploads"


@pytest.mark.parametrize("target", ["images", "uploads"])
async def test_an_upload_token_has_the_quota_of_who_minted_it(port: int, bob: httpx.AsyncClient, target: str) -> None:
    await give(port, stored_bytes=SMALL)
    minted = {"origin": ORIGIN, "target": target, "uses": 3}
    token = (await bob.post("/v1/upload-tokens", json=minted)).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}
    async with client_of(port, None) as page:
        assert is_full(await page.post(f"/v1/{target}", content=PNG, headers=headers))
        assert is_full(await page.post(PATH, headers={**headers, **TUS, "Upload-Length": str(len(PNG))}))


async def test_what_came_in_the_last_seconds_counts_and_is_named(port: int, bob: httpx.AsyncClient) -> None:
    """These bytes are not stored yet, and perhaps never are, as when a job fails: waiting helps, deleting does not."""
    await give(port, stored_bytes=1000)
    assert (await bob.post("/v1/uploads", content=b"y" * 600)).status_code == 201
    refused = await bob.post("/v1/uploads", content=b"z" * 600)
    assert is_full(refused)
    assert "1200 more come with this request and those of the last seconds" in refused.json()["detail"]
    assert refused.headers["Retry-After"] == "2"
    alone = await bob.post("/v1/uploads", content=b"z" * 1001)
    assert alone.headers["Retry-After"] == "600"
