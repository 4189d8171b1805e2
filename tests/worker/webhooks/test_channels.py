"""Which endpoints an event reaches, by its channel and by what it has: a real engine, real sockets."""

import json

import pytest
from arq.connections import ArqRedis

from tasks.webhook import fan_out
from tasks.webhook.endpoint_record import EndpointRecord
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness, delivering


async def reached(webhooks: WebhookHarness, event: str, *endpoints: EndpointRecord) -> list[int]:
    """Which of the endpoints get a delivery, by their places in the list."""
    await webhooks.job_client.ended(event)
    params = [json.loads(record.params) for record in await webhooks.deliveries(event)]
    ids = {one["endpoint"] for one in params}
    return [place for place, endpoint in enumerate(endpoints) if endpoint.id in ids]


async def test_an_endpoint_with_a_channel_gets_the_events_of_that_channel_only(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        url = receiver.url
        every, _ = await webhooks.subscribe(url)
        mine, _ = await webhooks.subscribe(url, channel="customer-1", events=["invoice.*"])
        other, _ = await webhooks.subscribe(url, channel="customer-2")
        both = (every, mine, other)
        first = await webhooks.publish(channel="customer-1")
        assert await reached(webhooks, first, *both) == [0, 1]
        assert await reached(webhooks, await webhooks.publish(channel="customer-2"), *both) == [0, 2]
        assert await reached(webhooks, await webhooks.publish(), *both) == [0]
        assert await reached(webhooks, await webhooks.publish("order.paid", channel="customer-1"), *both) == [0]
        await webhooks.delivered(first, mine)
        bodies = [json.loads(one.body) for one in receiver.requests if one.headers["webhook-id"] == first]
        assert {body["channel"] for body in bodies} == {"customer-1"}

        await webhooks.endpoints.change("dev", mine.id, {"channel": "customer-2", "events": ["*"]})
        assert await reached(webhooks, await webhooks.publish(channel="customer-1"), *both) == [0]
        assert await reached(webhooks, await webhooks.publish(channel="customer-2"), *both) == [0, 1, 2]
        await webhooks.endpoints.change("dev", mine.id, {"channel": None})
        assert await reached(webhooks, await webhooks.publish(), *both) == [0, 1]


async def test_ends_of_jobs_have_no_channel(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        await webhooks.subscribe(receiver.url, channel="customer-1")
        await webhooks.subscribe(receiver.url)
        await webhooks.job_client.ended(await webhooks.job_client.submit("echo"))
        (request,) = await receiver.wait_for(1)
        body = json.loads(request.body)
        assert (body["type"], "channel" in body) == ("job.succeeded", False)


async def test_filters_are_asked_when_the_event_is_fanned_out(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        url, paid = receiver.url, {"field": "data.status", "is": "paid"}
        every, _ = await webhooks.subscribe(url)
        some, _ = await webhooks.subscribe(url, filters=[paid])
        fewer, _ = await webhooks.subscribe(url, filters=[paid, {"field": "data.amount", "gte": 100}], channel="a")
        all_three = (every, some, fewer)
        assert await reached(webhooks, await webhooks.publish(data={"status": "open"}), *all_three) == [0]
        assert await reached(webhooks, await webhooks.publish(data={"status": "paid"}), *all_three) == [0, 1]
        large = {"status": "paid", "amount": 100.0}
        assert await reached(webhooks, await webhooks.publish(data=large, channel="a"), *all_three) == [0, 1, 2]
        await webhooks.endpoints.change("dev", some.id, {"filters": None})
        assert await reached(webhooks, await webhooks.publish(data={"status": "open"}), *all_three) == [0, 1]


async def test_an_event_reaches_more_endpoints_than_one_read_gives(
    redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "READ_AT_ONCE", 20)
    async with delivering(redis) as webhooks, Receiver() as receiver:
        filters = [{"field": "data.number", "lt": 3}]
        endpoints = [
            (await webhooks.subscribe(receiver.url, events=["a.*", "a.b"], filters=filters if n % 2 else None))[0]
            for n in range(140)
        ]
        event = await webhooks.publish("a.b", {"number": 5})
        record = await webhooks.job_client.ended(event)
        assert record.result == {"deliveries": 70}
        assert await reached(webhooks, event, *endpoints) == list(range(0, 140, 2))


async def test_a_test_event_asks_neither(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(
            receiver.url, channel="a", filters=[{"field": "data.status", "is": "paid"}]
        )
        event = await webhooks.publish("endpoint.test", endpoint=endpoint.id)
        assert await reached(webhooks, event, endpoint) == [0]
        await webhooks.delivered(event, endpoint)
