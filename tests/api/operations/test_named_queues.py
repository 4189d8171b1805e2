"""Queues that are made by naming them: submitted to, listed, changed and deleted."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.redis_keys import JOB, QUEUE
from tasks.settings import Settings
from tests.support.api.beats import beat
from tests.support.api.serving import serving

COLOUR = {"kind": "avatar-colour", "params": {"name": "Ada"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {"kinds": ("tests.support.submittable:KINDS",), "admins": ("alice",), "max_queues": 3}
    return settings.model_copy(update=changes)


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings) as port:
        yield port


async def submit(client: httpx.AsyncClient, queue: str, status: int = 202) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json=COLOUR | {"queue": queue})
    assert answer.status_code == status, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def queue_names(client: httpx.AsyncClient) -> list[str]:
    return [queue["name"] for queue in (await client.get("/v1/queues")).json()["queues"]]


async def test_a_submit_makes_a_queue_and_says_that_no_worker_serves_it(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis)
    job = await submit(alice, "emails")
    assert job["queue"] == "emails"
    assert job["warnings"] == [
        "No worker serves the queue 'emails'. The job waits until one does: `python -m worker emails`."
    ]
    assert await queue_names(alice) == ["media", "reports", "webhooks", "default", "emails"]
    shown = (await alice.get("/v1/queues/emails")).json()
    assert (shown["made_by"], shown["due"], shown["workers"], shown["served"]) == ("alice", 1, 0, False)
    waits = (await alice.get(f"/v1/jobs/{job['id']}")).json()
    assert waits["waiting_for"][0]["reason"] == "no_worker"
    # Others may use it, for it is there.
    assert (await submit(bob, "emails"))["queue"] == "emails"
    await beat(redis, "two", queues=("emails",))
    assert "warnings" not in await submit(alice, "emails")
    found = (await alice.get("/v1/jobs", params={"queue": "emails", "owner": "*"})).json()
    assert len(found["jobs"]) == 3


async def test_the_readiness_and_the_alerts_name_it_while_jobs_wait(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    await beat(redis)

    async def worker_check() -> dict[str, Any]:
        checks = (await alice.get("/readyz")).json()["checks"]
        found: dict[str, Any] = next(check for check in checks if check["name"] == "worker")
        return found

    assert (await alice.put("/v1/queues/emails", json={})).status_code == 200
    assert (await worker_check())["status"] == "ok", "an empty one needs no worker"
    job = await submit(alice, "emails")
    check = await worker_check()
    assert (check["status"], "python -m worker emails" in check["detail"]) == ("warning", True)
    long_ago = int((await redis.time())[0] - settings.alert_no_worker_s - 60) * 1000
    await redis.hset(JOB + job["id"], "due_at", long_ago)
    alerts = (await alice.get("/v1/alerts")).json()["alerts"]
    assert [(alert["code"], alert["queue"]) for alert in alerts] == [("no_worker", "emails")]


async def test_owners_make_queues_only_if_they_may(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    refused = await submit(bob, "emails", 403)
    assert (refused["code"], refused["field"]) == ("forbidden", "queue")
    await alice.post("/v1/owners", json={"name": "bob", "quotas": {"queues": 1}})
    assert (await alice.get("/v1/owners/bob")).json()["quotas"]["queues"] == 1
    await submit(bob, "emails")
    assert (await submit(bob, "imports", 403))["limit"] == 1
    for name in ("a", "b"):
        await submit(alice, name)
    full = await submit(alice, "c", 409)
    assert (full["code"], full["limit"]) == ("too_many_queues", 3)
    assert (await alice.put("/v1/queues/c", json={})).json()["code"] == "too_many_queues"


async def test_the_queues_that_are_always_there_are_for_their_own_kinds(alice: httpx.AsyncClient) -> None:
    assert (await submit(alice, "default"))["queue"] == "default"
    for queue in ("media", "service"):
        refused = await submit(alice, queue, 422)
        assert (refused["code"], refused["field"]) == ("invalid_request", "queue")
    assert (await submit(alice, "E-Mails", 422))["field"] == "queue"


async def test_a_queue_is_changed_paused_and_deleted(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    change = {"priority": "high", "concurrency": 4, "max_running": 9, "paused": True}
    made = (await alice.put("/v1/queues/emails", json=change)).json()
    assert {name: made[name] for name in change} == change
    assert (made["name"], made["made_by"], made["paused_by"]) == ("emails", "alice", "alice")
    again = (await alice.put("/v1/queues/emails", json={"max_running": 2})).json()
    assert (again["priority"], again.get("concurrency"), again["max_running"], again["paused"]) == (
        "normal",
        None,
        2,
        True,
    )
    assert (await alice.post("/v1/queues/emails/resume")).json()["paused"] is False
    assert (await alice.get("/v1/queues/emails/lanes")).json() == {"lanes": []}
    assert (await alice.put("/v1/queues/media", json={"max_running": 2})).json()["max_running"] == 2
    assert await redis.zrange(MADE_QUEUES, 0, -1) == [b"emails"]
    audited = (await alice.get("/v1/audit")).json()["lines"]
    assert {entry["action"] for entry in audited} >= {"put_queue", "resume_queue"}
    assert (await alice.delete("/v1/queues/emails")).status_code == 204
    assert (await alice.get("/v1/queues/emails")).status_code == 404
    assert await redis.exists(QUEUE + "emails") == 0
    assert (await alice.delete("/v1/queues/media")).json()["code"] == "queue_in_use"


async def test_metrics_have_it_as_long_as_it_is_there(alice: httpx.AsyncClient) -> None:
    await submit(alice, "emails")
    metrics = (await alice.get("/metrics")).text
    assert 'pressroom_queue_due_jobs{queue="emails"} 1' in metrics
    assert 'pressroom_queue_workers{queue="emails"} 0' in metrics


async def test_only_admins_change_queues(bob: httpx.AsyncClient) -> None:
    for answer in (await bob.put("/v1/queues/emails", json={}), await bob.delete("/v1/queues/media")):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
