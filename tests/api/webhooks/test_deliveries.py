"""/v1/deliveries: what was sent, what was answered, and sending it again."""

import asyncio
import time

import httpx
from arq.connections import ArqRedis

from api.webhooks.delivery_views import Delivery
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, JOBS
from tasks.settings import Settings
from tasks.webhook.events import delivery_id
from tests.support.api.subscribers import delivering, listed, publish, subscribe, time_of
from tests.support.receivers import Receiver


async def test_a_delivery_tells_its_story(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.at("/status/503"))
    async with delivering(redis, settings):
        event_id = await publish(alice)
        [shown] = await listed(alice, 1, state="retrying")
    delivery = Delivery.model_validate((await alice.get(f"/v1/deliveries/{shown['id']}")).json())
    waits = delivery.waiting_for or []
    assert [(one.reason, one.until) for one in waits] == [("due_time", delivery.due_at)]
    assert delivery.model_copy(update={"waiting_for": None}) == Delivery.model_validate(shown)
    assert (delivery.event, delivery.endpoint, delivery.type) == (event_id, endpoint["id"], "order.paid")
    assert delivery.links.self.endswith(f"/v1/deliveries/{delivery.id}")
    assert delivery.due_at is not None
    assert delivery.due_at > delivery.created_at
    [attempt] = delivery.attempts
    assert (attempt.number, attempt.outcome, attempt.status, attempt.address) == (1, "retrying", 503, "127.0.0.1")
    assert (attempt.url, attempt.answer) == (receiver.at("/status/503"), "as you asked")
    assert attempt.error is not None
    assert attempt.error.code == "bad_status"
    assert attempt.timing is not None
    assert attempt.timing.keys() >= {"connect", "wait", "read", "total"}
    assert 0 <= attempt.timing["wait"] <= attempt.timing["total"] < 5_000


