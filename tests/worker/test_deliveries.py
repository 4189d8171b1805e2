"""From an event to what its receivers got, and what the record says of it: a real engine, real sockets."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr
from standardwebhooks import Webhook

from tasks.outbound.connection import HttpConnection
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records import indexes
from tasks.queue.records.list import read_page
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, JOB, LANE, arq_queue
from tasks.settings import Settings
from tasks.webhook.events import ONE_OFF
from tasks.webhook.notify_url import seal_url
from tasks.webhook.secret_box import SecretBox
from tests.support.queue.ended_records import pack_all
from tests.support.receivers import Receiver, Request
from tests.support.webhook_harness import delivering
from tools.servers import free_port


def verified(request: Request, secret: str) -> object:
    """The body, if the reference library finds its signature good."""
    return Webhook(secret).verify(request.body.decode(), request.headers)


async def test_every_subscriber_gets_the_event_signed_with_a_secret_of_its_own(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as first, Receiver() as second, Receiver() as deaf:
        one, secret_one = await webhooks.subscribe(first.url, headers={"x-shop": "7"})
        two, secret_two = await webhooks.subscribe(second.url, events=["invoice.*"])
        await webhooks.subscribe(deaf.url, events=["order.*"])
        await webhooks.subscribe(deaf.url, owner="another")
        event = await webhooks.publish(data={"amount": 12.5, "name": "größe"})
        record = await webhooks.delivered(event, one)
        assert (record.state, (await webhooks.delivered(event, two)).state) == (State.SUCCEEDED, State.SUCCEEDED)
        for receiver, secret in ((first, secret_one), (second, secret_two)):
            (request,) = receiver.requests
            told = verified(request, secret)
            assert isinstance(told, dict)
            assert (told["type"], told["data"]) == ("invoice.paid", {"amount": 12.5, "name": "größe"})
            happened = datetime.fromisoformat(told["timestamp"])
            assert abs((datetime.now(UTC) - happened).total_seconds()) < 60
            assert (request.headers["webhook-id"], request.method) == (event, "POST")
            assert request.headers["content-type"] == "application/json"
        assert first.requests[0].headers["x-shop"] == "7"
        assert first.requests[0].body == second.requests[0].body
        assert deaf.requests == []
        (attempt,) = record.attempts
        about = attempt["about"]
        assert (about["status"], about["answer"], about["url"]) == (200, "ok", first.url)
        assert about["address"] == "127.0.0.1"
        assert about["timing"]["total"] > 0
        assert (await webhooks.job_client.read(event)).tally == {"succeeded": 2}


async def test_a_failing_receiver_is_tried_again_by_the_schedule_and_recovers(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("failing", times=1) as receiver:
        endpoint, secret = await webhooks.subscribe(receiver.url)
        event = await webhooks.publish()
        waiting = await webhooks.job_client.until((await webhooks.delivery(event, endpoint)).id, State.RETRYING)
        (attempt,) = waiting.attempts
        assert (attempt["outcome"], attempt["error"]["code"], attempt["about"]["status"]) == (
            "retrying",
            "bad_status",
            500,
        )
        assert 4_500 < waiting.due_at - attempt["ended_at"] < 6_500, "5 s and some jitter"
        await redis.zadd(arq_queue("webhooks"), {waiting.id: 1}, xx=True)
        record = await webhooks.job_client.ended(waiting.id)
        assert (record.state, record.tries) == (State.SUCCEEDED, 1)
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == event
        assert first.body == second.body
        assert verified(second, secret) == json.loads(second.body)


async def test_retry_after_puts_off_the_next_try_and_the_lane(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("throttling", times=1) as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, max_in_flight=1)
        event = await webhooks.publish()
        waiting = await webhooks.job_client.until((await webhooks.delivery(event, endpoint)).id, State.RETRYING)
        assert waiting.attempts[0]["about"]["status"] == 429
        health = await webhooks.endpoints.health(endpoint.id)
        assert health.parked_until is not None
        assert 0 < health.parked_until - time.time() * 1000 <= 2_000
        later = await webhooks.publish()
        assert (await webhooks.delivered(later, endpoint)).state is State.SUCCEEDED
        assert receiver.requests[1].at - receiver.requests[0].at > 1.5


@pytest.mark.parametrize(("behaviour", "reason"), [("gone", "gone"), ("asking", "asked")])
async def test_a_receiver_may_want_no_more(redis: ArqRedis, behaviour: str, reason: str) -> None:
    async with delivering(redis) as webhooks, Receiver(behaviour) as receiver, Receiver() as listener:
        endpoint, _ = await webhooks.subscribe(receiver.url, events=["invoice.*"])
        await webhooks.subscribe(listener.url, events=["endpoint.*"])
        event = await webhooks.publish()
        record = await webhooks.delivered(event, endpoint)
        assert record.state is (State.FAILED if behaviour == "gone" else State.SUCCEEDED)
        found = await webhooks.endpoints.read("dev", endpoint.id)
        assert (found.enabled, found.disabled_reason) == (False, reason)
        (told,) = await listener.wait_for(1)
        assert json.loads(told.body)["type"] == "endpoint.disabled"
        assert json.loads(told.body)["data"] == {"endpoint": endpoint.id, "url": receiver.url, "reason": reason}
        await webhooks.job_client.ended(await webhooks.publish())
        assert len(receiver.requests) == 1, "a disabled endpoint gets nothing"


async def test_a_receiver_may_give_up_a_single_event(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("aborting") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        record = await webhooks.delivered(await webhooks.publish(), endpoint)
        assert (record.state, len(record.attempts)) == (State.FAILED, 1)
        assert record.error is not None
        assert record.error["code"] == "bad_status"
        assert record.attempts[0]["about"]["status"] == 422
        assert (await webhooks.endpoints.read("dev", endpoint.id)).enabled
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 0


@pytest.mark.parametrize("behaviour", ["truncated", "huge-headers", "bad-chunks"])
async def test_a_delivery_succeeds_by_its_status_line(redis: ArqRedis, behaviour: str) -> None:
    async with delivering(redis) as webhooks, Receiver(behaviour) as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        record = await webhooks.delivered(await webhooks.publish(), endpoint)
        assert record.state is State.SUCCEEDED
        assert record.attempts[0]["about"]["status"] == 200


async def test_an_exception_of_a_library_counts_as_a_failure_of_the_receiver(
    redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xe8", 0, 1, "invalid continuation byte")

    monkeypatch.setattr(HttpConnection, "send", broken)
    async with delivering(redis, breaker_failures=1) as webhooks, Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        delivery = await webhooks.delivery(await webhooks.publish(), endpoint)
        waiting = await webhooks.job_client.until(delivery.id, State.RETRYING)
        assert waiting.attempts[0]["error"]["code"] == "outbound_failed"
        assert (await webhooks.endpoints.health(endpoint.id)).parked_until is not None


async def test_a_broken_proxy_counts_against_no_endpoint(redis: ArqRedis) -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    async with delivering(redis, breaker_failures=1, outbound_proxy=SecretStr(proxy)) as webhooks:
        endpoint, _ = await webhooks.subscribe("http://127.0.0.1:8080/")
        delivery = await webhooks.delivery(await webhooks.publish(), endpoint)
        waiting = await webhooks.job_client.until(delivery.id, State.RETRYING)
        assert waiting.attempts[0]["error"]["code"] == "proxy_failed"
        health = await webhooks.endpoints.health(endpoint.id)
        assert (health.failures, health.failing_since, health.parked_until) == (0, None, None)


async def test_days_of_nothing_but_failure_disable_an_endpoint(redis: ArqRedis) -> None:
    async with delivering(redis, disable_after_s=1) as webhooks, Receiver("status") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.at("/status/500"))
        delivery = await webhooks.delivery(await webhooks.publish(), endpoint)
        await webhooks.job_client.until(delivery.id, State.RETRYING)
        assert (await webhooks.endpoints.read("dev", endpoint.id)).enabled
        since = (await webhooks.endpoints.health(endpoint.id)).failing_since
        assert since is not None
        await redis.hset(f"{LANE}webhooks:endpoint:{endpoint.id}", "failing_since", since - 2_000)
        await redis.zadd(arq_queue("webhooks"), {delivery.id: 1}, xx=True)
        await receiver.wait_for(2)
        await webhooks.job_client.until(delivery.id, State.RETRYING)
        found = await webhooks.endpoints.read("dev", endpoint.id)
        assert (found.enabled, found.disabled_reason) == (False, "failing")
        await redis.zadd(arq_queue("webhooks"), {delivery.id: 1}, xx=True)
        record = await webhooks.job_client.ended(delivery.id)
        assert record.error is not None
        assert record.error["code"] == "endpoint_disabled"
        assert len(receiver.requests) == 2


async def test_what_waits_for_an_endpoint_that_was_deleted_fails(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("failing", times=9) as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        delivery = await webhooks.delivery(await webhooks.publish(), endpoint)
        await webhooks.job_client.until(delivery.id, State.RETRYING)
        await webhooks.endpoints.delete("dev", endpoint.id)
        await redis.zadd(arq_queue("webhooks"), {delivery.id: 1}, xx=True)
        record = await webhooks.job_client.ended(delivery.id)
        assert record.error is not None
        assert record.error["code"] == "endpoint_gone"


async def test_during_a_rotation_both_secrets_sign(redis: ArqRedis) -> None:
    async with delivering(redis, secret_key="k" * 40) as webhooks, Receiver() as receiver:
        endpoint, old = await webhooks.subscribe(receiver.url)
        new, _ = await webhooks.endpoints.rotate("dev", endpoint.id, overlap_s=3600)
        await webhooks.delivered(await webhooks.publish(), endpoint)
        (request,) = receiver.requests
        assert verified(request, old) == verified(request, new) == json.loads(request.body)
        assert request.headers["webhook-signature"].count("v1,") == 2
        raw = await redis.hget(ENDPOINT + endpoint.id, "secrets")
        assert raw is not None
        assert old.removeprefix("whsec_").encode() not in raw


async def test_a_worker_with_the_wrong_key_costs_nobody_an_event(redis: ArqRedis) -> None:
    async with delivering(redis, secret_key="a" * 40) as webhooks, Receiver() as receiver:
        endpoint, secret = await webhooks.subscribe(receiver.url)
        key = ENDPOINT + endpoint.id
        sealed = await redis.hget(key, "secrets")
        assert sealed is not None
        await redis.hset(key, "secrets", sealed.replace(b"aes256gcm:", b"aes256gcm:AAAA"))
        delivery = await webhooks.delivery(await webhooks.publish(), endpoint)
        waiting = await webhooks.job_client.until(delivery.id, State.RETRYING)
        assert waiting.attempts[0]["error"]["code"] == "secret_unreadable"
        await redis.hset(key, "secrets", sealed)
        await redis.zadd(arq_queue("webhooks"), {delivery.id: 1}, xx=True)
        assert (await webhooks.job_client.ended(delivery.id)).state is State.SUCCEEDED
        assert verified(receiver.requests[0], secret)


async def test_the_end_of_a_job_reaches_subscribers_and_the_address_of_its_submit(redis: ArqRedis) -> None:
    key = "k" * 40
    async with delivering(redis, secret_key=SecretStr(key)) as webhooks, Receiver() as receiver, Receiver() as named:
        endpoint, secret = await webhooks.subscribe(receiver.url, events=["job.succeeded"])
        sealed = seal_url(named.at("/hook?token=t0ken"), SecretBox.of(key))
        notify = json.dumps({"url": sealed})
        job = await webhooks.job_client.submit("echo", notify=notify, address="https://pressroom.example")
        await webhooks.job_client.ended(job)
        (request,) = await receiver.wait_for(1)
        told = verified(request, secret)
        assert isinstance(told, dict)
        assert (told["type"], told["data"]["id"]) == ("job.succeeded", job)
        assert told["data"]["links"]["self"] == f"https://pressroom.example/v1/jobs/{job}"
        (other,) = await named.wait_for(1)
        assert other.body == request.body
        assert "webhook-signature" not in other.headers, "its submit gave no secret"
        event = request.headers["webhook-id"]
        delivery = await webhooks.delivered(event, ONE_OFF)
        assert delivery.state is State.SUCCEEDED
        assert other.path == "/hook?token=t0ken"
        assert delivery.attempts[0]["about"]["url"] == named.at("/hook?token=***")
        assert (await webhooks.delivered(event, endpoint)).state is State.SUCCEEDED


async def test_a_test_event_goes_to_one_endpoint_once_even_if_it_is_disabled_or_parked(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("failing", times=1) as receiver, Receiver() as other:
        endpoint, _ = await webhooks.subscribe(receiver.url, enabled=False)
        await webhooks.subscribe(other.url)
        event = await webhooks.publish("endpoint.test", endpoint=endpoint.id)
        record = await webhooks.delivered(event, endpoint)
        assert (record.state, len(record.attempts)) == (State.FAILED, 1)
        assert record.error is not None
        assert record.error["code"] == "bad_status"
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 0
        assert other.requests == []


async def test_recovery_delivers_anew_what_failed_since_a_time(redis: ArqRedis) -> None:
    async with delivering(redis, breaker_failures=100) as webhooks, Receiver("gone") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        events = []
        for _ in range(3):
            events.append(await webhooks.publish())
            assert (await webhooks.delivered(events[-1], endpoint)).state is State.FAILED
            await webhooks.endpoints.enable("dev", endpoint.id)
        receiver.behaviour = "fast"
        since = (await webhooks.delivery(events[1], endpoint)).created_at
        asked = Submission("recovery", "default", "dev", json.dumps({"endpoint": endpoint.id, "since": since}))
        job = await webhooks.job_client.enqueuer.enqueue(asked)
        assert (await webhooks.job_client.ended(job.job_id)).result == {"found": 2, "redelivered": 2, "missed": 0}
        for event in events[1:]:
            record = await webhooks.job_client.until((await webhooks.delivery(event, endpoint)).id, State.SUCCEEDED)
            assert [one["outcome"] for one in record.attempts] == ["failed", "succeeded"]
        assert (await webhooks.delivery(events[0], endpoint)).state is State.FAILED


async def test_what_was_packed_is_delivered_anew(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver() as receiver:
        endpoint, secret = await webhooks.subscribe(receiver.url)
        event = await webhooks.publish(data={"text": "x" * 100})
        delivery = await webhooks.delivered(event, endpoint)
        await webhooks.job_client.ended(event)
        assert await pack_all(redis, Settings(_env_file=None)) == 2
        assert await redis.hget(JOB + event, "params") == b"{}"
        assert await JobStore(redis, Settings(_env_file=None)).reopen([delivery.id]) == ["reopened"]
        record = await webhooks.job_client.ended(delivery.id)
        assert (record.state, len(record.attempts)) == (State.SUCCEEDED, 2)
        first, second = receiver.requests
        assert verified(second, secret) == json.loads(first.body)


async def test_a_slow_neighbour_holds_up_nobody(redis: ArqRedis) -> None:
    async with delivering(redis) as webhooks, Receiver("silent") as hanging, Receiver() as fast:
        await webhooks.subscribe(hanging.url, max_in_flight=2)
        endpoint, _ = await webhooks.subscribe(fast.url)
        events = await asyncio.gather(*(webhooks.publish() for _ in range(20)))
        await fast.wait_for(20)
        assert {request.headers["webhook-id"] for request in fast.requests} == set(events)
        assert len(hanging.requests) == 2, "its cap"
        page = await read_page(redis, indexes.of_endpoint(endpoint.id), limit=50)
        assert len(page.records) == 20


async def test_a_tripped_breaker_parks_the_lane_until_a_probe_succeeds(redis: ArqRedis) -> None:
    async with (
        delivering(redis, breaker_failures=2, breaker_pause_s=0.2) as webhooks,
        Receiver("failing", times=3) as receiver,
    ):
        endpoint, _ = await webhooks.subscribe(receiver.url, max_in_flight=1)
        events = [await webhooks.publish() for _ in range(6)]
        await receiver.wait_for(6)
        failed = {request.headers["webhook-id"] for request in receiver.requests[:3]}
        assert len(failed) == 3, "each probe is a delivery that was not tried before"
        for event in set(events) - failed:
            assert (await webhooks.delivered(event, endpoint)).tries == 0, (
                "what waited in the parked lane used up no try"
            )
        assert receiver.requests[2].at - receiver.requests[1].at >= 0.15, "parked"
        assert receiver.requests[3].at - receiver.requests[2].at >= 0.31, "twice as long after a failed probe"
        assert (await webhooks.endpoints.health(endpoint.id)).failures == 0
