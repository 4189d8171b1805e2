"""GET /v1/changes: what changes in lists and numbers, to those who may see it, bounded, and gone with them."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.changes.events import AlertChanges, JobChanges, QueueChanges
from tasks.queue.account_keys import API_KEY
from tasks.queue.feed_keys import FEED
from tasks.queue.redis_keys import CHANGES, WATCHED
from tasks.queue.script import Script
from tasks.settings import Settings
from tasks.webhook.events import delivery_id
from tests.support.api.event_source import Event, streamed, until_end
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB, client_of, requests_under_way, serving
from tests.support.api.subscribers import subscribe
from tests.support.eventually import eventually
from tests.support.queue.fan_out import expand, to

ENDED = {"state": "succeeded", "attempt": 1}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("bob",), "max_change_streams": 12, "events_heartbeat_s": 0.1})


async def submit(client: httpx.AsyncClient, **params: Any) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG, params=params)).raise_for_status().json()["id"]
    return job_id


class Stream:
    """The events of one stream."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events

    async def next(self, name: str) -> Any:
        """The data of the next event, which has this name."""
        async with asyncio.timeout(10):
            async for event in self._events:
                if event.name:
                    assert event.name == name, event
                    return event.data
        raise AssertionError("the stream has ended")

    async def job(self, job_id: str, **wanted: Any) -> dict[str, Any]:
        """The job once it is told to be so."""
        while True:
            data = await self.next("jobs")
            JobChanges.model_validate(data)
            for job in data["jobs"]:
                if job["id"] == job_id and wanted.items() <= job.items():
                    found: dict[str, Any] = job
                    return found

    async def rest(self) -> list[Event]:
        """All that comes until the stream ends."""
        async with asyncio.timeout(10):
            return [event for event in await until_end(self._events) if event.name]


@asynccontextmanager
async def following(client: httpx.AsyncClient, *topics: str, **params: Any) -> AsyncIterator[Stream]:
    named = {"topic": topics} if topics else {}
    async with streamed(client, "/v1/changes", params={**named, **params}) as events:
        yield Stream(events)


async def listened(redis: ArqRedis) -> set[bytes]:
    """The channels of feeds that anybody listens to, and the one of all who watch anything."""
    return {*await redis.pubsub_channels(FEED + "*"), *await redis.pubsub_channels(WATCHED)}  # type: ignore[arg-type]


def looking() -> set[str]:
    """What the servers of this process look at for streams."""
    return {task.get_name() for task in asyncio.all_tasks()} & {"JobSource", "QueueSource", "AlertSource"}


