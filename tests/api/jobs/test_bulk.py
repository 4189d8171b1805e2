"""POST /v1/jobs/cancellation, /retry, /deletion: what may be asked for, and what comes of it."""

import asyncio
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.maintenance.bulk import BULK
from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.engine_running import working


async def submit(client: httpx.AsyncClient, query: str = "") -> str:
    job_id: str = (await client.post(f"/v1/images{query}", content=PNG)).json()["id"]
    return job_id


async def done(redis: ArqRedis, settings: Settings, client: httpx.AsyncClient, verb: str, asked: Any) -> dict[str, Any]:
    """The bulk job when it has ended."""
    answer = await client.post(f"/v1/jobs/{verb}", json=asked)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["name"]) == ("bulk", verb)
    async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
        job: dict[str, Any] = (await client.get(answer.headers["Location"], params={"wait": 10})).json()
    assert job["state"] == "succeeded", job
    return job


async def states(client: httpx.AsyncClient, *ids: str) -> list[str]:
    answers = await asyncio.gather(*(client.get(f"/v1/jobs/{one}") for one in ids))
    return [answer.json().get("state", answer.json().get("code")) for answer in answers]


async def test_what_fits_is_cancelled_retried_and_deleted_and_nothing_else(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine = [await submit(alice, f"?name=batch-{n}.png") for n in range(3)]
    other, theirs = await submit(alice, "?name=other.png"), await submit(bob, "?name=batch-9.png")

    job = await done(redis, settings, alice, "cancellation", {"q": "batch-", "queue": "media"})
    assert job["result"] == {"matched": 3, "cancelled": 3, "stopping": 0, "skipped": 0}
    assert await states(alice, *mine, other) == ["cancelled"] * 3 + ["queued"]
    assert await states(bob, theirs) == ["queued"]

    job = await done(redis, settings, alice, "retry", {"kind": "thumbnail", "q": "batch-1"})
    assert job["result"] == {"matched": 1, "retried": 1, "skipped": 0}
    assert await states(alice, *mine) == ["cancelled", "queued", "cancelled"]

    job = await done(redis, settings, alice, "deletion", {"all": True})
    assert job["result"] == {"matched": 4, "deleted": 4, "skipped": 0}, "two pictures, and two jobs like itself"
    assert await states(alice, *mine, other) == ["not_found", "queued", "not_found", "queued"]


@pytest.mark.parametrize(
    ("verb", "asked", "field"),
    [
        ("cancellation", {}, "all"),
        ("deletion", {"all": False}, "all"),
        ("cancellation", {"state": "failed"}, "state"),
        ("retry", {"state": "succeeded"}, "state"),
        ("deletion", {"state": "running"}, "state"),
        ("deletion", {"owner": "bob"}, "owner"),
        ("deletion", {"q": ""}, "q"),
        ("retry", {"since": "x"}, "since"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    alice: httpx.AsyncClient, verb: str, asked: dict[str, Any], field: str
) -> None:
    answer = await alice.post(f"/v1/jobs/{verb}", json=asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)


async def test_it_may_be_repeated_safely(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "tonight"}
    first, second = [await alice.post("/v1/jobs/deletion", json={"state": "failed"}, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    other = await alice.post("/v1/jobs/deletion", json={"state": "cancelled"}, headers=key)
    assert other.json()["code"] == "key_reused"


async def test_it_does_not_wait_behind_what_it_is_to_cancel(alice: httpx.AsyncClient) -> None:
    assert (await alice.post("/v1/jobs/cancellation", json={"all": True})).json()["priority"] == "high"
