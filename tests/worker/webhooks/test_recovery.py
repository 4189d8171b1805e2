"""What an endpoint missed while it was disabled, or before it was there, is kept and sent by a recovery."""

import asyncio
import json
import time

from arq.connections import ArqRedis

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.jobs.submission import Submission
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, JOB, LANE, PACK_AFTER_MS, PARKED
from tasks.settings import Settings
from tasks.webhook.endpoint_record import EndpointRecord
from tests.support.queue.ended_records import pack_all
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness, delivering

DAY_MS = 24 * 3_600_000


async def recover(webhooks: WebhookHarness, endpoint: EndpointRecord, **times: int) -> dict[str, int]:
    """Run a recovery of the last day, and return what it says."""
    params = {"endpoint": endpoint.id, "since": int(time.time() * 1000) - DAY_MS, **times}
    submission = Submission("recovery", "default", "dev", json.dumps(params))
    job = (await webhooks.job_client.enqueuer.enqueue(submission)).job_id
    record = await webhooks.job_client.ended(job)
    assert record.state is State.SUCCEEDED, record.error
    assert isinstance(record.result, dict)
    return record.result


def events_of(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.requests]


async def pass_time(webhooks: WebhookHarness, endpoint: EndpointRecord) -> None:
    """Until what has ended is packed."""
    await webhooks.redis.hincrby(ENDPOINT + endpoint.id, "disabled_at", -PACK_AFTER_MS)
    await pack_all(webhooks.redis, webhooks.settings)


async def end_job(webhooks: WebhookHarness) -> None:
    await webhooks.job_client.ended(await webhooks.job_client.submit("echo"))


async def test_what_happens_while_it_is_disabled_is_kept_and_sent(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["invoice.*", "job.succeeded"])
        before = await webhooks.publish()
        await webhooks.delivered(before, endpoint)
        await webhooks.endpoints.change("dev", endpoint.id, {"enabled": False})
        missed = [await webhooks.publish() for _ in range(3)]
        for event in (*missed, await webhooks.publish("order.paid")):
            record = await webhooks.job_client.ended(event)
            assert record.result == {"deliveries": 0}
        await end_job(webhooks)
        await pass_time(webhooks, endpoint)
        assert len(receiver.requests) == 1, "nothing is sent to a disabled endpoint"

        await webhooks.endpoints.enable("dev", endpoint.id)
        after = await webhooks.publish()
        await webhooks.delivered(after, endpoint)
        assert await recover(webhooks, endpoint) == {"found": 0, "redelivered": 0, "missed": 4}
        for event in missed:
            assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED
        requests = await receiver.wait_for(6)
        assert events_of(receiver)[:2] == [before, after]
        assert set(events_of(receiver)) >= {before, after, *missed}
        types = [json.loads(request.body)["type"] for request in requests]
        assert sorted(types) == ["invoice.paid"] * 5 + ["job.succeeded"]
        assert await recover(webhooks, endpoint) == {"found": 0, "redelivered": 0, "missed": 0}