async def test_a_job_is_followed_through_its_states(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    async with following(alice) as stream:
        began = datetime.fromisoformat((await stream.next("ready"))["at"])
        job_id = await submit(alice, name="holiday.png")
        made = await stream.job(job_id, state="queued")
        assert made["kind"] == "thumbnail"
        assert datetime.fromisoformat(made["created_at"]) >= began
        await worker.begin()
        await stream.job(job_id, state="running", attempt=1)
        said = '{"done": 2, "total": 4, "note": "<b>medium</b>"}'
        await Script(redis, "run/progress")({"id": job_id, "worker": WORKER, "attempt": 1, "progress": said})
        moved = await stream.job(job_id, progress={"done": 2, "total": 4})
        assert "medium" not in json.dumps(moved)
        await worker.end(job_id)
        ended = await stream.job(job_id, **ENDED)
        assert "holiday" not in json.dumps([made, moved, ended])
        await alice.delete(f"/v1/jobs/{job_id}")
        assert await stream.job(job_id, deleted=True) == {"id": job_id, "deleted": True}


async def test_a_batch_tells_how_far_its_jobs_are(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    files = [("file", (f"{n}.png", PNG + bytes([n]))) for n in range(2)]
    async with following(alice) as stream:
        await stream.next("ready")
        batch = (await alice.post("/v1/images", files=files)).json()["batch"]
        await stream.job(batch, kind="batch", jobs={"queued": 2})
        await worker.begin()
        await stream.job(batch, jobs={"running": 2})


async def test_an_owner_sees_its_own_jobs_and_an_admin_those_of_others(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    async with (
        following(alice) as own,
        following(bob, owner="alice") as others,
        following(bob, owner="*") as everyones,
    ):
        for stream in (own, others, everyones):
            await stream.next("ready")
        bobs, alices = await submit(bob), await submit(alice)
        seen: set[str] = set()
        while not {bobs, alices} <= seen:
            seen |= {job["id"] for job in (await everyones.next("jobs"))["jobs"]}
        for stream in (own, others):
            first = await stream.next("jobs")
            assert [job["id"] for job in first["jobs"]] == [alices]
            assert first["made"] == 1


@pytest.mark.parametrize("params", [{"owner": "bob"}, {"owner": "*"}, {"topic": "queues"}, {"topic": "alerts"}])
async def test_what_is_for_admins_is_refused_to_others(alice: httpx.AsyncClient, params: dict[str, str]) -> None:
    answer = await alice.get("/v1/changes", params=params)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["field"] == next(iter(params))


async def test_deliveries_are_a_topic_of_their_own(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    endpoint = (await subscribe(alice))["id"]
    async with following(alice, "deliveries") as deliveries, following(alice, "jobs", "deliveries") as both:
        for stream in (deliveries, both):
            await stream.next("ready")
        event = (await alice.post("/v1/events", json={"type": "a.b", "data": {}})).json()["id"]
        assert [job["id"] for job in (await both.next("jobs"))["jobs"]] == [event]
        await expand(redis, event, to(event, endpoint, "alice"), owner="alice")
        told = await deliveries.next("deliveries")
        assert [(job["id"], job["kind"]) for job in told["jobs"]] == [(delivery_id(event, endpoint), "delivery")]


async def test_the_numbers_of_queues_are_told_at_first_and_as_they_change(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    async with following(bob, "queues") as stream:
        first = await stream.next("queues")
        QueueChanges.model_validate(first)
        names = [queue["name"] for queue in first["queues"]]
        media = names.index("media")
        assert first["queues"][media]["due"] == 0
        job_id = await submit(alice)

        async def until(name: str, value: Any) -> None:
            while (await stream.next("queues"))["queues"][media][name] != value:
                pass

        await until("due", 1)
        await bob.post("/v1/queues/media/pause")
        await until("paused", True)
        await bob.post("/v1/queues/media/resume")
        await until("paused", False)
        await worker.end(job_id)
        await until("due", 0)


async def test_alerts_are_told_at_first_and_as_they_change(
    settings: Settings, redis: ArqRedis, worker: ManualWorker
) -> None:
    settings = settings.model_copy(update={"alert_no_worker_s": 0})
    async with serving(settings) as port, client_of(port, BOB) as bob, following(bob, "alerts") as stream:
        first = await stream.next("alerts")
        AlertChanges.model_validate(first)
        assert (first["alerts"], first["more"]) == ([], 0)
        job_id = await submit(bob)
        alerts = (await stream.next("alerts"))["alerts"]
        assert [(alert["code"], alert["subject"]) for alert in alerts] == [("no_worker", "media")]
        await worker.end(job_id)
        while (await stream.next("alerts"))["alerts"]:
            pass


async def test_a_burst_is_one_event_of_bounded_size(
    alice: httpx.AsyncClient, worker: ManualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.changes.events.MAX_EVENT_BYTES", 1_000)
    async with following(alice) as stream:
        await stream.next("ready")
        ids = {await submit(alice) for _ in range(30)}
        made = 0
        while made < len(ids):
            made += (await stream.next("jobs"))["made"]
        await worker.begin()  # all of them in one script
        changed = await stream.next("jobs")
        assert len(json.dumps(changed)) < 1_500
        assert len(changed["jobs"]) + changed["more"] == len(ids)


async def test_one_stream_more_than_allowed_is_refused(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, settings: Settings
) -> None:
    async with AsyncExitStack() as streams:

        async def begin(client: httpx.AsyncClient, count: int) -> None:
            for _ in range(count):
                await (await streams.enter_async_context(following(client))).next("ready")

        async def refusal_of(client: httpx.AsyncClient) -> dict[str, Any]:
            answer = await client.get("/v1/changes")
            assert (answer.status_code, answer.json()["code"]) == (503, "too_many_streams")
            assert int(answer.headers["Retry-After"]) > 0
            problem: dict[str, Any] = answer.json()
            return problem

        share = settings.max_change_streams // 4
        await begin(alice, share)
        refused = await refusal_of(alice)
        assert (refused["limit"], "share" in refused["detail"]) == (share, True)
        await begin(bob, settings.max_change_streams - share)  # an admin of the settings has no share
        for client in (alice, bob):
            assert (await refusal_of(client))["limit"] == settings.max_change_streams

    async def has_room() -> bool:
        return (await alice.get("/v1/changes", params={"seconds": 0})).status_code == 200

    assert await eventually(has_room)


async def test_a_hundred_streams_that_were_reset_leave_nothing(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    request = f"GET /v1/changes HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ALICE}\r\n\r\n".encode()

    async def reset(answered: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        if answered:  # others are gone before their stream begins
            await reader.readuntil(b"\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    for n in range(100):
        await reset(n % 2 == 0)
    await eventually(requests_under_way, 0)
    await eventually(lambda: listened(redis), set())
    assert await redis.pubsub_channels(CHANGES + "?*") == []
    await eventually(looking, set())
    # There is room for as many as before.
    async with following(alice) as one, following(alice) as two, following(alice) as three:
        for stream in (one, two, three):
            await stream.next("ready")
        assert await listened(redis) == {f"{FEED}alice/jobs".encode(), WATCHED.encode()}
    await eventually(lambda: listened(redis), set())


async def test_silence_is_broken_by_comments_and_the_header_keeps_proxies_from_buffering(
    alice: httpx.AsyncClient,
) -> None:
    async with alice.stream("GET", "/v1/changes", headers={"Last-Event-ID": "42"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store"
        lines = answer.aiter_lines()
        async with asyncio.timeout(10):
            retry = int((await anext(lines)).removeprefix("retry: "))
            assert 1_000 <= retry <= 5_000
            pings = 0
            while pings < 3:
                pings += (await anext(lines)).startswith(":")


async def test_a_stream_may_be_asked_to_end(alice: httpx.AsyncClient) -> None:
    async with following(alice, seconds=1) as stream:
        assert [event.name for event in await stream.rest()] == ["ready"]


async def test_head_answers_as_get_does_and_begins_no_stream(alice: httpx.AsyncClient) -> None:
    answer = await alice.head("/v1/changes")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    await eventually(requests_under_way, 0)


async def test_a_revoked_key_sees_no_more(alice: httpx.AsyncClient, port: int, redis: ArqRedis) -> None:
    made = (await alice.post("/v1/keys", json={"name": "page", "scopes": ["jobs:read"]})).json()
    async with client_of(port, made["key"]) as page, following(page) as stream:
        await stream.next("ready")
        assert (await alice.delete(f"/v1/keys/{made['id']}")).is_success
        assert await stream.rest() == []
    assert await redis.exists(API_KEY + made["id"])


async def test_after_a_lost_connection_lists_are_to_be_read_again(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    async with following(alice) as stream:
        await stream.next("ready")
        await redis.client_kill_filter(_type="pubsub")
        await stream.next("ready")
        await stream.job(await submit(alice))
