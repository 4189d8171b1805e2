"""Streams of changes while Redis goes and comes back: they say so, stay open, and say what to read again."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from tests.support.api.event_source import Event, streamed
from tests.support.api.pictures import PNG
from tests.support.api.web_process import web_process
from tools.servers import Valkey


async def until(events: AsyncIterator[Event], *names: str) -> Event:
    """Read on until each of these events has come; the last of them."""
    missing = set(names)
    async with asyncio.timeout(30):
        async for event in events:
            missing.discard(event.name)
            if not missing:
                return event
    raise AssertionError(f"the stream has ended before {missing}")


async def test_a_stream_outlives_redis_and_says_when_lists_are_to_be_read_again(mortal_valkey: Valkey) -> None:
    with web_process(mortal_valkey.url, "memory://", {"API_KEYS": "", "EVENTS_HEARTBEAT_S": "1"}) as web:
        topics = {"topic": ["jobs", "queues"]}
        async with (
            httpx.AsyncClient(base_url=web.url, timeout=30) as client,
            streamed(client, "/v1/changes", params=topics) as events,
        ):
            await until(events, "ready", "queues")
            mortal_valkey.kill()
            await until(events, "unavailable")
            mortal_valkey.start()
            await until(events, "ready", "queues")
            job_id = (await client.post("/v1/images", content=PNG)).raise_for_status().json()["id"]
            told = await until(events, "jobs")
            assert [job["id"] for job in told.data["jobs"]] == [job_id]
