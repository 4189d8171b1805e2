"""Keys from Redis: what they open, what a process remembers of them, and those who try keys."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from api.http.access.account_cache import MAX_UNKNOWN, AccountCache, ExpiringMap
from api.http.access.key_use import KeyUse
from tasks.accounts.key_format import CHECKSUM_CHARS, new_key
from tasks.accounts.key_store import Asker, KeyStore
from tasks.queue.account_keys import ACCOUNTS, API_KEY
from tasks.queue.connect import close, connect
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.telemetry.outage_log import OutageLog
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, client_of, serving
from tests.support.eventually import eventually
from tools.servers import Valkey


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"key_use_s": 0.05})


class Clock:
    """The clock by which a process remembers keys."""

    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("api.http.access.account_cache.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def store(redis: ArqRedis) -> KeyStore:
    return KeyStore(redis, most=200)


async def make(store: KeyStore, *scopes: str, **options: Any) -> str:
    options = {"read_only": False, "life_ms": None, **options}
    return (await store.create("acme", "a key", scopes, Asker("cli"), **options)).key


async def status(port: int, key: str, method: str = "GET", path: str = "/v1/jobs", **options: Any) -> int:
    async with client_of(port, key) as client:
        return (await client.request(method, path, **options)).status_code


async def look_ups(redis: ArqRedis) -> int:
    """How often Redis has answered HGETALL, with which keys are read."""
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_hgetall", {}).get("calls", 0))


async def test_a_key_opens_what_its_scopes_say(port: int, store: KeyStore) -> None:
    key = await make(store, "images")
    assert await status(port, key, "POST", "/v1/images", content=PNG) == 202
    async with client_of(port, key) as client:
        for method, path, scope in (
            ("GET", "/v1/jobs", "jobs:read"),
            ("POST", "/v1/jobs/deletion", "jobs:write"),
            ("POST", "/v1/events", "webhooks"),
            ("GET", "/v1/keys", "keys"),
            ("GET", "/v1/queues", "admin"),
        ):
            refused = await client.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
            assert repr(scope) in refused.json()["detail"]
        assert (await client.head("/v1/jobs")).status_code == 403
        assert (await client.get("/metrics")).status_code == 403


async def test_a_schedule_needs_the_scope_of_its_job(port: int, store: KeyStore) -> None:
    event = {"kind": "event", "type": "a.b", "data": {}}
    body = {"cron": "@daily", "job": event}
    async with client_of(port, await make(store, "jobs:write", "reports")) as client:
        refused = await client.post("/v1/schedules", json=body)
        assert refused.status_code == 403
        assert "'webhooks'" in refused.json()["detail"]
    assert await status(port, await make(store, "jobs:write", "webhooks"), "POST", "/v1/schedules", json=body) == 201


async def test_a_read_only_key_only_reads(port: int, store: KeyStore) -> None:
    key = await make(store, "jobs:read", "jobs:write", "images", read_only=True)
    assert await status(port, key) == 200
    for method, path in (("POST", "/v1/images"), ("DELETE", "/v1/jobs/1"), ("PUT", "/v1/presets/a")):
        async with client_of(port, key) as client:
            refused = await client.request(method, path)
            assert refused.status_code == 403
            assert "read-only" in refused.json()["detail"]


async def test_an_admins_key_reads_metrics_and_everyones_jobs(
    port: int, store: KeyStore, alice: httpx.AsyncClient
) -> None:
    job = (await alice.post("/v1/images", content=PNG)).json()["id"]
    assert await status(port, await make(store, "jobs:read"), path=f"/v1/jobs/{job}") == 404
    key = await make(store, "admin", "jobs:read")
    assert await status(port, key, path=f"/v1/jobs/{job}") == 200
    assert await status(port, key, path="/metrics") == 200


async def test_a_submit_stays_one_round_trip(port: int, store: KeyStore, redis: ArqRedis) -> None:
    key = await make(store, "images")
    async with client_of(port, key) as client:
        await client.post("/v1/images", content=PNG)
        before = await look_ups(redis)
        for _ in range(5):
            assert (await client.post("/v1/images", content=PNG)).status_code == 202
        assert await look_ups(redis) == before


async def test_a_wrong_checksum_costs_no_look_up(port: int, redis: ArqRedis) -> None:
    async with client_of(port, None) as client:
        before = await look_ups(redis)
        for key in ("pr_live_", new_key()[:-CHECKSUM_CHARS] + "0" * CHECKSUM_CHARS, f"{new_key()}0", "pr_live_é"):
            refused = await client.get("/v1/jobs", headers={b"Authorization": f"Bearer {key}".encode()})
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
            assert key not in refused.text
        assert await look_ups(redis) == before
        unknown = {"Authorization": f"Bearer {new_key()}"}
        assert [(await client.get("/v1/jobs", headers=unknown)).status_code for _ in range(3)] == [401] * 3
        assert await look_ups(redis) == before + 1, "an unknown key is remembered too"


@pytest.fixture
async def cache(redis: ArqRedis, settings: Settings) -> AccountCache:
    outages = OutageLog("redis.away", "redis.back", is_over=lambda: False)
    return AccountCache(redis, settings, outages, KeyUse(redis, 60))


async def test_a_flood_of_made_up_keys_pushes_out_no_other(cache: AccountCache, store: KeyStore) -> None:
    key = await make(store, "images")
    await cache.key(key)
    for _ in range(8):
        flood = [cache.key(new_key()) for _ in range(300)]
        answers = await asyncio.gather(*flood, return_exceptions=True)
        assert all(isinstance(answer, Refusal) and answer.code == "unauthorized" for answer in answers)
    assert len(cache) == MAX_UNKNOWN + 1
    await store.revoke((await cache.key(key)).id)
    assert (await cache.key(key)).state == "live", "it was not read again"


async def test_many_who_come_with_one_key_cost_one_look_up(
    cache: AccountCache, store: KeyStore, redis: ArqRedis
) -> None:
    key = await make(store, "images")
    before = await look_ups(redis)
    await asyncio.gather(*(cache.key(key) for _ in range(50)))
    assert await look_ups(redis) == before + 1


async def test_what_is_read_while_it_changes_is_not_kept(cache: AccountCache, store: KeyStore) -> None:
    key = await make(store, "images")
    reading = asyncio.create_task(cache.key(key))
    await asyncio.sleep(0)  # it has asked
    cache.forget(b"key of another owner")
    await reading
    assert len(cache) == 0


def test_a_bounded_map_drops_what_was_not_used_for_longest(clock: Clock) -> None:
    known: ExpiringMap[str, int] = ExpiringMap(2)
    known.put("a", 1, 10)
    known.put("b", 2, 20)
    assert known.get("a") == 1
    known.put("c", 3, 20)
    assert [known.get(name) for name in "abc"] == [1, None, 3]
    clock.now += 10
    assert [known.get(name) for name in "abc"] == [None, None, 3]
    assert len(known) == 1


async def test_a_revoked_key_is_refused_at_once_by_every_process(
    settings: Settings, port: int, store: KeyStore, redis: ArqRedis
) -> None:
    key = await make(store, "jobs:read")
    async with serving(settings) as other:
        await eventually(lambda: subscribers(redis, 2))
        assert [await status(one, key) for one in (port, other)] == [200, 200]
        [record] = [record async for record in store.all()]
        await store.revoke(record.id)
        await eventually(lambda: is_refused(port, key))
        await eventually(lambda: is_refused(other, key))
        async with client_of(port, key) as client:
            assert "revoked" in (await client.get("/v1/jobs")).json()["detail"]


async def subscribers(redis: ArqRedis, wanted: int) -> bool:
    (_, count) = (await redis.pubsub_numsub(ACCOUNTS))[0]
    return bool(count >= wanted)


async def is_refused(port: int, key: str) -> bool:
    return await status(port, key) == 401


async def test_a_revoked_key_is_refused_in_time_though_the_message_is_lost(
    settings: Settings, redis: ArqRedis, store: KeyStore
) -> None:
    async with serving(settings.model_copy(update={"account_cache_s": 0.3})) as port:
        key = await make(store, "jobs:read")
        assert await status(port, key) == 200
        [record] = [record async for record in store.all()]
        await redis.hset(API_KEY + record.id, "revoked_at", "1")  # as a script does that publishes nothing
        await eventually(lambda: is_refused(port, key))


async def test_an_announcement_that_was_missed_is_made_up_for_when_redis_is_back(
    port: int, store: KeyStore, redis: ArqRedis
) -> None:
    key = await make(store, "jobs:read")
    await eventually(lambda: subscribers(redis, 1))
    assert await status(port, key) == 200
    [record] = [record async for record in store.all()]
    await redis.hset(API_KEY + record.id, "revoked_at", "1")
    assert await status(port, key) == 200, "the process has not been told"
    await redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: is_refused(port, key))


async def test_a_key_is_remembered_until_it_expires_at_most(
    cache: AccountCache, store: KeyStore, redis: ArqRedis, clock: Clock
) -> None:
    key = await make(store, "jobs:read", life_ms=10_000)
    record = await cache.key(key)
    await redis.hset(API_KEY + record.id, "expires_at", "1")  # ten seconds later it will have expired
    clock.now += 9
    assert (await cache.key(key)).state == "live"
    clock.now += 1
    with pytest.raises(Refusal, match="expired"):
        await cache.key(key)


async def test_an_expired_key_is_refused(port: int, store: KeyStore, redis: ArqRedis) -> None:
    key = await make(store, "jobs:read", life_ms=10_000)
    [record] = [record async for record in store.all()]
    await redis.hset(API_KEY + record.id, "expires_at", record.created_at)
    async with client_of(port, key) as client:
        refused = await client.get("/v1/jobs")
        assert refused.status_code == 401
        assert "expired" in refused.json()["detail"]


async def test_without_redis_a_key_is_good_for_as_long_as_it_is_remembered(settings: Settings, clock: Clock) -> None:
    """Then it is refused with 503: whether it was revoked meanwhile is not known. Keys of the settings go on."""
    with Valkey() as own:
        changes = {"redis_url": SecretStr(own.url)}
        async with serving(settings.model_copy(update=changes)) as port:
            redis = connect(own.url)
            key = await make(KeyStore(redis, most=9), "reports")
            await close(redis)
            assert await status(port, key, path="/v1/reports/schema") == 200
            own.kill()
            assert await status(port, key, path="/v1/reports/schema") == 200
            clock.now += settings.account_cache_s
            async with client_of(port, key) as client:
                refused = await client.get("/v1/reports/schema")
                assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
                assert "retry-after" in refused.headers
                assert (await client.get("/readyz")).status_code == 503
            assert await status(port, ALICE, path="/v1/reports/schema") == 200


async def test_the_last_use_is_noted_after_the_response(port: int, store: KeyStore, redis: ArqRedis) -> None:
    key = await make(store, "jobs:read")
    [made] = [record async for record in store.all()]
    assert made.last_used_at is None
    assert await status(port, key) == 200

    async def is_noted() -> bool:
        return (await store.find(made.id)).last_used_at is not None

    await eventually(is_noted)
    await redis.delete(API_KEY + made.id)
    assert await status(port, key) == 200
    await asyncio.sleep(0.15)
    assert not await redis.exists(API_KEY + made.id), "a note makes no key"


@pytest.fixture
async def open_port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings.model_copy(update={"api_keys": ()})) as port:
        await eventually(lambda: subscribers(redis, 1))
        yield port


async def test_the_first_key_ends_the_open_mode_for_good(open_port: int, store: KeyStore) -> None:
    async with client_of(open_port, None) as anyone:
        assert (await anyone.get("/v1/jobs")).status_code == 200
        key = await make(store, "jobs:read")

        async def is_closed() -> bool:
            return (await anyone.get("/v1/jobs")).status_code == 401

        await eventually(is_closed)
        assert await status(open_port, key) == 200
        [record] = [record async for record in store.all()]
        await store.revoke(record.id)
        assert await is_closed()


async def test_a_key_that_was_revoked_is_not_everyone_in_the_open_mode(open_port: int) -> None:
    assert await status(open_port, new_key()) == 401
