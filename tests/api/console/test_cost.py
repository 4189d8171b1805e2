"""What a page asks of Redis: few round trips, few commands, and none whose cost grows with what is in it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.maintenance.bulk import BULK
from tasks.queue.connection_pool import PrimaryConnection
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import FAILING, LANE, QUEUES, WORKER_MS
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.kind import RECOVERY
from tests.support.api.beats import beat
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import FILE, Owned
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB
from tests.support.console.browsers import PAGE, shown, signed_in, troubles
from tests.support.console.pages import PAGES, WITH_PARAMETERS
from tests.support.engine_running import working
from tests.support.receivers import Receiver

MOST_ROUND_TRIPS, MOST_COMMANDS = 12, 500
GROWING = ("cmdstat_scan", "cmdstat_keys", "cmdstat_sscan", "cmdstat_hscan", "cmdstat_zscan", "cmdstat_smembers")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "alert_min_ended": 1})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each round trip of this process, how many bytes were sent."""
    trips: list[int] = []
    send: Callable[..., Awaitable[Any]] = PrimaryConnection.send_packed_command

    async def counting(connection: PrimaryConnection, command: Any, *args: Any, **options: Any) -> None:
        trips.append(len(command))
        await send(connection, command, *args, **options)

    monkeypatch.setattr(PrimaryConnection, "send_packed_command", counting)
    return trips


async def commands(redis: ArqRedis) -> dict[str, int]:
    return {name: int(stats["calls"]) for name, stats in (await redis.info("commandstats")).items()}


async def plant_all_troubles(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, receiver: Receiver
) -> None:
    """A queue that is paused and one without a worker, a dead worker, poison jobs, endpoints that are parked and fail,
    with a recovery that waits, and too many failures."""
    await beat(redis, "there", queues=tuple(queue for queue in QUEUES if queue != "reports"))
    await beat(redis, "gone", queues=("reports",), ago_ms=2 * WORKER_MS)
    for code in ("truncated", "poison", "poison"):
        made = await alice.post("/v1/images", content=PNG)
        await worker.end(made.json()["id"], "failed", error=(code, "It ends early."))
    for client in (alice, bob):
        await client.post("/v1/images", content=PNG)
        endpoint = (await client.post("/v1/endpoints", json={"url": receiver.url, "events": ["*"]})).json()["id"]
        await LaneControls(redis).park("webhooks", f"endpoint:{endpoint}", 3_600_000)
        since = clock.now_ms() - 24 * 3_600_000
        await redis.zadd(FAILING, {endpoint: since})
        for field, value in (("failures", 7), ("failing_since", since)):
            await redis.hset(f"{LANE}webhooks:endpoint:{endpoint}", field, value)
        body = {"since": clock.rfc3339(since)}
        assert (await client.post(f"/v1/endpoints/{endpoint}/recovery", json=body)).status_code == 202
        cancelled = (await client.post("/v1/images", content=PNG)).json()["id"]
        await client.post(f"/v1/jobs/{cancelled}/cancel")
    await alice.post("/v1/queues/media/pause", json={"reason": "The disk is full"})


async def test_a_page_asks_redis_for_little(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, sent: list[int]
) -> None:
    assert PAGES
    for n in range(20):
        await alice.post("/v1/events", json={"type": "order.paid", "data": {"n": n}})
    async with signed_in(port) as browser:
        trips = [await trips_of(browser, path, redis, sent) for path in PAGES]
    assert sum(trips) > len(PAGES), "else they are not counted"


async def test_so_does_a_page_of_one_thing(
    port: int,
    alice: httpx.AsyncClient,
    redis: ArqRedis,
    sent: list[int],
    worker: ManualWorker,
    storage: Storage,
    settings: Settings,
) -> None:
    made = await Owned(redis, worker, storage).make(alice, "alice")
    event = (await alice.get("/v1/jobs?kind=event")).json()["jobs"][0]["id"]
    async with signed_in(port) as browser:
        since = {"since": "2026-01-01T00:00"}
        counting = await browser.post(f"/console/webhooks/{made['endpoint_id']}/count", data=since, headers=PAGE)
        bulk = await browser.post("/console/jobs/bulk/retry/count", data={"kind": "event"}, headers=PAGE)
        counters = {one.name: one for one in (BULK, RECOVERY)}
        async with working(redis, settings, concurrency={"default": 2}, kinds=counters):
            for answer in (counting, bulk):  # the pages wait for what counts
                assert (await browser.get(answer.headers["location"])).status_code == 200
        kinds = [made[name] for name in ("job_id", "batch_id", "delivery_id")]
        endpoint = f"/console/webhooks/{made['endpoint_id']}"
        paths = {
            "/console/jobs/bulk/{verb}": [bulk.headers["location"]],
            "/console/jobs/{id}": [f"/console/jobs/{one}" for one in (*kinds, event)],
            "/console/jobs/{id}/original": [f"/console/jobs/{made['job_id']}/original"],
            "/console/jobs/{id}/raw": [f"/console/jobs/{made['job_id']}/raw"],
            "/console/jobs/{id}/attempts/{number}": [f"/console/jobs/{made['delivery_id']}/attempts/1"],
            "/console/jobs/{id}/files/{name}": [f"/console/jobs/{made['job_id']}/files/{FILE}"],
            "/console/keys/{id}": [f"/console/keys/{made['key_id']}"],
            "/console/queues/{queue}": ["/console/queues/media"],
            "/console/schedules/{id}": [f"/console/schedules/{made['schedule_id']}"],
            "/console/webhooks/{id}": [endpoint],
            "/console/webhooks/{id}/recovery": [counting.headers["location"]],
            **{f"/console/webhooks/{{id}}/{name}": [f"{endpoint}/{name}"] for name in ("secret", "deletion", "edit")},
        }
        assert sorted(paths) == WITH_PARAMETERS, "each has a path here"
        of_forms = ["/console/schedules/new?kind=report", f"/console/try/pictures?job={made['job_id']}"]
        of_forms += [f"/console/try/event?event={event}"]
        for path in [path for some in paths.values() for path in some] + of_forms:
            await trips_of(browser, path, redis, sent)


async def trips_of(browser: httpx.AsyncClient, path: str, redis: ArqRedis, sent: list[int]) -> int:
    """The round trips of a page, which are few."""
    await browser.get(path)  # what is cached is cached
    await redis.config_resetstat()
    sent.clear()
    answer = await browser.get(path)
    assert answer.status_code == 200, path
    trips = len(sent)
    calls = await commands(redis)
    assert trips <= MOST_ROUND_TRIPS, f"{path}: {trips} round trips"
    assert sum(calls.values()) <= MOST_COMMANDS, f"{path}: {calls}"
    assert not calls.keys() & set(GROWING), path
    return trips


async def test_the_overview_asks_for_little_when_everything_is_in_trouble(
    port: int,
    alice: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    redis: ArqRedis,
    worker: ManualWorker,
    receiver: Receiver,
    sent: list[int],
) -> None:
    await plant_all_troubles(alice, bob, redis, worker, receiver)
    await redis.config_set("maxmemory", (await redis.info("memory"))["used_memory"] * 2 // 3)
    try:
        async with signed_in(port) as admin, signed_in(port, BOB) as owner:
            for browser, named in ((admin, 8), (owner, 3)):
                await trips_of(browser, "/console", redis, sent)
                assert len(troubles(await shown(browser))) == named
    finally:
        await redis.config_set("maxmemory", 0)
