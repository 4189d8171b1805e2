"""A worker dies in the middle of deliveries: all arrive, and what arrives twice is known for it by its id."""

import msgpack
import pytest
from arq.connections import ArqRedis

from tasks.queue.records.record import State
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints, open_box
from tasks.webhook.fan_out import EXPAND_AT_ONCE
from tests.chaos.load import LOOPBACK, SLOTS, DeliveryLoad, GatedReceiver
from tests.chaos.test_shutdown import exit_code
from tests.support.engine_running import JobClient
from tests.support.key_leaks import key_leaks
from tests.support.processes import worker_process
from tests.support.queue.proxy import Proxy
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness
from tools.servers import Valkey

ENDPOINTS, LARGE = 4, EXPAND_AT_ONCE + 50
AFTER_A_LEASE_S = 40


@pytest.fixture
def webhooks(mortal_redis: ArqRedis, settings: Settings, job_client: JobClient) -> WebhookHarness:
    return WebhookHarness(mortal_redis, settings, Endpoints(mortal_redis, settings, open_box(settings)), job_client)


async def die_when_claimed(load: DeliveryLoad, port: int) -> None:
    """Deliveries are claimed, but where they go and what they say is never read: Redis does not hear the question."""
    async with Proxy(port) as proxy:
        proxy.trap(b"HGETALL")
        async with load.worker_to_kill("claimed", proxy.port), load.publishing("small"):
            await load.until(lambda _, in_hand: len(in_hand) == SLOTS)


async def die_when_sent(load: DeliveryLoad, port: int) -> None:
    """Requests have arrived; none is answered."""
    async with load.worker_to_kill("sent", port), load.publishing("small"):
        await load.under_way()
        load.receiver.open.clear()
        await load.until(lambda *_: load.receiver.held == SLOTS)
    load.receiver.open.set()


async def die_when_expanding(load: DeliveryLoad, port: int) -> None:
    """Some deliveries of an event are made, and recorded; of the others Redis does not hear."""
    async with Proxy(port) as proxy:
        event = await load.publish("large")
        said = msgpack.packb("event", use_bin_type=False) + msgpack.packb(event, use_bin_type=False)
        expand = proxy.trap(said, passes=1)
        async with load.worker_to_kill("expanding", proxy.port):
            async with load.publishing("small"):
                await load.until(lambda *_: bool(expand.unheard))
            await load.until(lambda received, in_hand: received >= load.alive("small") and not in_hand)
            assert len(load.wanted("large") & load.copies().keys()) == EXPAND_AT_ONCE


async def die_when_answered(load: DeliveryLoad, port: int) -> None:
    """Answers have come; what is to be written down of them Redis does not hear, so that all lanes are full for it."""
    room = ENDPOINTS * load.webhooks.settings.endpoint_max_in_flight - sum(map(len, load.lost.values()))
    async with Proxy(port) as proxy, load.worker_to_kill("answered", proxy.port), load.publishing("small"):
        await load.under_way()
        finish = proxy.trap(b'"status": 200')
        await load.until(lambda received, in_hand: bool(finish.unheard) and len(in_hand & received) == room)


async def test_events_survive_workers_killed_at_four_points_and_only_two_of_these_deliver_twice(
    mortal_valkey: Valkey, webhooks: WebhookHarness
) -> None:
    async with GatedReceiver() as receiver, Receiver() as other_receiver:
        receiver.open.set()
        load = DeliveryLoad(webhooks, receiver)
        await load.subscribe("small", ENDPOINTS)
        await load.subscribe("large", LARGE)
        await webhooks.subscribe(other_receiver.url, owner="another")
        await webhooks.subscribe(other_receiver.url, events=["medium"])
        for die in (die_when_claimed, die_when_sent, die_when_expanding, die_when_answered):
            await die(load, mortal_valkey.port)
        async with worker_process(webhooks.redis, mortal_valkey.url, environment=LOOPBACK, default=10, webhooks=SLOTS):
            events = [await webhooks.job_client.ended(event, seconds=AFTER_A_LEASE_S) for event, _ in load.events]
            wanted = load.wanted("small") | load.wanted("large")
            records = [await webhooks.job_client.ended(one, seconds=AFTER_A_LEASE_S) for one in wanted]
        copies = load.copies()
        assert await key_leaks(webhooks.redis) == []

    assert copies.keys() == wanted, "each event at each endpoint that asked for it, and nothing else"
    assert other_receiver.requests == []
    assert {record.state for record in (*events, *records)} == {State.SUCCEEDED}
    assert {record.tries for record in (*events, *records)} == {0}, "a crash is not the delivery's fault"
    lapsed = {record.id for record in records if [one["outcome"] for one in record.attempts] == ["lapsed", "succeeded"]}
    assert lapsed == set().union(*load.lost.values())
    assert all(len(record.attempts) == 1 for record in records if record.id not in lapsed)
    (large,) = [event for event, (_, kind) in zip(events, load.events, strict=True) if kind == "large"]
    assert [one["outcome"] for one in large.attempts] == ["lapsed", "succeeded"]
    assert large.result == {"deliveries": LARGE - EXPAND_AT_ONCE}, "what was made already is not made again"

    lost = {point: len(deliveries) for point, deliveries in load.lost.items()}
    twice = {point: sum(len(copies[one]) == 2 for one in deliveries) for point, deliveries in load.lost.items()}
    assert lost == {"claimed": SLOTS, "sent": SLOTS, "expanding": 0, "answered": lost["answered"]}
    # What was not sent, or not made, comes once. What was sent comes again: that it was is written nowhere yet.
    assert twice == {"claimed": 0, "sent": SLOTS, "expanding": 0, "answered": lost["answered"]}
    assert sum(map(len, copies.values())) == len(wanted) + sum(twice.values()), "nothing else came twice, or more often"
    for first, second in (requests for requests in copies.values() if len(requests) == 2):
        assert first.headers["webhook-id"] == second.headers["webhook-id"], "so that a receiver knows it"
        assert first.body == second.body


async def test_a_deploy_in_the_middle_of_a_delivery_uses_up_no_try(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, webhooks: WebhookHarness
) -> None:
    impatient = {**LOOPBACK, "SHUTDOWN_GRACE_S": "0.3"}
    async with GatedReceiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        async with worker_process(mortal_redis, mortal_valkey.url, environment=impatient, default=1, webhooks=1) as old:
            event = await webhooks.publish()
            await receiver.wait_for(1)
            old.terminate()
            assert await exit_code(old) == 0
        receiver.open.set()
        async with worker_process(mortal_redis, mortal_valkey.url, environment=LOOPBACK, default=1, webhooks=1):
            record = await webhooks.delivered(event, endpoint)
        first, second = receiver.requests

    assert [one["outcome"] for one in record.attempts] == ["handed_back", "succeeded"]
    assert (record.state, record.tries) == (State.SUCCEEDED, 0)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == event
    assert first.body == second.body