async def test_a_list_goes_by_endpoint_event_state_and_time(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    good = (await subscribe(alice, receiver.at("/fast")))["id"]
    bad = (await subscribe(alice, receiver.at("/gone"), "order.paid"))["id"]
    async with delivering(redis, settings):
        first = await publish(alice)
        await listed(alice, 2, event=first)
        await listed(alice, 1, state="failed")
        await asyncio.sleep(0.002)
        between = time_of(int(time.time() * 1000))
        await asyncio.sleep(0.002)
        second = await publish(alice, "order.sent")
        await listed(alice, 2, state="succeeded")

    async def ids(**query: str) -> set[str]:
        answer = await alice.get("/v1/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        return {delivery["id"] for delivery in answer.json()["deliveries"]}

    one, two, failed = delivery_id(first, good), delivery_id(second, good), delivery_id(first, bad)
    told = {one, two, failed}
    # The endpoint that answered 410 was disabled, and the other one, which asked for everything, was told of it.
    [notice] = await ids(state="succeeded") - told
    assert await ids() == {*told, notice}
    assert await ids(endpoint=good) == {one, two, notice}
    assert await ids(endpoint=bad) == {failed}
    assert await ids(event=first) == {one, failed}
    assert await ids(event=first, endpoint=bad) == {failed}
    assert await ids(event=second, endpoint=bad) == set()
    assert await ids(state="failed") == await ids(event=first, state="failed") == {failed}
    assert await ids(endpoint=good, state="failed") == set()
    assert await ids(since=between) - {notice} == {two}
    assert await ids(until=between.removesuffix("Z")) - {notice} == {one, failed}
    assert await ids(since=between, until=between) - {notice} == set()
    assert (await alice.get("/v1/jobs?kind=delivery")).status_code == 200


async def test_pages_follow_each_other_to_the_end(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.url)
    async with delivering(redis, settings):
        events = {await publish(alice) for _ in range(5)}
        await listed(alice, 5, state="succeeded")
    query, sizes, seen = {"limit": "2"}, [], set()
    while True:
        page = (await alice.get("/v1/deliveries", params=query)).json()
        sizes.append(len(page["deliveries"]))
        seen |= {delivery["event"] for delivery in page["deliveries"]}
        if "next" not in page:
            break
        query["cursor"] = page["next"]
    assert (sizes, seen) == ([2, 2, 1], events)


async def test_a_bad_filter_is_named(alice: httpx.AsyncClient) -> None:
    for name, value in (
        ("limit", "0"),
        ("state", "lost"),
        ("since", "yesterday"),
        ("until", "2026-13-01"),
        ("cursor", "é"),
        ("owner", "*"),
    ):
        answer = await alice.get("/v1/deliveries", params={name: value})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", name)


async def test_anothers_deliveries_are_not_found(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.url)
    async with delivering(redis, settings):
        event_id = await publish(alice)
        [delivery] = await listed(alice, 1, state="succeeded")
    paths = [
        f"/v1/deliveries?event={event_id}",
        f"/v1/deliveries?endpoint={endpoint['id']}",
        f"/v1/deliveries/{delivery['id']}",
        f"/v1/deliveries/{'0' * 32}",
    ]
    for path in paths:
        answer = await bob.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    # A job is no delivery, and a delivery no event, though they are alike underneath.
    for path in (f"/v1/deliveries/{event_id}", f"/v1/deliveries?event={delivery['id']}"):
        assert (await alice.get(path)).status_code == 404
    for one in (delivery["id"], event_id, "0" * 32):
        assert (await bob.post(f"/v1/deliveries/{one}/redelivery")).status_code == 404
    assert (await bob.get("/v1/deliveries")).json() == {"deliveries": []}
    assert len(receiver.requests) == 1


async def test_those_of_a_deleted_endpoint_are_found_among_the_jobs(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.url)
    async with delivering(redis, settings):
        await publish(alice)
        [delivery] = await listed(alice, 1, state="succeeded")
    assert (await alice.delete(f"/v1/endpoints/{endpoint['id']}")).status_code == 204
    page = (await alice.get("/v1/jobs?limit=1", params={"endpoint": endpoint["id"]})).json()
    assert [(job["id"], job["state"]) for job in page["jobs"]] == [(delivery["id"], "succeeded")]
    assert "next" not in page
    for state in State:
        assert await redis.zcard(f"{JOBS}endpoint/{endpoint['id']}:{state}"), "else it would not expire"
    assert (await bob.get("/v1/jobs", params={"endpoint": endpoint["id"]})).json() == {"jobs": []}


async def test_an_expired_one_is_gone(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.url)
    async with delivering(redis, settings):
        await publish(alice)
        [delivery] = await listed(alice, 1, state="succeeded")
    await redis.hset(JOB + delivery["id"], "expires_at", 1)  # a week passes
    for method, path in (("GET", ""), ("POST", "/redelivery")):
        answer = await alice.request(method, f"/v1/deliveries/{delivery['id']}{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    assert (await alice.get("/v1/deliveries")).json() == {"deliveries": []}


class TestCancellation:
    async def test_one_that_waits_is_given_up_and_an_ordered_endpoint_gets_the_next(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        async with Receiver("failing", times=1) as receiver, delivering(redis, settings):
            await subscribe(alice, receiver.url, ordered=True)
            events = [await publish(alice, number=number) for number in range(3)]
            [first] = await listed(alice, 1, state="retrying")
            assert first["event"] == events[0]
            assert len(receiver.requests) == 1, "the others wait for it"
            answer = await alice.post(f"/v1/deliveries/{first['id']}/cancellation")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
            await listed(alice, 2, state="succeeded")
            again = await alice.post(f"/v1/deliveries/{first['id']}/cancellation")
            assert again.status_code == 200
            assert (await alice.post(f"/v1/deliveries/{first['id']}/redelivery")).status_code == 202
            done = await listed(alice, 3, state="succeeded")
        assert [request.headers["webhook-id"] for request in receiver.requests] == [*events, events[0]]
        answer = await alice.post(f"/v1/deliveries/{done[0]['id']}/cancellation")
        assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (
            409,
            "already_ended",
            "succeeded",
        )

    async def test_one_that_is_under_way_is_stopped(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        async with Receiver("silent") as receiver, delivering(redis, settings):
            await subscribe(alice, receiver.url)
            await publish(alice)
            await receiver.wait_for(1)
            [delivery] = await listed(alice, 1, state="running")
            answer = await alice.post(f"/v1/deliveries/{delivery['id']}/cancellation")
            assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


class TestRedelivery:
    async def test_the_same_event_is_sent_again_with_the_story_so_far(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        await subscribe(alice, receiver.url)
        async with delivering(redis, settings):
            event_id = await publish(alice)
            [delivery] = await listed(alice, 1, state="succeeded")
            answer = await alice.post(f"/v1/deliveries/{delivery['id']}/redelivery")
            assert (answer.status_code, answer.json()["id"]) == (202, delivery["id"])
            first, second = await receiver.wait_for(2)
            [again] = await listed(alice, 1, state="succeeded")
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == event_id
        assert [attempt["outcome"] for attempt in again["attempts"]] == ["succeeded", "succeeded"]

    async def test_one_that_waits_for_its_next_try_has_it_now(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        async with Receiver("failing", times=1) as receiver, delivering(redis, settings):
            await subscribe(alice, receiver.url)
            await publish(alice)
            [delivery] = await listed(alice, 1, state="retrying")
            await alice.post(f"/v1/deliveries/{delivery['id']}/redelivery")
            [done] = await listed(alice, 1, state="succeeded")
        assert [attempt["status"] for attempt in done["attempts"]] == [500, 200]

    async def test_what_cannot_be_sent_any_more_says_why(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        kept, gone = await subscribe(alice, receiver.url), await subscribe(alice, receiver.url)
        async with delivering(redis, settings):
            event_id = await publish(alice)
            await listed(alice, 2, state="succeeded")

        async def refused(endpoint: str) -> tuple[int, str]:
            answer = await alice.post(f"/v1/deliveries/{delivery_id(event_id, endpoint)}/redelivery")
            return answer.status_code, answer.json()["code"]

        await alice.patch(f"/v1/endpoints/{kept['id']}", json={"enabled": False})
        assert await refused(kept["id"]) == (409, "endpoint_disabled")
        await alice.delete(f"/v1/endpoints/{gone['id']}")
        assert await refused(gone["id"]) == (410, "endpoint_gone")
        await redis.delete(JOB + event_id)
        assert await refused(kept["id"]) == (410, "event_gone")
        assert len(receiver.requests) == 2
