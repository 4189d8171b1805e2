"""The stream of changes of a browser: the API's, with a session."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tasks.settings import Settings
from tests.support.api.event_source import Event, streamed, until_end
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB
from tests.support.console.browsers import PAGE, signed_in


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Bob is an admin; heartbeats are frequent, since a stream looks at its key with each."""
    return settings.model_copy(update={"admins": ("bob",), "events_heartbeat_s": 0.1})


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_S", "ALERTS_S"):
        monkeypatch.setattr(f"api.changes.sources.{name}", 0.02)


async def named(events: AsyncIterator[Event], name: str) -> Event:
    async with asyncio.timeout(10):
        async for event in events:
            if event.name == name:
                return event
    raise AssertionError("the stream has ended")


async def test_a_session_follows_its_owners_jobs(port: int, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, ALICE) as browser, streamed(browser, "/console/live") as events:
        await named(events, "ready")
        await bob.post("/v1/images", content=PNG)
        job = (await alice.post("/v1/images", content=PNG)).json()["id"]
        found = await named(events, "jobs")
        assert [one["id"] for one in found.data["jobs"]] == [job]
    async with signed_in(port, ALICE) as browser:
        assert (await browser.get("/console/live?owner=bob")).status_code == 403


async def test_admins_follow_whom_they_choose_and_the_numbers(port: int, alice: httpx.AsyncClient) -> None:
    async with signed_in(port, BOB) as browser, streamed(browser, "/console/live?owner=alice") as events:
        await named(events, "queues")
        job = (await alice.post("/v1/images", content=PNG)).json()["id"]
        assert [one["id"] for one in (await named(events, "jobs")).data["jobs"]] == [job]


async def test_a_stream_ends_with_the_key_of_its_session(port: int, alice: httpx.AsyncClient) -> None:
    key = (await alice.post("/v1/keys", json={"name": "screen", "scopes": ["jobs:read"]})).json()
    async with signed_in(port, key["key"]) as browser, streamed(browser, "/console/live") as events:
        await named(events, "ready")
        await alice.delete(f"/v1/keys/{key['id']}")
        async with asyncio.timeout(10):
            await until_end(events)


async def test_a_stream_is_for_those_who_may_read_jobs(port: int, alice: httpx.AsyncClient) -> None:
    key = (await alice.post("/v1/keys", json={"name": "camera", "scopes": ["images"]})).json()
    async with signed_in(port, key["key"]) as browser:
        assert (await browser.get("/console/live")).status_code == 403
        assert "data-live" not in (await browser.get("/console/usage")).text
        await browser.post("/console/logout", headers=PAGE)
        gone = await browser.get("/console/live", headers={"Accept": "text/event-stream"})
        assert gone.status_code == 401, "a redirect would lead an EventSource to a page"
    async with signed_in(port, ALICE) as browser:
        assert 'data-live="/console/live"' in (await browser.get("/console/usage")).text
