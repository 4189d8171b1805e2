"""`deadline`, `start_within`, `timeout_s` and `max_tries` of a submit: kept, told, bounded, and heeded by a worker."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import load_kinds
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.engine_running import working

CSV = {"content": b"a\n1\n", "headers": {"Content-Type": "text/csv"}}
COLOUR = {"kind": "avatar-colour", "params": {"name": "Ada"}}
SUBMITS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/images", {"content": PNG}),
    ("/v1/reports", CSV),
    ("/v1/events", {"json": {"type": "order.paid", "data": {}}}),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"kinds": ("tests.support.submittable:KINDS",)})


def in_future(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(("path", "body"), SUBMITS)
async def test_every_submit_can_have_them(alice: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    query = {"start_within": "90", "timeout_s": "12.5", "max_tries": "1"}
    job = (await alice.post(path, params=query, **body)).json()
    deadline, created = (datetime.fromisoformat(job[name]) for name in ("deadline", "created_at"))
    assert deadline - created == timedelta(seconds=90)
    assert (job["timeout_s"], job["max_tries"]) == (12.5, 1)
    again = (await alice.get(f"/v1/jobs/{job['id']}")).json()
    assert again == job | {"waiting_for": again["waiting_for"]}

    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    job = (await alice.post(path, params={"deadline": at.isoformat()}, **body)).json()
    assert datetime.fromisoformat(job["deadline"]) == at
    assert "timeout_s" not in job


async def test_each_job_of_a_form_has_them(alice: httpx.AsyncClient) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG + b"b"))]
    jobs = (await alice.post("/v1/images?start_within=60&max_tries=1", files=files)).json()["jobs"]
    assert [(job["max_tries"], "deadline" in job) for job in jobs] == [(1, True)] * 2


async def test_a_body_has_them_too(alice: httpx.AsyncClient) -> None:
    body = COLOUR | {"deadline": in_future(60), "timeout_s": 2, "max_tries": 2, "delay": 1}
    job = (await alice.post("/v1/jobs", json=body)).json()
    assert (job["state"], job["timeout_s"], job["max_tries"], "deadline" in job) == ("scheduled", 2, 2, True)


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ({"deadline": "2020-01-01T00:00:00Z"}, "deadline", "'run_at'"),
        ({"deadline": "2030-01-01T00:00:00Z", "start_within": "5"}, "start_within", "exclude each other"),
        ({"start_within": "60", "delay": "60"}, "start_within", "'delay'"),
        ({"deadline": "later", "delay": "60"}, "deadline", "no time"),
        ({"start_within": "0"}, "start_within", "more than 0"),
        ({"start_within": str(31 * 86_400)}, "start_within", "2592000 seconds"),
        ({"timeout_s": "301"}, "timeout_s", "at most 300 seconds for a job of kind 'thumbnail'"),
        ({"timeout_s": "0"}, "timeout_s", "more than 0"),
        ({"max_tries": "0"}, "max_tries", "at least 1"),
        ({"max_tries": "100"}, "max_tries", "at most 4 for a job of kind 'thumbnail'"),
    ],
)
async def test_one_that_cannot_be_met_is_named(
    alice: httpx.AsyncClient, query: dict[str, str], field: str, words: str
) -> None:
    answer = await alice.post("/v1/images", params=query, content=PNG)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
    assert words in answer.json()["detail"]
    assert (await alice.get("/v1/jobs")).json()["jobs"] == []


async def test_a_deadline_before_the_time_to_run_names_both(alice: httpx.AsyncClient) -> None:
    query = {"deadline": in_future(60), "run_at": in_future(120)}
    detail = (await alice.post("/v1/images", params=query, content=PNG)).json()["detail"]
    assert "'deadline'" in detail
    assert "'run_at'" in detail


async def test_all_that_is_wrong_is_told_together(alice: httpx.AsyncClient) -> None:
    body = COLOUR | {"deadline": "2020-01-01", "timeout_s": 1e6, "max_tries": 99}
    errors = (await alice.post("/v1/jobs", json=body)).json()["errors"]
    assert [one["field"] for one in errors] == ["deadline", "timeout_s", "max_tries"]
    assert [one.get("limit") for one in errors][1:] == [300, 5]


async def test_a_repeat_with_another_deadline_is_the_same_job(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    jobs = [
        (await alice.post("/v1/images", params={"start_within": seconds}, content=PNG, headers=key)).json()
        for seconds in ("60", "90")
    ]
    assert jobs[0] == jobs[1]


async def test_a_job_that_no_slot_took_in_time_fails_and_its_event_says_so(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    """Through a real worker, which is woken by the deadline: its queue is paused."""
    await LaneControls(redis).pause("default")
    batch = (await alice.post("/v1/batches", json={})).json()["id"]
    body = COLOUR | {"start_within": 0.3, "batch": batch}
    key = {"Idempotency-Key": "late"}
    job = (await alice.post("/v1/jobs", json=body, headers=key)).json()
    later = (await alice.post("/v1/jobs", json=COLOUR | {"after": [job["id"]]})).json()
    await alice.post(f"/v1/batches/{batch}/seal")
    async with working(redis, settings, kinds=load_kinds(settings)):
        ended = (await alice.get(f"/v1/jobs/{job['id']}?wait=10")).json()
        assert (ended["state"], ended["error"]["code"], ended["attempts"]) == ("failed", "deadline_passed", [])
        of_batch = (await alice.get(f"/v1/jobs/{batch}?wait=10")).json()
        assert (of_batch["state"], of_batch["jobs"]) == ("failed", {"failed": 1})
        after = (await alice.get(f"/v1/jobs/{later['id']}?wait=10")).json()
        assert (after["state"], after["error"]["code"]) == ("failed", "prerequisite_failed")
    assert (await alice.post("/v1/jobs", json=body, headers=key)).json()["id"] == job["id"]
    await LaneControls(redis).resume("default")
