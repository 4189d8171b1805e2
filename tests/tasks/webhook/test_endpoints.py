"""The store of endpoints: record, index, subscriptions and lane change together."""

import asyncio
import json
from typing import Final

import pytest
from arq.connections import ArqRedis

from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records.indexes import of_endpoint
from tasks.queue.records.list import read, read_page
from tasks.queue.redis_keys import ENDPOINT, ENDPOINTS, JOBS, LANE, PARKED
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.custom_headers import UNREADABLE
from tasks.webhook.endpoint_record import EndpointPatch, EndpointRecord, live_keys, open_headers
from tasks.webhook.endpoints import MAX_SECRETS, Endpoints, open_box
from tasks.webhook.secret_box import SecretBox
from tasks.webhook.signature import key_of, new_secret
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import deliveries

URL = "https://example.com/hook"


async def made(endpoints: Endpoints, *events: str, owner: str = "dev", **more: object) -> EndpointRecord:
    patch: EndpointPatch = {"url": URL, "events": list(events or ("*",)), **more}  # type: ignore[typeddict-item]
    return (await endpoints.create(owner, patch))[0]


async def fail(redis: ArqRedis, endpoint: EndpointRecord) -> None:
    """Let the endpoint have failed so often that its lane is parked."""
    await redis.hset(
        f"{LANE}webhooks:{LaneId('endpoint', endpoint.id)}", mapping={"failures": 7, "trips": 2, "failing_since": 1_000}
    )
    await LaneControls(redis).park("webhooks", str(LaneId("endpoint", endpoint.id)), 3_600_000)


async def waiting(redis: ArqRedis, endpoint: EndpointRecord, count: int) -> list[str]:
    """Ids of so many deliveries that wait for an endpoint."""
    ids = await deliveries(redis, count, endpoint=endpoint.id)
    await redis.persist(ENDPOINT + endpoint.id)
    return ids


async def parked(redis: ArqRedis, endpoint: EndpointRecord) -> bool:
    return await redis.zscore(f"{PARKED}webhooks", str(LaneId("endpoint", endpoint.id))) is not None


async def lane(redis: ArqRedis, endpoint: EndpointRecord) -> dict[str, str]:
    fields = await redis.hgetall(f"{LANE}webhooks:{LaneId('endpoint', endpoint.id)}")
    return {name.decode(): value.decode() for name, value in fields.items()}


async def told(redis: ArqRedis, owner: str = "dev") -> list[dict[str, object]]:
    """The params of the events that were announced."""
    return [json.loads(record.params) for record in (await read_page(redis, f"{owner}/event")).records]


async def test_an_endpoint_is_read_back_as_it_was_created(endpoints: Endpoints) -> None:
    patch: EndpointPatch = {
        "url": URL,
        "events": ["job.*", "order.paid"],
        "description": "Büro",
        "headers": {"X-Team": "billing"},
        "rate_limit": 2.5,
        "max_in_flight": 3,
    }
    endpoint, _ = await endpoints.create("dev", patch)
    assert endpoint == await endpoints.read("dev", endpoint.id)
    assert (endpoint.url, endpoint.events, endpoint.description) == (URL, ("job.*", "order.paid"), "Büro")
    assert (endpoint.headers, endpoint.rate_limit, endpoint.max_in_flight) == ({"X-Team": "billing"}, 2.5, 3)
    assert (endpoint.enabled, endpoint.disabled_reason) == (True, None)
    assert endpoint.created_at == endpoint.changed_at


async def test_only_its_owner_has_it(endpoints: Endpoints) -> None:
    endpoint = await made(endpoints)
    attempts = (
        endpoints.read("eve", endpoint.id),
        endpoints.change("eve", endpoint.id, {"enabled": False}),
        endpoints.rotate("eve", endpoint.id),
        endpoints.delete("eve", endpoint.id),
        endpoints.read("dev", "0" * 32),
    )
    for attempt in attempts:
        with pytest.raises(Refusal, match="not_found"):
            await attempt
    assert await endpoints.page("eve", 10, None) == ([], None)
    assert await endpoints.read("dev", endpoint.id) == endpoint


