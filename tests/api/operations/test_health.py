"""/livez and /readyz."""

import asyncio
import signal
import threading
import time
from unittest.mock import AsyncMock

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from api.operations.health import CHECK_S
from api.operations.prometheus import collect, exposition
from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import WORKER_MS
from tasks.settings import Settings
from tasks.storage.blob_store import BlobStore
from tests.support.api.beats import beat
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.eventually import eventually
from tests.support.servers import RcloneServer
from tools.servers import Valkey


async def checks(client: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    answer = await client.get("/readyz")
    return answer.status_code, {check["name"]: check["status"] for check in answer.json()["checks"]}


async def test_health_needs_no_key(port: int) -> None:
    async with client_of(port, None) as anyone:
        assert (await anyone.get("/livez")).json() == {"status": "ok"}
        assert (await anyone.get("/readyz")).status_code == 200


async def test_a_worker_that_was_seen_is_well(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis)
    assert await checks(alice) == (200, {"redis": "ok", "storage": "ok", "worker": "ok"})


async def test_those_with_a_key_see_how_full_redis_is(alice: httpx.AsyncClient, port: int, redis: ArqRedis) -> None:
    async def shown(client: httpx.AsyncClient) -> dict[str, int]:
        (check,) = [one for one in (await client.get("/readyz")).json()["checks"] if one["name"] == "redis"]
        return {name: value for name, value in check.items() if name.endswith("_bytes")}

    assert (await shown(alice)).keys() == {"used_bytes"}
    await redis.config_set("maxmemory", 1 << 30)
    try:
        seen = await shown(alice)
    finally:
        await redis.config_set("maxmemory", 0)
    assert (seen["limit_bytes"], 0 < seen["used_bytes"] < 1 << 30) == (1 << 30, True)
    async with client_of(port, None) as anyone:
        assert await shown(anyone) == {}


async def test_no_worker_is_a_warning(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    assert await checks(alice) == (200, {"redis": "ok", "storage": "ok", "worker": "warning"})
    await beat(redis, ago_ms=2 * WORKER_MS)
    assert await checks(alice) == (200, {"redis": "ok", "storage": "ok", "worker": "warning"})


async def test_queues_that_no_worker_serves_are_named_and_those_where_jobs_wait(
    alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    async def detail() -> str:
        [worker] = [check for check in (await alice.get("/readyz")).json()["checks"] if check["name"] == "worker"]
        assert worker["status"] == "warning"
        said: str = worker["detail"]
        return said

    await beat(redis, queues=("default", "webhooks"))
    assert await detail() == "No worker serves media, reports. Start one with `python -m worker media reports`."
    await alice.post("/v1/images", content=PNG)
    assert "where jobs wait (media)" in await detail()


async def test_a_redis_that_may_drop_jobs_is_a_warning(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        status, seen = await checks(alice)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert (status, seen["redis"]) == (200, "warning")


async def test_without_redis_it_is_not_ready_and_says_no_addresses(settings: Settings) -> None:
    with Valkey() as own:
        changed = settings.model_copy(update={"redis_url": SecretStr(own.url)})
        async with serving(changed) as port, client_of(port) as client:
            own.kill()
            assert await checks(client) == (503, {"redis": "failed", "storage": "ok", "worker": "failed"})
            assert str(own.port) not in (await client.get("/readyz")).text


async def test_without_storage_it_is_not_ready(
    alice: httpx.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.storage_url.removeprefix("file://")
    monkeypatch.setattr("os.access", lambda place, _mode: str(place) != folder)
    status, seen = await checks(alice)
    assert (status, seen["storage"]) == (503, "failed")


async def test_a_storage_that_waiting_does_not_cure_is_told_apart(
    settings: Settings, redis: ArqRedis, rclone: RcloneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in rclone.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    monkeypatch.setattr(BlobStore, "refused_at_start", AsyncMock(return_value=None))  # revoked later
    place = {"storage_url": f"s3://{rclone.bucket}/secret-prefix", "storage_endpoint": rclone.url}
    async with serving(settings.model_copy(update=place)) as port, client_of(port) as client:
        answer = await client.get("/readyz")
    [storage] = [check for check in answer.json()["checks"] if check["name"] == "storage"]
    assert (answer.status_code, storage["status"]) == (503, "failed")
    assert storage["detail"].startswith("Its keys are wrong")
    assert "secret-prefix" not in answer.text


async def test_workers_without_storage_are_a_warning_and_counted(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis, "one")
    await beat(redis, "two", storage_away_ms=1_700_000_000_000)
    answer = await alice.get("/readyz")
    [worker] = [check for check in answer.json()["checks"] if check["name"] == "worker"]
    assert (answer.status_code, worker["status"]) == (200, "warning")
    assert "does not work for 1 of 2 workers" in worker["detail"]
    assert "pressroom_workers_without_storage 1.0" in exposition(await collect(redis, Settings(_env_file=None)))


async def test_a_sandbox_that_is_not_closed_is_a_warning(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis, "one")
    await beat(redis, "two", sandbox_lacks=("landlock",))
    answer = await alice.get("/readyz")
    [worker] = [check for check in answer.json()["checks"] if check["name"] == "worker"]
    assert (answer.status_code, worker["status"]) == (200, "warning")
    assert worker["detail"].startswith("The sandbox of 1 of 2 workers is not closed: the system lacks landlock.")


async def test_a_replica_is_not_ready(settings: Settings) -> None:
    with Valkey() as own, Valkey() as other:
        changed = settings.model_copy(update={"redis_url": SecretStr(own.url)})
        async with serving(changed) as port, client_of(port) as client:
            assert (await checks(client))[0] == 200
            admin = connect(own.url)
            await admin.replicaof("127.0.0.1", other.port)
            answer = await client.get("/readyz")
            await admin.replicaof("NO", "ONE")
            assert answer.status_code == 503
            assert "takes no writes" in answer.text
            await eventually(lambda: checks(client), lambda seen: seen[0] == 200)
            await close(admin)


async def test_a_redis_that_says_nothing_is_told_of_within_3_seconds(settings: Settings) -> None:
    with Valkey() as own:
        changed = settings.model_copy(update={"redis_url": SecretStr(own.url)})
        async with serving(changed) as port, client_of(port) as client, client_of(port, None) as anyone:
            own.signal(signal.SIGSTOP)
            began = time.monotonic()
            answers = await asyncio.gather(*(checks(one) for one in (client, anyone, client, anyone)))
            assert time.monotonic() - began < 3
            for task in asyncio.all_tasks():  # none waits on, with a connection
                assert getattr(task.get_coro(), "__name__", "") != "_look_at_redis"
            own.signal(signal.SIGCONT)
            assert answers == [(503, {"redis": "failed", "storage": "ok", "worker": "failed"})] * 4
            assert (await checks(client))[0] == 200


async def test_checks_run_side_by_side(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Redis nor the storage says anything: the answer takes as long as one of them, not both."""
    over = threading.Event()
    with Valkey() as own:
        changed = settings.model_copy(update={"redis_url": SecretStr(own.url)})
        async with serving(changed) as port, client_of(port) as client:
            monkeypatch.setattr(BlobStore, "_look", lambda _self: over.wait(20))
            own.signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                seen = await checks(client)
                took_s = time.monotonic() - began
            finally:
                own.signal(signal.SIGCONT)
                over.set()
    assert seen == (503, {"redis": "failed", "storage": "failed", "worker": "failed"})
    assert took_s < 1.8 * CHECK_S


async def test_without_a_key_it_costs_one_trip_and_is_kept(
    settings: Settings, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(BlobStore, "_look", lambda _self: looks.append(1))

    async def calls() -> list[int]:
        stats = await redis.info("commandstats")
        return [stats.get(f"cmdstat_{command}", {"calls": 0})["calls"] for command in ("set", "mget")]

    changed = settings.model_copy(update={"readiness_kept_s": 60})
    async with serving(changed) as port, client_of(port, None) as anyone:
        looks.clear()  # the one of the start
        await redis.config_resetstat()
        answers = await asyncio.gather(*(checks(anyone) for _ in range(50)))
        assert answers == [(200, {"redis": "ok", "storage": "ok", "worker": "warning"})] * 50
        assert await calls() == [1, 1], "they and INFO go in one trip"
        assert len(looks) == 1
