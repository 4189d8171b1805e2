"""POST /v1/endpoints/{id}/test and /recovery, with workers and without."""

import time
from typing import Any

import httpx
import pytest
import standardwebhooks
from arq.connections import ArqRedis

from tasks.queue.lanes.lane_controls import LaneControls
from tasks.settings import Settings
from tasks.webhook.events import delivery_id
from tests.support.api.subscribers import delivering, listed, publish, subscribe, time_of
from tests.support.receivers import Receiver


class TestTest:
    async def test_it_answers_what_happened(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        endpoint = await subscribe(alice, receiver.url, "order.paid")
        await subscribe(alice, receiver.at("/other"))
        async with delivering(redis, settings):
            answer = await alice.post(f"/v1/endpoints/{endpoint['id']}/test")
        delivery = answer.json()
        assert (answer.status_code, delivery["state"], delivery["type"]) == (200, "succeeded", "endpoint.test")
        assert [attempt["status"] for attempt in delivery["attempts"]] == [200]
        [request] = receiver.requests
        told = standardwebhooks.Webhook(endpoint["secret"]).verify(request.body.decode(), request.headers)
        assert (told["type"], told["data"]) == ("endpoint.test", {"endpoint": endpoint["id"]})

    async def test_a_failure_is_an_answer_and_is_not_tried_again(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        endpoint = await subscribe(alice, receiver.at("/status/500"))
        async with delivering(redis, settings):
            answer = await alice.post(f"/v1/endpoints/{endpoint['id']}/test")
        assert (answer.status_code, answer.json()["state"]) == (200, "failed")
        assert answer.json()["error"]["code"] == "bad_status"
        assert (await alice.get(f"/v1/endpoints/{endpoint['id']}")).json()["health"]["failures"] == 0

    async def test_it_reaches_one_that_is_parked_or_disabled(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        endpoint = await subscribe(alice, receiver.url, enabled=False)
        await LaneControls(redis).park("webhooks", f"endpoint:{endpoint['id']}", 60_000)
        async with delivering(redis, settings):
            answer = await alice.post(f"/v1/endpoints/{endpoint['id']}/test")
        assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
        await alice.delete(f"/v1/endpoints/{endpoint['id']}")


class TestWithoutAWorker:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_wait_s": 0.1})

    async def test_the_answer_comes_later(self, alice: httpx.AsyncClient) -> None:
        endpoint = await subscribe(alice)
        answer = await alice.post(f"/v1/endpoints/{endpoint['id']}/test")
        assert (answer.status_code, answer.json()["kind"]) == (202, "event")
        later = delivery_id(answer.json()["id"], endpoint["id"])
        assert answer.headers["Location"] == f"/v1/deliveries/{later}"


class TestRecovery:
    async def test_what_failed_since_then_is_delivered_anew(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        endpoint = await subscribe(alice, receiver.at("/gone"), "order.*")
        path = f"/v1/endpoints/{endpoint['id']}"
        since = time_of(int(time.time() * 1000) - 1)
        async with delivering(redis, settings):
            event_id = await publish(alice)
            await listed(alice, 1, state="failed")
            refused = await alice.post(f"{path}/recovery", json={"since": since})
            await alice.patch(path, json={"enabled": True, "url": receiver.at("/fast")})
            answer = await alice.post(f"{path}/recovery", json={"since": since})
            job = (await alice.get(f"{answer.headers['Location']}?wait=10")).json()
            [delivery] = await listed(alice, 1, state="succeeded")
        assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
        assert (answer.status_code, answer.json()["kind"]) == (202, "recovery")
        assert (job["state"], job["result"]) == ("succeeded", {"found": 1, "redelivered": 1, "missed": 0})
        assert delivery["event"] == event_id
        assert [attempt["status"] for attempt in delivery["attempts"]] == [410, 200]

    async def test_it_counts_first_and_sends_no_more_than_were_counted(
        self, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
    ) -> None:
        off = await subscribe(alice, receiver.url, "order.*", enabled=False)
        path = f"/v1/endpoints/{off['id']}"
        since = time_of(int(time.time() * 1000) - 1)

        async def recovered(**more: Any) -> dict[str, Any]:
            answer = await alice.post(f"{path}/recovery", json={"since": since, **more})
            job: dict[str, Any] = (await alice.get(f"{answer.headers['Location']}?wait=10")).json()
            return job

        async with delivering(redis, settings):
            for _ in range(2):
                event = await publish(alice)
                await alice.get(f"/v1/jobs/{event}?wait=10")
            await alice.patch(path, json={"enabled": True})
            counted = (await recovered(dry_run=True))["result"]
            too_many = await recovered(expect=1)
            assert receiver.requests == []
            sent = await recovered(expect=2)
            assert (await recovered(dry_run=True))["result"]["missed"] == 0, "they have deliveries now"
        assert counted == {"found": 0, "redelivered": 0, "missed": 2}
        assert (too_many["state"], too_many["error"]["code"]) == ("failed", "more_than_expected")
        assert "2 deliveries would be sent" in too_many["error"]["message"]
        assert (sent["state"], sent["result"]["missed"]) == ("succeeded", 2)

    async def test_a_bad_field_is_named(self, alice: httpx.AsyncClient) -> None:
        path = f"/v1/endpoints/{(await subscribe(alice))['id']}/recovery"
        for body, field in (({}, "since"), ({"since": "lately"}, "since"), ({"since": None, "all": 1}, "since")):
            answer = await alice.post(path, json=body)
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
                422,
                "invalid_request",
                field,
            )
