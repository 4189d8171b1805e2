"""`POST /v1/jobs`: a job of any kind that allows it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.jobs.submit import JobRequest
from tasks.catalogue import load_kinds
from tasks.queue.records.list import read
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.webhook.notify_url import open_url
from tasks.webhook.secret_box import SecretBox
from tests.support.engine_running import working

ADA = {"kind": "avatar-colour", "params": {"name": "Ada"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"kinds": ("tests.support.submittable:KINDS",)})


async def refused(client: httpx.AsyncClient, body: Any, status: int = 422) -> dict[str, str]:
    """Every field at fault, with its message."""
    answer = await client.post("/v1/jobs", json=body)
    problem = answer.json()
    assert answer.status_code == status, problem
    found = {one["field"]: one["message"] for one in problem.get("errors", [])} or {problem["field"]: problem["detail"]}
    assert next(iter(found.items())) == (problem["field"], problem["detail"])
    return found


async def test_a_job_is_submitted_and_runs(alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings) -> None:
    answer = await alice.post("/v1/jobs", json=ADA)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["kind"], job["queue"], job["state"], job["params"]) == (
        "avatar-colour",
        "default",
        "queued",
        {"name": "Ada"},
    )
    async with working(redis, settings, kinds=load_kinds(settings)):
        ended = (await alice.get(f"/v1/jobs/{job['id']}?wait=10")).json()
    assert (ended["state"], ended["result"]) == ("succeeded", {"colour": "hsl(215 60% 45%)"})


async def test_all_options_count(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    first = (await alice.post("/v1/jobs", json=ADA)).json()["id"]
    batch = (await alice.post("/v1/batches")).json()["id"]
    said = {"name": "Ada's", "priority": "high", "after": [first], "batch": batch, "notify": "https://example.com/ends"}
    job = (await alice.post("/v1/jobs", json=ADA | said)).json()
    assert (job["name"], job["priority"], job["after"], job["batch"]) == ("Ada's", "high", [first], batch)
    stored = json.loads(await redis.hget(JOB + job["id"], "notify") or b"{}")
    assert open_url(stored["url"], SecretBox.of("k" * 32)) == said["notify"]
    later = datetime.now(UTC) + timedelta(hours=1)
    for when in ({"delay": 3600}, {"run_at": later.isoformat()}):
        job = (await alice.post("/v1/jobs", json=ADA | when)).json()
        assert job["state"] == "scheduled"
        assert abs(datetime.fromisoformat(job["due_at"]) - later) < timedelta(seconds=60)


async def test_an_idempotency_key_makes_it_one_job(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "colour-1"}
    first = await alice.post("/v1/jobs", json=ADA, headers=key)
    again = await alice.post("/v1/jobs", json=ADA, headers=key)
    other = await alice.post("/v1/jobs", json=ADA | {"params": {"name": "Bob"}}, headers=key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


async def test_a_kind_is_not_submitted_here_unless_it_says_so(alice: httpx.AsyncClient) -> None:
    for kind in ("private-colour", "thumbnail", "cleanup", "no-such-kind", ""):
        found = await refused(alice, {"kind": kind, "params": {}})
        assert found["kind"].endswith("The kinds that can be are: avatar-colour, plain-colour.")
    assert await refused(alice, {"params": {}}) == {"kind": "kind: The field is required."}


async def test_all_faults_are_told_at_once(alice: httpx.AsyncClient) -> None:
    said = {
        "kind": "avatar-colour",
        "params": {"name": "A" * 30, "hues": 0, "colour": "red"},
        "delay": 1,
        "run_at": "2030-01-01T00:00:00Z",
        "priority": "urgent",
        "notify": "ftp://example.com",
        "retries": 3,
    }
    assert (await refused(alice, said)).keys() == {
        "priority",
        "retries",
        "params.name",
        "params.hues",
        "params.colour",
        "notify.url",
        "run_at",
    }


async def test_an_option_that_the_kind_does_not_take_is_refused(alice: httpx.AsyncClient) -> None:
    said = {"kind": "plain-colour", "params": {"name": "Ada"}, "name": "Ada's", "delay": 5, "batch": "1" * 32}
    assert await refused(alice, said) == {
        "batch": "The kind 'plain-colour' does not accept the option 'batch'.",
        "delay": "The kind 'plain-colour' does not accept the option 'delay'.",
    }


async def test_options_do_not_stand_in_the_query(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/jobs?delay=5", json=ADA)
    assert (answer.status_code, answer.json()["field"]) == (422, "delay")


@pytest.mark.parametrize("body", [[], "Ada", 5, None, {"kind": 5}, {"kind": "avatar-colour", "params": []}])
async def test_what_is_no_job_is_refused(alice: httpx.AsyncClient, body: Any) -> None:
    assert (await refused(alice, body)).keys() <= {"body", "kind", "params"}


async def test_params_have_a_limit(alice: httpx.AsyncClient, settings: Settings) -> None:
    said = {"kind": "avatar-colour", "params": {"name": "A" * settings.max_params_bytes}}
    assert (await refused(alice, said)).keys() == {"params.name"}
    answer = await alice.post("/v1/jobs", json={"kind": "avatar-colour", "params": {"name": "A" * 100_000}})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_it_is_the_callers(alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis) -> None:
    job_id = (await alice.post("/v1/jobs", json=ADA)).json()["id"]
    record = await read(redis, job_id)
    assert record is not None
    assert record.owner == "alice"
    assert (await bob.get(f"/v1/jobs/{job_id}")).status_code == 404


@pytest.mark.parametrize("name", [name for name, field in JobRequest.model_fields.items() if field.default is None])
async def test_null_is_the_same_as_leaving_a_field_out(alice: httpx.AsyncClient, name: str) -> None:
    answer = await alice.post("/v1/jobs", json={**ADA, name: None})
    assert answer.status_code == 202, answer.text
