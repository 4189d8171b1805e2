"""An engine that delivers, endpoints to deliver to, and the words to make events: webhooks as they run in a worker."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.outbound.open import open_outbound
from tasks.queue.jobs.submission import Submission
from tasks.queue.records import indexes
from tasks.queue.records.list import read_page
from tasks.queue.records.record import Record
from tasks.settings import Settings
from tasks.webhook.endpoint_record import EndpointPatch, EndpointRecord
from tasks.webhook.endpoints import Endpoints, open_box
from tasks.webhook.events import delivery_id
from tests.support import kinds as test_kinds
from tests.support.engine_running import JobClient, settings_for, working

LOOPBACK = (ip_network("127.0.0.0/8"),)


def delivering_settings(redis: ArqRedis, **changes: Any) -> Settings:
    """Settings under which loopback is public."""
    return settings_for(redis, **{"outbound_networks": LOOPBACK, "outbound_http": True, **changes})


@dataclass(frozen=True, slots=True)
class WebhookHarness:
    """What a test of deliveries needs."""

    redis: ArqRedis
    settings: Settings
    endpoints: Endpoints
    job_client: JobClient

    async def subscribe(self, url: str, *, owner: str = "dev", **patch: Any) -> tuple[EndpointRecord, str]:
        """An endpoint and its secret; it asks for everything unless told otherwise."""
        asked: EndpointPatch = {"url": url, "events": ["*"]}
        asked.update(patch)  # type: ignore[typeddict-item]
        return await self.endpoints.create(owner, asked)

    async def publish(self, kind: str = "invoice.paid", data: dict[str, Any] | None = None, **fields: Any) -> str:
        """The id of a new event. fields: of the Submission; `endpoint` makes it a test of that one, `channel` gives it
        a channel."""
        params: dict[str, Any] = {"type": kind, "data": data or {}}
        for name in ("endpoint", "channel"):
            if value := fields.pop(name, None):
                params[name] = value
        submission = Submission(
            **{"kind": "event", "queue": "default", "owner": "dev", **fields}, params=json.dumps(params)
        )
        return (await self.job_client.enqueuer.enqueue(submission)).job_id

    async def deliveries(self, event: str) -> list[Record]:
        """The deliveries of an event so far."""
        page = await read_page(self.redis, indexes.of_event(event), stateless=True, limit=200)
        return list(page.records)

    async def delivery(self, event: str, endpoint: EndpointRecord | str) -> Record:
        """The record of a delivery, once its event has been expanded."""
        await self.job_client.ended(event)
        return await self.job_client.read(delivery_id(event, endpoint if isinstance(endpoint, str) else endpoint.id))

    async def delivered(self, event: str, endpoint: EndpointRecord | str) -> Record:
        """The record of a delivery once it has ended."""
        return await self.job_client.ended((await self.delivery(event, endpoint)).id)


@asynccontextmanager
async def delivering(redis: ArqRedis, **changes: Any) -> AsyncIterator[WebhookHarness]:
    """changes: settings."""
    settings = delivering_settings(redis, **changes)
    client = open_outbound(settings)
    kinds = {**KINDS, **test_kinds.KINDS}
    concurrency = {"default": 10, "webhooks": 50}
    engine = working(redis, settings, concurrency=concurrency, kinds=kinds, outbound=client)
    try:
        async with JobClient(redis, settings) as job_client, engine:
            yield WebhookHarness(redis, settings, Endpoints(redis, settings, open_box(settings)), job_client)
    finally:
        await client.close()
        for owner in ("dev", "another"):
            await clear(redis, owner)


async def clear(redis: ArqRedis, owner: str) -> None:
    """Delete an owner's endpoints, as the owner would."""
    settings = settings_for(redis)
    endpoints = Endpoints(redis, settings, open_box(settings))
    found, _ = await endpoints.page(owner, 200, None)
    for endpoint in found:
        await endpoints.delete(owner, endpoint.id)
