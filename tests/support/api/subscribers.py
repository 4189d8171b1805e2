"""Endpoints as owners make them over HTTP, and workers that really deliver to them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.outbound.open import open_outbound
from tasks.outbound.protocol import OutboundRequest, OutboundResponse
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.exchanges.exchange import exchange_of
from tasks.webhook.exchanges.files import KEPT, path_of
from tasks.webhook.exchanges.masking import SecretMask
from tests.support.engine_running import working

URL = "http://127.0.0.1:9000/hook"
"""Nobody is asked there: a number needs no look-up, and tests that deliver have a receiver of their own."""
PATIENCE_S = 10.0


async def subscribe(client: httpx.AsyncClient, url: str = URL, *events: str, **more: Any) -> dict[str, Any]:
    """A new endpoint, as it was answered."""
    answer = await client.post("/v1/endpoints", json={"url": url, "events": list(events or ["*"]), **more})
    assert answer.status_code == 201, answer.text
    endpoint: dict[str, Any] = answer.json()
    return endpoint


async def keep_exchange(redis: ArqRedis, storage: Storage, delivery: str) -> None:
    """Let the first attempt of a delivery, which waits, have failed, and keep what it sent and received."""
    request = OutboundRequest(URL, b'{"type":"order.paid"}', {"content-type": "application/json"})
    response = OutboundResponse(503, {"content-type": "text/plain"}, b"busy", {})
    await storage.put_object(path_of(delivery, 1), exchange_of(request, response, SecretMask(()), 100))
    attempt = {"number": 1, "worker": "w", "started_at": 1, "ended_at": 2, "outcome": "retrying"}
    attempt["about"] = {"status": 503, KEPT: True}
    await redis.hset(JOB + delivery, mapping={"attempt": 1, "attempt:1": json.dumps(attempt)})


async def publish(client: httpx.AsyncClient, type: str = "order.paid", **data: Any) -> str:
    """The id of a new event."""
    answer = await client.post("/v1/events", json={"type": type, "data": data})
    assert answer.status_code == 202, answer.text
    event_id: str = answer.json()["id"]
    return event_id


@asynccontextmanager
async def delivering(redis: ArqRedis, settings: Settings) -> AsyncIterator[None]:
    """A worker that expands events and posts deliveries, until the block ends."""
    # Nobody is at that name server: what a test names is on loopback, or is not to be reached.
    client = open_outbound(settings, nameservers=("127.0.0.1:1",))
    try:
        async with working(redis, settings, concurrency={"default": 5, "webhooks": 20}, kinds=KINDS, outbound=client):
            yield
    finally:
        await client.close()


async def listed(client: httpx.AsyncClient, count: int, **query: str) -> list[dict[str, Any]]:
    """The deliveries that a query lists, once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await client.get("/v1/deliveries", params=query)
            assert answer.status_code == 200, answer.text
            deliveries: list[dict[str, Any]] = answer.json()["deliveries"]
            if len(deliveries) >= count:
                return deliveries
            await asyncio.sleep(0.02)


def time_of(milliseconds: int) -> str:
    """As a query has it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")