async def test_what_was_delivered_is_not_sent_again_though_its_record_is_gone(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        event = await webhooks.publish()
        await redis.delete(JOB + (await webhooks.delivered(event, endpoint)).id)  # a day passes
        await webhooks.endpoints.change("dev", endpoint.id, {"enabled": False})
        await webhooks.endpoints.enable("dev", endpoint.id)
        result = await recover(webhooks, endpoint)
        assert event not in events_of(receiver)[1:]
        assert result["missed"] <= 1, "the event endpoint.disabled of its own"


async def test_times_types_channel_and_filters_hold_for_what_was_missed(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        paid = {"field": "data.status", "is": "paid"}
        endpoint, _ = await webhooks.subscribe(
            receiver.url, events=["invoice.paid"], channel="a", filters=[paid], enabled=False
        )
        early = await webhooks.publish(data={"status": "paid"}, channel="a")
        until = (await webhooks.job_client.read(early)).due_at
        await asyncio.sleep(0.002)
        wanted = [await webhooks.publish(data={"status": "paid"}, channel="a") for _ in range(2)]
        others = [
            await webhooks.publish(data={"status": "open"}, channel="a"),
            await webhooks.publish(data={"status": "paid"}, channel="b"),
            await webhooks.publish("invoice.sent", data={"status": "paid"}, channel="a"),
        ]
        for event in (*wanted, *others):
            await webhooks.job_client.ended(event)
        await webhooks.endpoints.enable("dev", endpoint.id)
        assert (await recover(webhooks, endpoint, since=until + 1))["missed"] == 2
        for event in wanted:
            await webhooks.delivered(event, endpoint)
        assert set(events_of(receiver)) == set(wanted)
        assert (await recover(webhooks, endpoint, until=until))["missed"] == 1
        await webhooks.delivered(early, endpoint)


async def test_a_new_endpoint_gets_what_happened_before_it_was_there(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        old, _ = await webhooks.subscribe(receiver.at("/old"))
        events = [await webhooks.publish() for _ in range(2)]
        for event in events:
            await webhooks.delivered(event, old)
        new, _ = await webhooks.subscribe(receiver.at("/new"), ordered=True)
        assert (await recover(webhooks, new))["missed"] == 2
        for event in events:
            await webhooks.delivered(event, new)
        assert [one.headers["webhook-id"] for one in receiver.requests if one.path == "/new"] == events


async def test_an_event_that_was_missed_is_kept_for_its_time_and_then_for_its_delivery(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("failing", times=1) as receiver:
        keep = keep_ms(webhooks.settings)
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["invoice.*"], enabled=False)
        missed, other = await webhooks.publish(), await webhooks.publish("order.paid")
        for event in (missed, other):
            await webhooks.job_client.ended(event)
        await pass_time(webhooks, endpoint)
        left = {event: await redis.pttl(JOB + event) - keep["tombstone"] for event in (missed, other)}
        assert keep["delivered"] - 60_000 < left[other] <= keep["delivered"] < keep["missed"] - 60_000 < left[missed]
        assert left[missed] <= keep["missed"]
        await webhooks.endpoints.enable("dev", endpoint.id)
        assert (await recover(webhooks, endpoint))["missed"] == 1
        await webhooks.job_client.until((await webhooks.delivery(missed, endpoint)).id, State.RETRYING)
        assert await redis.pttl(JOB + missed) > keep["event"] - 60_000


async def test_nothing_is_kept_where_the_setting_says_so(redis: ArqRedis) -> None:
    async with delivering(redis, keep_missed_s=0) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["job.*"])
        await webhooks.endpoints.disable(endpoint.id, "failing")
        await end_job(webhooks)
        await webhooks.endpoints.enable("dev", endpoint.id)
        assert (await recover(webhooks, endpoint))["missed"] == 0


async def test_a_recovery_tells_nobody(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        await recover(webhooks, endpoint)
        await webhooks.delivered(await webhooks.publish(), endpoint)
        assert [json.loads(request.body)["type"] for request in receiver.requests] == ["invoice.paid"]


async def park(redis: ArqRedis, endpoint: EndpointRecord) -> str:
    lane = str(LaneId("endpoint", endpoint.id))
    await redis.hset(f"{LANE}webhooks:{lane}", mapping={"failures": 7, "trips": 3, "failing_since": 1_000})
    await LaneControls(redis).park("webhooks", lane, 3_600_000)
    return lane


async def test_a_successful_test_unparks(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["invoice.*"])
        lane = await park(redis, endpoint)
        event = await webhooks.publish()
        assert (await webhooks.delivery(event, endpoint)).state is State.QUEUED
        await webhooks.delivered(await webhooks.publish("endpoint.test", endpoint=endpoint.id), endpoint)
        assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED
        assert await redis.zscore(PARKED + "webhooks", lane) is None
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 0


async def test_a_test_that_fails_changes_nothing(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("gone") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.at("/status/500"), events=["invoice.*"])
        lane = await park(redis, endpoint)
        await webhooks.delivered(await webhooks.publish("endpoint.test", endpoint=endpoint.id), endpoint)
        assert await redis.zscore(PARKED + "webhooks", lane) is not None
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 7


async def test_a_recovery_unparks_and_the_first_success_ends_the_failure(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["invoice.*"])
        await park(redis, endpoint)
        events = [await webhooks.publish() for _ in range(3)]
        for event in events:
            assert (await webhooks.delivery(event, endpoint)).state is State.QUEUED
        await recover(webhooks, endpoint)
        for event in events:
            assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 0


def test_missed_events_are_kept_for_three_days() -> None:
    assert Settings(_env_file=None).keep_missed_s == 3 * 24 * 3600
