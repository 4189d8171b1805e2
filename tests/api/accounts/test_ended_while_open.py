"""A response that takes long ends with what let its request in: with the key, or with the suspension of its owner."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.accounts.owners import OwnerStore
from tasks.queue.account_keys import API_KEY, OWNER
from tasks.settings import Settings
from tests.support.api.event_source import Event, listening, until_end
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, requests_under_way
from tests.support.eventually import eventually


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("bob",), "account_cache_s": 0.2, "events_heartbeat_s": 0.1})


@pytest.fixture
async def made(alice: httpx.AsyncClient) -> dict[str, str]:
    """A key of alice."""
    answer = await alice.post("/v1/keys", json={"name": "page", "scopes": ["jobs:read"]})
    key: dict[str, str] = answer.raise_for_status().json()
    return key


@pytest.fixture
async def page(port: int, made: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """What has that key."""
    async with client_of(port, made["key"]) as client:
        yield client


@pytest.fixture
async def job(alice: httpx.AsyncClient) -> str:
    job_id: str = (await alice.post("/v1/images", content=PNG)).raise_for_status().json()["id"]
    return job_id


async def rest_of(events: AsyncIterator[Event]) -> list[str]:
    """The names of the events that come until the stream ends, without the comments."""
    async with asyncio.timeout(10):
        return [event.name for event in await until_end(events) if event.name]


async def refused(client: httpx.AsyncClient, job: str) -> bool:
    return (await client.get(f"/v1/jobs/{job}")).status_code in (401, 403)


async def test_a_revoked_key_sees_no_further_event(
    alice: httpx.AsyncClient, page: httpx.AsyncClient, made: dict[str, str], job: str, worker: ManualWorker
) -> None:
    async with listening(page, job) as events:
        assert (await anext(events)).name == "snapshot"
        assert (await alice.delete(f"/v1/keys/{made['id']}")).is_success
        assert await eventually(lambda: refused(page, job))
        await worker.end(job)
        assert await rest_of(events) == []


async def test_a_silent_stream_ends_with_the_key_if_the_announcement_is_lost(
    page: httpx.AsyncClient, made: dict[str, str], job: str, redis: ArqRedis
) -> None:
    async with listening(page, job) as events:
        assert (await anext(events)).name == "snapshot"
        await redis.hset(API_KEY + made["id"], "revoked_at", 1)
        assert await rest_of(events) == []


async def test_a_stream_ends_with_the_suspension_of_its_owner(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, job: str
) -> None:
    await bob.post("/v1/owners", json={"name": "alice"})
    async with listening(alice, job) as events:
        assert (await anext(events)).name == "snapshot"
        assert (await bob.post("/v1/owners/alice/suspension")).is_success
        assert await rest_of(events) == []


async def test_an_admin_of_the_settings_goes_on_seeing_what_a_suspended_owner_has(
    bob: httpx.AsyncClient, job: str, redis: ArqRedis, worker: ManualWorker
) -> None:
    for owner in ("alice", "bob"):
        await OwnerStore(redis).create(owner, {})
        await redis.hset(OWNER + owner, "suspended_at", 1)
    async with listening(bob, job) as events:
        for name in ("snapshot", "", "", ""):
            assert (await anext(events)).name == name
        await worker.end(job)
        assert (await rest_of(events))[-1] == "end"


@pytest.mark.parametrize("code", ["unauthorized", "owner_suspended"])
async def test_one_who_waits_for_a_job_is_refused_its_end(
    alice: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    page: httpx.AsyncClient,
    made: dict[str, str],
    job: str,
    worker: ManualWorker,
    code: str,
) -> None:
    await bob.post("/v1/owners", json={"name": "alice"})
    await worker.begin()  # jobs of a suspended owner do not begin
    waiting = asyncio.create_task(page.get(f"/v1/jobs/{job}", params={"wait": 20}))
    assert await eventually(requests_under_way)
    if code == "unauthorized":
        assert (await alice.delete(f"/v1/keys/{made['id']}")).is_success
    else:
        assert (await bob.post("/v1/owners/alice/suspension")).is_success
    assert await eventually(lambda: refused(page, job))
    await worker.end(job)
    assert (await waiting).json()["code"] == code
