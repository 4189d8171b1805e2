"""`delay`, `run_at` and `priority` on every submit: kept, told, and bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.api.pictures import PNG

CSV = {"content": b"a\n1\n", "headers": {"Content-Type": "text/csv"}}
SUBMITS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/images", {"content": PNG}),
    ("/v1/reports", CSV),
    ("/v1/events", {"json": {"type": "order.paid", "data": {}}}),
]


def in_future(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(("path", "body"), SUBMITS)
async def test_every_submit_can_be_put_off(alice: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    job = (await alice.post(path, params={"delay": "90.5", "priority": "low"}, **body)).json()
    assert (job["state"], job["priority"]) == ("scheduled", "low")
    due, created = (datetime.fromisoformat(job[name]) for name in ("due_at", "created_at"))
    assert due - created == timedelta(seconds=90.5)
    waiting = {"waiting_for": [{"reason": "due_time", "until": job["due_at"]}]}
    assert (await alice.get(f"/v1/jobs/{job['id']}")).json() == job | waiting

    wanted = in_future(3600)
    job = (await alice.post(path, params={"run_at": wanted.isoformat()}, **body)).json()
    assert (job["state"], job["priority"]) == ("scheduled", "normal")
    assert abs(datetime.fromisoformat(job["due_at"]) - wanted) < timedelta(seconds=1)


async def test_a_form_of_several_is_put_off_whole(alice: httpx.AsyncClient) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG + b"b"))]
    jobs = (await alice.post("/v1/images?delay=60&priority=high", files=files)).json()["jobs"]
    assert [(job["state"], job["priority"]) for job in jobs] == [("scheduled", "high")] * 2


@pytest.mark.parametrize("query", ["delay=0", "run_at=2020-01-01T00:00:00Z", "run_at=2020-01-01T00:00:00"])
async def test_a_time_that_is_over_is_now(alice: httpx.AsyncClient, query: str) -> None:
    job = (await alice.post(f"/v1/images?{query}", content=PNG)).json()
    assert (job["state"], "due_at" in job) == ("queued", False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"delay": "60", "run_at": "2030-01-01T00:00:00Z"}, "run_at"),
        ({"delay": str(31 * 86_400)}, "delay"),
        ({"run_at": "2099-01-01T00:00:00Z"}, "run_at"),
        ({"delay": "-1"}, "delay"),
        ({"delay": "inf"}, "delay"),
        ({"delay": "nan"}, "delay"),
        ({"run_at": "soon"}, "run_at"),
        ({"priority": "urgent"}, "priority"),
    ],
)
async def test_an_option_that_cannot_be_met_is_named(
    alice: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    answer = await alice.post("/v1/images", params=query, content=PNG)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
    assert (await alice.get("/v1/jobs")).json()["jobs"] == []


async def test_the_limit_is_told(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/images?delay=99999999", content=PNG)
    assert answer.json()["limit"] == 30 * 86_400
    assert "2592000 seconds" in answer.json()["detail"]


async def test_a_repeat_finds_the_job_whenever_it_would_have_run(alice: httpx.AsyncClient) -> None:
    """The time is not content: who works it out anew with each repeat must not be refused, nor get a second job."""
    key = {"Idempotency-Key": "once"}
    first, second = [
        (await alice.post("/v1/images", params={"delay": delay}, content=PNG, headers=key)).json()
        for delay in ("60", "90")
    ]
    assert first == second
