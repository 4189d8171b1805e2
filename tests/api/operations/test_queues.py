"""/v1/queues: how they stand, for admins."""

from collections.abc import AsyncIterator

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.lanes.lane_controls import LaneControls
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.receivers import Receiver

HOUR_MS = 3_600_000


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings.model_copy(update={"admins": ("alice",)})) as port:
        yield port


async def queue(client: httpx.AsyncClient, name: str = "media") -> dict[str, object]:
    answer = await client.get(f"/v1/queues/{name}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


async def submit(client: httpx.AsyncClient) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    return job_id


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("GET", "/v1/queues"),
        ("GET", "/v1/queues/media"),
        ("GET", "/v1/queues/media/lanes"),
        ("POST", "/v1/queues/media/pause"),
        ("POST", "/v1/queues/media/resume"),
        ("GET", "/v1/workers"),
        ("GET", "/v1/alerts"),
    ],
)
async def test_they_are_for_admins(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, port: int, method: str, place: str
) -> None:
    refused = await bob.request(method, place)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await alice.request(method, place)).status_code == 200
    async with client_of(port, None) as nobody:
        assert (await nobody.request(method, place)).status_code == 401


async def test_in_the_open_mode_everyone_is_an_admin(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"api_keys": ()})) as port, client_of(port, None) as anyone:
        assert (await anyone.get("/v1/queues")).status_code == 200


async def test_a_queue_tells_of_its_jobs(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    idle = await queue(alice)
    assert idle["oldest_age_s"] == idle["rate_per_s"] == 0
    ids = [await submit(alice) for _ in range(3)]
    waiting = await queue(alice)
    assert (waiting["waiting"], waiting["due"], waiting["running"], waiting["workers"]) == (3, 3, 0, 0)
    assert waiting["served"] is False
    assert 0 <= float(str(waiting["oldest_age_s"])) < 10
    await worker.begin()
    await worker.end(ids[0])
    shown = await queue(alice)
    assert (shown["waiting"], shown["running"]) == (0, 2)
    assert 1 / 70 - 0.001 <= float(str(shown["rate_per_s"])) <= 1 / 60 + 0.001
    listed = (await alice.get("/v1/queues")).json()["queues"]
    assert [one["name"] for one in listed] == ["media", "reports", "webhooks", "default"]
    assert {name: listed[0][name] for name in ("waiting", "running")} == {"waiting": 0, "running": 2}


async def test_what_is_paused_accepts_and_starts_nothing_until_it_is_resumed(
    alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    paused = (await alice.post("/v1/queues/media/pause", json={"reason": "The disk is full"})).json()
    assert (paused["paused"], paused["paused_by"], paused["pause_reason"]) == (True, "alice", "The disk is full")
    assert paused["paused_since"].startswith("20")
    again = (await alice.post("/v1/queues/media/pause")).json()
    assert (again["paused"], "pause_reason" in again) == (True, False), "may be done twice, and the last one counts"
    await submit(alice)
    await worker.begin()
    assert (await queue(alice))["due"] == 1
    resumed = (await alice.post("/v1/queues/media/resume")).json()
    assert resumed["paused"] is False
    assert not {"paused_since", "paused_by", "pause_reason"} & resumed.keys()
    await worker.begin()
    assert (await queue(alice))["running"] == 1


async def test_lanes_tell_why_their_jobs_wait(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await submit(alice)
    await submit(bob)
    await LaneControls(redis).park("media", "owner:bob", HOUR_MS)
    first, second = (await alice.get("/v1/queues/media/lanes")).json()["lanes"]
    assert (first["name"], first["state"], first["waiting"]) == ("owner:bob", "parked", 1)
    assert first["until"].startswith("20")
    assert (second["name"], second["state"], second["running"]) == ("owner:alice", "ready", 0)
    assert 0 <= second["oldest_age_s"] < 10
    assert "until" not in second
    page = (await alice.get("/v1/queues/media/lanes", params={"limit": 1})).json()
    rest = (await alice.get("/v1/queues/media/lanes", params={"limit": 1, "cursor": page["next"]})).json()
    assert [page["lanes"][0]["name"], rest["lanes"][0]["name"]] == ["owner:bob", "owner:alice"]
    assert "next" not in rest


async def test_a_lane_of_an_endpoint_names_its_url_and_owner(
    alice: httpx.AsyncClient, redis: ArqRedis, receiver: Receiver
) -> None:
    made = (await alice.post("/v1/endpoints", json={"url": receiver.url, "events": ["*"]})).json()
    for endpoint in (made["id"], "0" * 32):
        await LaneControls(redis).park("webhooks", f"endpoint:{endpoint}", HOUR_MS)
    lanes = (await alice.get("/v1/queues/webhooks/lanes")).json()["lanes"]
    shown = {lane["name"]: (lane.get("owner"), lane.get("url")) for lane in lanes}
    assert shown == {
        f"endpoint:{made['id']}": ("alice", made["url"]),
        f"endpoint:{'0' * 32}": (None, None),
    }, "one that was deleted has neither"


async def test_a_wrong_reason_of_a_pause_is_refused(alice: httpx.AsyncClient) -> None:
    for reason in ("", "x" * 201, 3):
        refused = await alice.post("/v1/queues/media/pause", json={"reason": reason})
        assert (refused.status_code, refused.json()["field"]) == (422, "reason")
    assert (await queue(alice))["paused"] is False


@pytest.mark.parametrize("place", ["", "/lanes"])
async def test_another_queue_is_not_found(alice: httpx.AsyncClient, place: str) -> None:
    answer = await alice.get(f"/v1/queues/printing{place}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "media, reports" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["cursor=nonsense", "limit=0", "size=3"])
async def test_a_wrong_query_is_refused(alice: httpx.AsyncClient, query: str) -> None:
    answer = await alice.get(f"/v1/queues/media/lanes?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["field"] == query.partition("=")[0]
