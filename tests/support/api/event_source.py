"""Reading server-sent events, as a browser does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx


class Event(NamedTuple):
    """One event; a comment is one without a name."""

    name: str
    data: Any
    id: str | None


@asynccontextmanager
async def listening(client: httpx.AsyncClient, job_id: str, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a job, as they come."""
    async with streamed(client, f"/v1/jobs/{job_id}/events", headers=headers) as events:
        yield events


@asynccontextmanager
async def streamed(client: httpx.AsyncClient, path: str, **options: Any) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a path, as they come."""
    async with client.stream("GET", path, **options) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            if "retry" not in fields:
                yield Event(fields.get("event", ""), json.loads(fields.get("data", "null")), fields.get("id"))
            fields = {}


async def until_end(events: AsyncIterator[Event]) -> list[Event]:
    """All that come until the stream ends."""
    return [event async for event in events]
