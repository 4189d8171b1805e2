"""`PATCH /v1/jobs/{id}`: what is changed of a job that waits, and what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG


async def submit(client: httpx.AsyncClient, query: str = "") -> str:
    job_id: str = (await client.post(f"/v1/images{query}", content=PNG)).json()["id"]
    return job_id


async def test_a_scheduled_job_runs_now(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice, "?delay=3600")
    answer = await alice.patch(f"/v1/jobs/{job_id}", json={"delay": 0})
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    await worker.end(job_id)
    assert (await alice.get(f"/v1/jobs/{job_id}")).json()["state"] == "succeeded"


async def test_all_that_can_be_changed_is_changed_together(alice: httpx.AsyncClient) -> None:
    job_id = await submit(alice)
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    late = at + timedelta(minutes=1)
    body = {"run_at": at.isoformat(), "priority": "high", "deadline": late.isoformat()}
    job = (await alice.patch(f"/v1/jobs/{job_id}", json=body)).json()
    assert (job["state"], job["priority"]) == ("scheduled", "high")
    assert [datetime.fromisoformat(job[name]) for name in ("due_at", "deadline")] == [at, late]
    job = (await alice.patch(f"/v1/jobs/{job_id}", json={"deadline": None})).json()
    assert "deadline" not in job
    assert (await alice.patch(f"/v1/jobs/{job_id}", json={})).json() == job


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"delay": 1, "run_at": "2030-01-01"}, "run_at"),
        ({"delay": -1}, "delay"),
        ({"priority": "urgent"}, "priority"),
        ({"deadline": "2020-01-01"}, "deadline"),
        ({"deadline": "2030-01-01", "start_within": 60}, "start_within"),
        ({"delay": 60, "start_within": 60}, "start_within"),
        ({"delay": 7200}, "delay"),
        ({"state": "queued"}, "state"),
    ],
)
async def test_what_cannot_be_is_named(alice: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    job_id = await submit(alice, "?start_within=3600")
    before = (await alice.get(f"/v1/jobs/{job_id}")).json()
    answer = await alice.patch(f"/v1/jobs/{job_id}", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
    assert (await alice.get(f"/v1/jobs/{job_id}")).json() == before


async def test_what_runs_or_has_ended_says_what_to_do(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    await worker.begin()
    running = await alice.patch(f"/v1/jobs/{job_id}", json={"delay": 0})
    await worker.end(job_id)
    ended = await alice.patch(f"/v1/jobs/{job_id}", json={"priority": "low"})
    batch = (await alice.post("/v1/batches", json={})).json()["id"]
    of_batch = await alice.patch(f"/v1/jobs/{batch}", json={"priority": "low"})
    for answer, words in ((running, "Cancel it"), (ended, "Retry it"), (of_batch, "Change its jobs")):
        assert (answer.status_code, answer.json()["code"]) == (409, "not_changeable")
        assert words in answer.json()["detail"]


async def test_of_another_owner_it_is_not_found(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    job_id = await submit(alice, "?delay=3600")
    answer = await bob.patch(f"/v1/jobs/{job_id}", json={"delay": 0})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