async def test_pages_follow_each_other_newest_first(redis: ArqRedis, endpoints: Endpoints) -> None:
    all_ids = [(await made(endpoints)).id for _ in range(3)]
    for number, one in enumerate(all_ids):
        await redis.zadd(ENDPOINTS + "dev", {one: number})
    first, cursor = await endpoints.page("dev", 2, None)
    rest, end = await endpoints.page("dev", 2, cursor)
    assert [one.id for one in (*first, *rest)] == all_ids[::-1]
    assert end is None
    with pytest.raises(Refusal, match="cursor"):
        await endpoints.page("dev", 2, "é")


async def test_no_more_than_the_limit_even_at_once(redis: ArqRedis, endpoints: Endpoints) -> None:
    answers = await asyncio.gather(*(made(endpoints) for _ in range(6)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [(one.code, one.limit) for one in refused] == [("too_many_endpoints", 3)] * 3
    assert await redis.zcard(ENDPOINTS + "dev") == len([key async for key in redis.scan_iter(ENDPOINT + "*")]) == 3
    assert (await made(endpoints, owner="bob")).owner == "bob"


class TestDisabling:
    async def test_it_says_why_and_since_when(self, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints)
        assert await endpoints.disable(endpoint.id, "failing")
        found = await endpoints.read("dev", endpoint.id)
        assert (found.enabled, found.disabled_reason) == (False, "failing")
        assert found.disabled_at is not None
        assert found.disabled_at >= endpoint.created_at

    async def test_the_first_reason_stays_and_is_told_once(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        await made(endpoints, "endpoint.disabled")
        endpoint = await made(endpoints, "order.paid")
        answers = await asyncio.gather(*(endpoints.disable(endpoint.id, reason) for reason in ("gone", "failing")))
        assert sorted(answers) == [False, True]
        await endpoints.change("dev", endpoint.id, {"enabled": False})
        assert (await endpoints.read("dev", endpoint.id)).disabled_reason in ("gone", "failing")
        assert len(await told(redis)) == 1

    async def test_one_that_is_gone_is_no_news(self, endpoints: Endpoints) -> None:
        assert not await endpoints.disable("0" * 32, "gone")

    async def test_enabling_clears_what_was_held_against_it(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints)
        await fail(redis, endpoint)
        await endpoints.disable(endpoint.id, "failing")
        assert (await endpoints.health(endpoint.id)).failures == 7
        found = await endpoints.enable("dev", endpoint.id)
        assert (found.enabled, found.disabled_reason, found.disabled_at) == (True, None, None)
        assert await lane(redis, endpoint) == {}
        assert not await parked(redis, endpoint)


class TestLane:
    async def test_it_has_the_limits_that_the_endpoint_names(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints, rate_limit=0.5, max_in_flight=4)
        assert await lane(redis, endpoint) == {"rate": "0.5", "cap": "4"}
        await endpoints.change("dev", endpoint.id, {"max_in_flight": None})
        assert await lane(redis, endpoint) == {"rate": "0.5"}
        changed = await endpoints.change("dev", endpoint.id, {"rate_limit": None})
        assert (await lane(redis, endpoint), changed.rate_limit) == ({}, None)

    async def test_a_raised_rate_holds_at_once(self, redis: ArqRedis, endpoints: Endpoints, settings: Settings) -> None:
        endpoint, worker = await made(endpoints, rate_limit=0.001), FakeWorker(redis, settings)
        ids = await waiting(redis, endpoint, 3)
        assert (await worker.claim(webhooks=9)).ids == ids[:1]
        assert (await worker.claim(webhooks=9)).ids == []
        await endpoints.change("dev", endpoint.id, {"rate_limit": None})
        assert (await worker.claim(webhooks=9)).ids == ids[1:]

    async def test_another_address_is_tried_at_once_but_other_words_are_not(
        self, redis: ArqRedis, endpoints: Endpoints, settings: Settings
    ) -> None:
        endpoint, worker = await made(endpoints), FakeWorker(redis, settings)
        await fail(redis, endpoint)
        ids = await waiting(redis, endpoint, 2)
        await endpoints.change("dev", endpoint.id, {"description": "still failing", "max_in_flight": 9})
        assert (await worker.claim(webhooks=9)).ids == []
        await endpoints.change("dev", endpoint.id, {"url": "https://example.com/elsewhere"})
        assert set((await worker.claim(webhooks=9)).ids) == set(ids)

    async def test_health_tells_of_failures_parking_and_deliveries(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints)
        health = await endpoints.health(endpoint.id)
        assert (health.failures, health.failing_since, health.parked_until, health.deliveries) == (0, None, None, {})
        await waiting(redis, endpoint, 2)
        await fail(redis, endpoint)
        health = await endpoints.health(endpoint.id)
        assert (health.failures, health.failing_since, health.deliveries) == (7, 1_000, {"queued": 2})
        assert health.parked_until is not None
        assert health.parked_until > endpoint.created_at


class TestSecrets:
    async def test_the_one_that_was_shown_signs_and_lies_sealed(
        self, redis: ArqRedis, endpoints: Endpoints, box: SecretBox
    ) -> None:
        endpoint, secret = await endpoints.create("dev", {"url": URL, "events": ["*"]})
        assert live_keys(endpoint, box, endpoint.created_at) == [key_of(secret)]
        assert secret.removeprefix("whsec_") not in str(await redis.hgetall(ENDPOINT + endpoint.id))

    async def test_old_ones_sign_until_their_time(self, endpoints: Endpoints, box: SecretBox) -> None:
        endpoint, first = await endpoints.create("dev", {"url": URL, "events": ["*"]}, new_secret())
        given = new_secret()
        second, until_ms = await endpoints.rotate("dev", endpoint.id, given, overlap_s=60)
        endpoint = await endpoints.read("dev", endpoint.id)
        assert second == given
        assert live_keys(endpoint, box, until_ms - 1) == [key_of(second), key_of(first)]
        assert live_keys(endpoint, box, until_ms) == [key_of(second)]

    async def test_the_overlap_is_the_settings_unless_it_is_named(
        self, endpoints: Endpoints, settings: Settings
    ) -> None:
        endpoint = await made(endpoints)
        _, until_ms = await endpoints.rotate("dev", endpoint.id)
        assert until_ms >= endpoint.created_at + settings.secret_overlap_s * 1000

    async def test_an_overlap_of_nothing_forgets_them_all(self, endpoints: Endpoints, box: SecretBox) -> None:
        endpoint = await made(endpoints)
        await endpoints.rotate("dev", endpoint.id, overlap_s=600)
        last, _ = await endpoints.rotate("dev", endpoint.id, overlap_s=0)
        endpoint = await endpoints.read("dev", endpoint.id)
        assert live_keys(endpoint, box, 0) == [key_of(last)]

    async def test_only_so_many_live_at_once(self, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints)
        for _ in range(MAX_SECRETS - 1):
            await endpoints.rotate("dev", endpoint.id)
        with pytest.raises(Refusal, match="too_many_secrets"):
            await endpoints.rotate("dev", endpoint.id)
        assert len((await endpoints.read("dev", endpoint.id)).secrets) == MAX_SECRETS
        await endpoints.rotate("dev", endpoint.id, overlap_s=0)
        assert len((await endpoints.read("dev", endpoint.id)).secrets) == 1

    async def test_two_at_once_are_both_there(self, endpoints: Endpoints, box: SecretBox) -> None:
        endpoint = await made(endpoints)
        pairs = await asyncio.gather(*(endpoints.rotate("dev", endpoint.id) for _ in range(2)))
        live = live_keys(await endpoints.read("dev", endpoint.id), box, endpoint.created_at)
        assert {key_of(secret) for secret, _ in pairs} < set(live)
        assert len(live) == 3

    async def test_a_bad_one_is_refused_before_anything_is_written(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        with pytest.raises(Refusal, match="invalid_secret"):
            await endpoints.create("dev", {"url": URL, "events": ["*"]}, "whsec_short")
        assert [key async for key in redis.scan_iter("*")] == []

    async def test_without_its_key_a_process_cannot_read_it(self, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints)
        with pytest.raises(Refusal, match="secret_unreadable"):
            live_keys(endpoint, SecretBox(["x" * 32]), 0)


class TestDeletion:
    async def test_nothing_of_it_is_left(self, redis: ArqRedis, endpoints: Endpoints) -> None:
        endpoint = await made(endpoints, "a", "b.*", rate_limit=1, max_in_flight=2)
        await fail(redis, endpoint)
        await endpoints.delete("dev", endpoint.id)
        assert [key async for key in redis.scan_iter("*")] == []

    async def test_what_waits_for_it_goes_on_and_its_indexes_expire(
        self, redis: ArqRedis, endpoints: Endpoints, settings: Settings
    ) -> None:
        endpoint, worker = await made(endpoints, max_in_flight=1), FakeWorker(redis, settings)
        await waiting(redis, endpoint, 2)
        running = await worker.one(webhooks=9)
        await fail(redis, endpoint)
        await endpoints.delete("dev", endpoint.id)
        following = (await worker.claim(webhooks=9)).jobs
        assert len(following) == 1
        for job in (running, *following):
            assert await worker.finish(job, "failed", fields=("error", '{"code": "endpoint_gone"}'))
            record = await read(redis, job.id)
            assert record is not None
            assert record.state == "failed"
        job_index = f"{JOBS}{of_endpoint(endpoint.id)}"
        assert {b"", *(job.id.encode() for job in (running, *following))} >= set(
            await redis.zrange(f"{job_index}:failed", 0, -1)
        )
        lasting = [key async for key in redis.scan_iter(f"{job_index}*") if await redis.ttl(key) < 0]
        assert lasting == []


def in_production(**changes: object) -> Settings:
    return Settings.model_validate({"dev": False, **changes})


def test_production_needs_a_key_to_seal_with() -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        open_box(in_production())
    box = open_box(in_production(secret_key="s" * 32))
    assert box.open(box.seal("text", "it"), "it") == "text"
    assert "text" not in box.seal("text", "it")


def test_in_development_secrets_may_lie_open() -> None:
    assert "text" in open_box(Settings(_env_file=None)).seal("text", "it")


class TestHeaders:
    HEADERS: Final = {"X-Token": "gateway-4711"}

    async def test_their_values_are_stored_encrypted(
        self, redis: ArqRedis, endpoints: Endpoints, box: SecretBox
    ) -> None:
        endpoint = await made(endpoints, headers=self.HEADERS)
        fields = await redis.hgetall(ENDPOINT + endpoint.id)
        assert "4711" not in str(fields)
        assert endpoint.headers == self.HEADERS
        assert open_headers(EndpointRecord.from_hash(endpoint.id, fields), box) == self.HEADERS
        assert [one.headers for one in (await endpoints.page("dev", 5, None))[0]] == [self.HEADERS]

    async def test_those_of_an_earlier_version_are_read_and_encrypted_with_the_next_change(
        self, redis: ArqRedis, endpoints: Endpoints
    ) -> None:
        endpoint = await made(endpoints, headers={"X-Older": "4713"})
        await redis.hset(ENDPOINT + endpoint.id, "headers", json.dumps(self.HEADERS))
        assert (await endpoints.read("dev", endpoint.id)).headers == self.HEADERS
        changed = await endpoints.change("dev", endpoint.id, {"headers": {"X-Other": "4712"}})
        assert changed.headers == {"X-Other": "4712"}
        assert "471" not in str(await redis.hgetall(ENDPOINT + endpoint.id))

    async def test_with_another_key_they_are_shown_as_unreadable_and_can_be_set_anew(
        self, redis: ArqRedis, settings: Settings, endpoints: Endpoints
    ) -> None:
        endpoint = await made(endpoints, headers=self.HEADERS)
        others = Endpoints(redis, settings, SecretBox(["o" * 32]))
        assert (await others.read("dev", endpoint.id)).headers == {"X-Token": UNREADABLE}
        assert (await others.change("dev", endpoint.id, {"headers": self.HEADERS})).headers == self.HEADERS
