"""Deliveries under load, and workers that die at chosen points of them."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tasks.queue.records.indexes import of_deliveries
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, JOBS
from tasks.webhook.events import delivery_id
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tests.support.receiver_behaviours import Exchange, behaviour
from tests.support.receivers import Receiver, Request
from tests.support.webhook_harness import WebhookHarness

LOOPBACK = {"OUTBOUND_NETWORKS": "127.0.0.0/8", "OUTBOUND_HTTP": "1", "LOG_LEVEL": "warning"}
SLOTS = 10
"""Deliveries at once: fewer than a worker has connections to Redis, of which some tests silence one for each."""
UNDER_WAY = 10
"""Deliveries that a worker has made before anything happens to it."""
PAUSE_S = 0.01
PATIENCE_S = 10.0


@dataclass(slots=True)
class GatedReceiver(Receiver):
    """Answers while it is open. held: how many wait for an answer."""

    behaviour: str = "gated"
    held: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)


@behaviour
async def gated(exchange: Exchange) -> None:
    """An answer once `open` is set."""
    receiver = exchange.receiver
    assert isinstance(receiver, GatedReceiver)
    receiver.held += 1
    await receiver.open.wait()
    receiver.held -= 1
    await exchange.answer()


@dataclass(slots=True)
class DeliveryLoad:
    """Events of kinds, endpoints that asked for one kind each, and one receiver for all.

    lost: the deliveries that a killed worker had in hand, by the point at which it was killed.
    """

    webhooks: WebhookHarness
    receiver: GatedReceiver
    endpoints: list[tuple[str, str]] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    lost: dict[str, set[str]] = field(default_factory=dict)

    async def subscribe(self, kind: str, count: int) -> None:
        """So many endpoints for a kind of events, at paths of their own."""
        for _ in range(count):
            url = self.receiver.at(f"/{len(self.endpoints)}")
            endpoint, _ = await self.webhooks.subscribe(url, events=[kind])
            self.endpoints.append((endpoint.id, kind))
            # One that has not answered yet shares half of the slots with the others of such.
            await self.webhooks.redis.hset(ENDPOINT + endpoint.id, "answered", 1)

    async def publish(self, kind: str) -> str:
        """An event, which carries its number; returns its id."""
        event = await self.webhooks.publish(kind, {"number": len(self.events)})
        self.events.append((event, kind))
        return event

    @asynccontextmanager
    async def publishing(self, kind: str) -> AsyncIterator[None]:
        """Events all the time until the block ends."""

        over = asyncio.Event()

        async def publish_until_over() -> None:
            # To its own end: an event that is published and not noted here would be unknown when it arrives.
            while not over.is_set():
                await self.publish(kind)
                await asyncio.sleep(PAUSE_S)

        telling = asyncio.create_task(publish_until_over())
        try:
            yield
        finally:
            over.set()
            await telling

    async def under_way(self) -> None:
        """Wait until some more deliveries have arrived."""
        await self.receiver.wait_for(len(self.receiver.requests) + UNDER_WAY)

    @asynccontextmanager
    async def worker_to_kill(self, point: str, port: int) -> AsyncIterator[None]:
        """A worker, with Redis at this port, that is killed when the block ends."""
        url = f"redis://127.0.0.1:{port}/0"
        async with worker_process(self.webhooks.redis, url, environment=LOOPBACK, default=10, webhooks=SLOTS):
            yield
        self.lost[point] = await self.in_hand()

    async def until(self, reached: Callable[[set[str], set[str]], bool]) -> None:
        """Wait until `reached(received, in_hand)`: deliveries that have arrived, and those that a living worker has in
        hand, looked at in this order."""

        async def is_reached() -> bool:
            return reached(set(self.copies()), await self.in_hand())

        await eventually(is_reached, seconds=PATIENCE_S)

    async def in_hand(self) -> set[str]:
        """The deliveries that run, says Redis; but for those whose workers are known to be dead."""
        index = f"{JOBS}{of_deliveries('dev')}:{State.RUNNING}"
        running = {one.decode() for one in await self.webhooks.redis.zrange(index, 0, -1)}
        return running.difference(*self.lost.values())

    def alive(self, kind: str) -> set[str]:
        """Those wanted, but for those whose workers are known to be dead."""
        return self.wanted(kind).difference(*self.lost.values())

    def wanted(self, kind: str) -> set[str]:
        """The deliveries that there have to be of the events told so far."""
        events = [event for event, its_kind in self.events if its_kind == kind]
        endpoints = [endpoint for endpoint, its_kind in self.endpoints if its_kind == kind]
        return {delivery_id(event, endpoint) for event in events for endpoint in endpoints}

    def copies(self) -> dict[str, list[Request]]:
        """What came, by delivery: told by the path and the number in the body, not by the header."""
        found: dict[str, list[Request]] = defaultdict(list)
        for request in self.receiver.requests:
            event, _ = self.events[json.loads(request.body)["data"]["number"]]
            endpoint, _ = self.endpoints[int(request.path.removeprefix("/"))]
            found[delivery_id(event, endpoint)].append(request)
        return found
