"""Owners over HTTP: their records, their suspension, and quotas that a request exceeds."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.account_keys import STORED
from tasks.settings import Settings
from tests.support.api.serving import client_of
from tests.support.eventually import eventually

EVENT = {"type": "order.paid", "data": {}}
ENDPOINT = {"url": "http://127.0.0.1:8080/hooks", "events": ["order.*"]}
REPORT = {"document": {"title": "House rules"}, "blocks": [{"type": "text", "text": "Be kind."}]}
SCHEDULE = {"cron": "0 6 * * *", "job": {"kind": "event", **EVENT}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def give(alice: httpx.AsyncClient, bob: httpx.AsyncClient, **quotas: int) -> None:
    """Let bob have these quotas, and his web process know of them."""
    answer = await alice.post("/v1/owners", json={"name": "bob", "quotas": quotas})
    assert answer.status_code == 201, answer.text
    await bob.get("/v1/usage")


async def suspended(bob: httpx.AsyncClient) -> httpx.Response | None:
    answer = await bob.get("/v1/jobs")
    return answer if answer.status_code == 403 else None


async def let_in(bob: httpx.AsyncClient) -> bool:
    return (await bob.get("/v1/jobs")).status_code == 200


class TestRecords:
    async def test_an_admin_makes_reads_changes_and_lists_them(self, alice: httpx.AsyncClient) -> None:
        made = await alice.post("/v1/owners", json={"name": "acme", "note": "Trial", "quotas": {"endpoints": 5}})
        assert (made.status_code, made.headers["location"]) == (201, "/v1/owners/acme")
        owner = made.json()
        assert owner["quotas"]["endpoints"] == 5
        assert owner["quotas"]["schedules"] == 100, "the setting's"
        assert (owner["own_quotas"], owner["suspended"]) == (["endpoints"], False)
        changed = await alice.patch("/v1/owners/acme", json={"note": "", "quotas": {"endpoints": None, "schedules": 2}})
        assert (changed.json()["own_quotas"], "note" in changed.json()) == (["schedules"], False)
        assert (await alice.get("/v1/owners/acme")).json() == changed.json()
        assert (await alice.get("/v1/owners")).json() == {"owners": [changed.json()]}
        again = await alice.post("/v1/owners", json={"name": "acme"})
        assert (again.status_code, again.json()["code"]) == (409, "owner_exists")

    async def test_others_have_no_part_in_it(self, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
        await give(alice, bob)
        for answer in (
            await bob.get("/v1/owners"),
            await bob.get("/v1/owners/bob"),
            await bob.patch("/v1/owners/bob", json={"quotas": {"endpoints": 10**6}}),
            await bob.post("/v1/owners/alice/suspension"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    @pytest.mark.parametrize(
        "quotas", [{"endpoints": -1}, {"waiting_jobs": 0}, {"stored_bytes": 2**53}, {"endpoints": 1.5}, {"bytes": 1}]
    )
    async def test_a_quota_that_cannot_be_is_refused(self, alice: httpx.AsyncClient, quotas: dict[str, Any]) -> None:
        answer = await alice.post("/v1/owners", json={"name": "acme", "quotas": quotas})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert answer.json()["field"] == f"quotas.{next(iter(quotas))}"

    @pytest.mark.parametrize("name", ["日本", "ü", "²", "failed", "a b"])
    async def test_a_name_that_cannot_be_makes_nothing(self, alice: httpx.AsyncClient, name: str) -> None:
        destination = {"url": "s3://acme/press", "access_key_id": "AKIA0000", "secret_access_key": "s"}
        whose = {"owner": name}
        for answer, field in (
            (await alice.post("/v1/owners", json={"name": name}), "name"),
            (await alice.post("/v1/keys", json={"name": "ci", "scopes": ["images"], "owner": name}), "owner"),
            (await alice.put("/v1/destinations/archive", params=whose, json=destination), "owner"),
            (await alice.put("/v1/presets/cards", params=whose, json={"variants": [{"name": "small"}]}), "owner"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
            assert answer.json()["field"] == field
        assert (await alice.get("/v1/owners")).json() == {"owners": []}

    async def test_an_unknown_one_is_not_found(self, alice: httpx.AsyncClient) -> None:
        for name in ("acne", "failed", "a:b"):
            assert (await alice.post(f"/v1/owners/{name}/suspension")).status_code == 404


class TestSuspension:
    async def test_requests_are_refused_and_jobs_say_so(self, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
        job = (await bob.post("/v1/reports", json=REPORT)).json()["id"]
        schedule = (await bob.post("/v1/schedules", json=SCHEDULE)).json()["id"]
        await give(alice, bob)
        assert (await alice.post("/v1/owners/bob/suspension", json={"reason": "Unpaid"})).json()["suspended"]
        answer = await eventually(lambda: suspended(bob))
        assert answer.json()["code"] == "owner_suspended"
        assert (await bob.post("/v1/events", json=EVENT)).status_code == 403
        view = (await alice.get(f"/v1/jobs/{job}", params={"owner": "bob"})).json()
        assert [one["reason"] for one in view["waiting_for"]] == ["owner_suspended"]
        view = (await alice.get(f"/v1/schedules/{schedule}", params={"owner": "bob"})).json()
        assert view["blocked_reason"] == "owner_suspended"
        resumed = (await alice.delete("/v1/owners/bob/suspension")).json()
        assert (resumed["suspended"], "suspended_reason" in resumed) == (False, False)
        await eventually(lambda: let_in(bob))
        assert "blocked_reason" not in (await bob.get(f"/v1/schedules/{schedule}")).json()

    async def test_an_admin_of_the_settings_cannot_lock_itself_out(self, alice: httpx.AsyncClient) -> None:
        await alice.post("/v1/owners", json={"name": "alice"})
        await alice.post("/v1/owners/alice/suspension")
        assert (await alice.delete("/v1/owners/alice/suspension")).status_code == 200

    async def test_its_keys_open_nothing_outside_of_v1_either(self, alice: httpx.AsyncClient, port: int) -> None:
        body = {"name": "ops", "scopes": ["admin"], "owner": "carl"}
        key = (await alice.post("/v1/keys", json=body)).json()["key"]
        async with client_of(port, key) as carl:
            assert (await carl.get("/metrics")).status_code == 200
            assert "python" in (await carl.get("/version")).json()
            await alice.post("/v1/owners", json={"name": "carl"})
            await alice.post("/v1/owners/carl/suspension")

            async def refused() -> httpx.Response | None:
                answer = await carl.get("/metrics")
                return answer if answer.status_code == 403 else None

            assert (await eventually(refused)).json()["code"] == "owner_suspended"
            assert "python" not in (await carl.get("/version")).json()


class TestRequests:
    async def test_more_than_the_burst_are_refused(self, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
        await alice.post("/v1/owners", json={"name": "bob", "quotas": {"requests_per_second": 1, "request_burst": 3}})
        first = await bob.get("/v1/jobs")
        assert first.headers["ratelimit-policy"] == '"requests";q=3;w=3'
        assert first.headers["ratelimit"] == '"requests";r=2'
        answers = [await bob.get("/v1/jobs") for _ in range(6)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert (refused.json()["code"], refused.json()["limit"]) == ("rate_limited", 3)
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
        assert (await alice.get("/v1/jobs")).status_code == 200, "others are not concerned"


class TestJobsAndThings:
    async def test_waiting_jobs_answer_429_with_the_quota(
        self, alice: httpx.AsyncClient, bob: httpx.AsyncClient
    ) -> None:
        await give(alice, bob, waiting_jobs=1)
        await bob.post("/v1/events", json=EVENT)
        refused = await bob.post("/v1/events", json=EVENT)
        assert (refused.status_code, refused.json()["code"]) == (429, "owner_queue_full")
        assert refused.headers["ratelimit-policy"] == '"waiting-jobs";q=1'
        assert refused.headers["ratelimit"] == '"waiting-jobs";r=0;t=10'
        assert refused.headers["retry-after"] == "10"

    async def test_endpoints_and_schedules_go_by_the_quota(
        self, alice: httpx.AsyncClient, bob: httpx.AsyncClient
    ) -> None:
        await give(alice, bob, endpoints=1, schedules=0)
        assert (await bob.post("/v1/endpoints", json=ENDPOINT)).status_code == 201
        refused = await bob.post("/v1/endpoints", json=ENDPOINT)
        assert (refused.json()["code"], refused.json()["limit"]) == ("too_many_endpoints", 1)
        refused = await bob.post("/v1/schedules", json=SCHEDULE)
        assert (refused.json()["code"], refused.json()["limit"]) == ("too_many_schedules", 0)


class TestBytes:
    async def test_what_would_exceed_the_storage_answers_507(
        self, alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
    ) -> None:
        await give(alice, bob, stored_bytes=1000)
        assert (await bob.post("/v1/uploads", content=b"x" * 600)).status_code == 201
        refused = await bob.post("/v1/uploads", content=b"y" * 600)
        assert (refused.status_code, refused.json()["code"]) == (507, "owner_storage_full")
        assert refused.headers["ratelimit-policy"] == '"stored-bytes";q=1000;qu="content-bytes"'
        assert await redis.hget(STORED, "bob") == b"600"

    async def test_a_body_without_a_length_counts_once_it_is_there(
        self, alice: httpx.AsyncClient, bob: httpx.AsyncClient
    ) -> None:
        async def chunks(count: int) -> Any:
            for _ in range(count):
                yield b"z" * 100

        await give(alice, bob, bytes_per_day=500)
        assert (await bob.post("/v1/uploads", content=chunks(10))).status_code == 201
        refused = await eventually(lambda: refused_upload(bob))
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["ratelimit-policy"] == '"bytes-per-day";q=500;qu="content-bytes";w=86400'
        assert int(refused.headers["retry-after"]) <= 86_400


async def refused_upload(bob: httpx.AsyncClient) -> httpx.Response | None:
    answer = await bob.post("/v1/uploads", content=b"1")
    return answer if answer.status_code == 429 else None
