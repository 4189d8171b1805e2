"""POST /v1/jobs/cancellation, /retry, /deletion: what may be asked for, and what comes of it."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.maintenance import bulk
from tasks.maintenance.bulk import BULK
from tasks.queue.redis_keys import JOBS
from tasks.settings import Settings
from tests.support.api.event_source import listening
from tests.support.api.job_groups import GROUPS, make_group
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.engine_running import working
from tests.support.queue.bulk_results import outcomes
from tests.support.queue.ended_records import pack_all
from tests.support.queue.many_failed import make_failed
from worker.attempts import progress

WRITE_EVERY_S = 0.02


async def submit(client: httpx.AsyncClient, query: str = "") -> str:
    job_id: str = (await client.post(f"/v1/images{query}", content=PNG)).json()["id"]
    return job_id


async def done(
    redis: ArqRedis, settings: Settings, client: httpx.AsyncClient, verb: str, asked: Any, state: str = "succeeded"
) -> dict[str, Any]:
    """The bulk job when it has ended."""
    answer = await client.post(f"/v1/jobs/{verb}", json=asked)
    assert answer.status_code == 202, answer.text
    assert (answer.json()["kind"], answer.json()["name"]) == ("bulk", verb)
    async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
        job: dict[str, Any] = (await client.get(answer.headers["Location"], params={"wait": 10})).json()
    assert job["state"] == state, job
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
    assert outcomes(job["result"]) == {"matched": 3, "cancelled": 3, "stopping": 0, "skipped": 0}
    assert await states(alice, *mine, other) == ["cancelled"] * 3 + ["queued"]
    assert await states(bob, theirs) == ["queued"]

    job = await done(redis, settings, alice, "retry", {"kind": "thumbnail", "q": "batch-1"})
    assert outcomes(job["result"]) == {"matched": 1, "retried": 1, "skipped": 0}
    assert await states(alice, *mine) == ["cancelled", "queued", "cancelled"]

    job = await done(redis, settings, alice, "deletion", {"all": True})
    assert outcomes(job["result"]) == {"matched": 4, "deleted": 4, "skipped": 0}, (
        "two pictures, and two jobs like itself"
    )
    assert await states(alice, *mine, other) == ["not_found", "queued", "not_found", "queued"]


@pytest.mark.parametrize(
    ("verb", "asked", "field"),
    [
        ("cancellation", {}, "all"),
        ("deletion", {"all": False}, "all"),
        ("cancellation", {"state": "failed"}, "state"),
        ("retry", {"state": "succeeded"}, "state"),
        ("deletion", {"state": "running"}, "state"),
        ("deletion", {"kind": None}, "all"),
        ("cancellation", {"all": False, "q": None}, "all"),
        ("deletion", {"since": None, "until": None, "queue": None, "state": None}, "all"),
        ("retry", {"owner": "alice"}, "all"),
        ("deletion", {"dry_run": True, "expect": 3}, "all"),
        ("deletion", {"all": True, "expect": -1}, "expect"),
        ("deletion", {"q": ""}, "q"),
        ("retry", {"since": "x"}, "since"),
        ("deletion", {"worker": None, "endpoint": None, "batch": None, "schedule": None}, "all"),
        ("deletion", {"worker": ""}, "worker"),
        ("cancellation", {"endpoint": "x"}, "endpoint"),
        ("cancellation", {"batch": 7}, "batch"),
        ("retry", {"schedule": "X"}, "schedule"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    alice: httpx.AsyncClient, verb: str, asked: dict[str, Any], field: str
) -> None:
    answer = await alice.post(f"/v1/jobs/{verb}", json=asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)


async def test_only_an_admin_may_name_another_owner(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine, theirs = await submit(alice), await submit(bob)
    for owner in ("bob", "*"):
        answer = await alice.post("/v1/jobs/deletion", json={"all": True, "owner": owner})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (403, "forbidden", "owner")
    async with serving(settings.model_copy(update={"admins": ("alice",)})) as port, client_of(port) as admin:
        everyones = {"kind": "thumbnail", "owner": "*", "dry_run": True}
        job = await done(redis, settings, admin, "cancellation", everyones)
        assert outcomes(job["result"]) == {"matched": 2}
        job = await done(redis, settings, admin, "cancellation", {"kind": "thumbnail", "owner": "bob"})
        assert job["result"]["cancelled"] == 1
        assert (await states(alice, mine), await states(bob, theirs)) == (["queued"], ["cancelled"])
        assert (await done(redis, settings, admin, "deletion", {"owner": "*", "q": theirs}))["result"]["deleted"] == 1
    assert (await states(alice, mine), await states(bob, theirs)) == (["queued"], ["not_found"])


async def test_a_dry_run_counts_and_changes_nothing(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient
) -> None:
    mine = [await submit(alice, f"?name=batch-{n}.png") for n in range(3)]
    job = await done(redis, settings, alice, "cancellation", {"q": "batch-", "dry_run": True})
    assert outcomes(job["result"]) == {"matched": 3}
    assert await states(alice, *mine) == ["queued"] * 3


async def test_more_than_expected_are_left_alone(redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient) -> None:
    mine = [await submit(alice, f"?name=batch-{n}.png") for n in range(3)]
    job = await done(redis, settings, alice, "cancellation", {"q": "batch-", "expect": 2}, "failed")
    assert job["error"]["code"] == "more_than_expected"
    assert job["error"]["message"] == "3 jobs match, and at most 2 were expected. None was changed."
    assert await states(alice, *mine) == ["queued"] * 3
    assert (await done(redis, settings, alice, "cancellation", {"q": "batch-", "expect": 3}))["result"][
        "cancelled"
    ] == 3


@pytest.mark.parametrize("criterion", GROUPS)
async def test_a_group_is_counted_and_cancelled_and_nothing_else(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, bob: httpx.AsyncClient, criterion: str
) -> None:
    group, made = await make_group(criterion, alice, redis, "alice", 3)
    _, others = await make_group(criterion, alice, redis, "alice", 1)
    others.append(await submit(alice))
    theirs = await done(redis, settings, bob, "cancellation", {criterion: group})
    assert (theirs["result"]["matched"], theirs["progress"]["total"]) == (0, 0), "no number of them is bob's business"
    job = await done(redis, settings, alice, "cancellation", {criterion: group, "dry_run": True})
    assert outcomes(job["result"]) == {"matched": 3}
    job = await done(redis, settings, alice, "cancellation", {criterion: group, "expect": 2}, "failed")
    assert job["error"]["code"] == "more_than_expected"
    assert await states(alice, *made, *others) == ["queued"] * 5
    job = await done(redis, settings, alice, "cancellation", {criterion: group, "q": made[0], "expect": 3})
    assert outcomes(job["result"]) == {"matched": 1, "cancelled": 1, "stopping": 0, "skipped": 0}
    job = await done(redis, settings, alice, "cancellation", {criterion: group, "expect": 2})
    assert outcomes(job["result"]) == {"matched": 2, "cancelled": 2, "stopping": 0, "skipped": 0}
    job = await done(redis, settings, alice, "deletion", {criterion: group})
    assert outcomes(job["result"]) == {"matched": 3, "deleted": 3, "skipped": 0}
    assert await states(alice, *made, *others) == ["not_found"] * 3 + ["queued"] * 2


@pytest.mark.parametrize("criterion", GROUPS)
async def test_an_admin_acts_on_a_group_of_any_owner(
    redis: ArqRedis, settings: Settings, bob: httpx.AsyncClient, criterion: str
) -> None:
    group, made = await make_group(criterion, bob, redis, "bob", 2)
    async with serving(settings.model_copy(update={"admins": ("alice",)})) as port, client_of(port) as admin:
        for owner, matched in (("alice", 0), ("bob", 2), ("*", 2)):
            asked = {"owner": owner, criterion: group, "dry_run": True}
            job = await done(redis, settings, admin, "cancellation", asked)
            assert outcomes(job["result"]) == {"matched": matched}
        assert (await done(redis, settings, admin, "cancellation", {"owner": "*", criterion: group}))["result"][
            "cancelled"
        ] == 2
    assert await states(bob, *made) == ["cancelled"] * 2


async def test_what_a_worker_ran_last_is_retried_and_nothing_else(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    broken, fine, waits = await submit(alice), await submit(alice, "?name=b.png"), await submit(alice, "?delay=600")
    await worker.end(broken, "failed", error=("timed_out", "It takes too long."))
    await worker.end(fine)
    await pack_all(redis, settings)
    asked = {"worker": WORKER, "state": "failed"}
    job = await done(redis, settings, alice, "retry", {**asked, "dry_run": True})
    assert outcomes(job["result"]) == {"matched": 1}
    assert (await done(redis, settings, alice, "retry", {"worker": "w"}))["result"]["matched"] == 0
    job = await done(redis, settings, alice, "retry", {**asked, "expect": 1})
    assert outcomes(job["result"]) == {"matched": 1, "retried": 1, "skipped": 0}
    assert await states(alice, broken, fine, waits) == ["queued", "succeeded", "scheduled"]


async def test_its_progress_says_how_many_match_at_least_and_then_how_many_are_changed(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a criterion that no index has. The steps are small, and many are written."""
    monkeypatch.setattr(progress, "FIRST_WRITE_S", 0)
    monkeypatch.setattr(progress, "WRITE_EVERY_S", WRITE_EVERY_S)
    monkeypatch.setattr(bulk, "EXAMINED_AT_ONCE", 5)
    monkeypatch.setattr(bulk, "AT_ONCE", 5)
    await make_failed(redis, 1_500, owner="alice", kind="report", codes=("timed_out", "truncated"))
    answer = await alice.post("/v1/jobs/deletion", json={"code": "timed_out", "expect": 750})
    path, shown = answer.headers["Location"], []
    async with (
        listening(alice, answer.json()["id"]) as events,
        working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}),
    ):
        async for event in events:
            if event.name == "progress":
                shown.append(event.data)
                asked = (await alice.get(path)).json()["progress"]
                assert asked.keys() == event.data.keys()
                assert asked["matched"] >= event.data["matched"]
    job = event.data
    assert job["result"] == {
        "examined": 1_500,
        "matched": 750,
        "changed": 750,
        "complete": True,
        "deleted": 750,
        "skipped": 0,
    }
    assert job["progress"] == {
        "done": 1_500,
        "total": 1_500,
        "note": "jobs",
        **{name: job["result"][name] for name in ("examined", "matched", "changed", "complete")},
    }
    counting = [one for one in shown if one["note"] == "jobs counted" and not one["complete"]]
    changing = [one for one in shown if one["note"] == "jobs" and one["changed"] < 750]
    assert counting, "it was too quick to be seen"
    assert changing, "it was too quick to be seen"
    assert [one["matched"] for one in counting] == sorted(one["matched"] for one in counting)
    assert all(0 <= one["matched"] <= one["examined"] <= 1_500 and one["changed"] == 0 for one in counting)
    assert all((one["total"], one["matched"], one["complete"]) == (1_500, 750, True) for one in changing)
    assert [one["changed"] for one in changing] == sorted(one["changed"] for one in changing)
    seconds = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    assert len(shown) <= seconds.total_seconds() / WRITE_EVERY_S + 2
    await redis.flushall()  # or the look for leaks would take longer than the test


async def test_a_count_is_bounded_and_says_so_and_nothing_is_changed_by_half_a_count(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient
) -> None:
    made = await make_failed(redis, 3_000, owner="alice", kind="report", codes=("timed_out", "b", "c", "d", "e"))
    bounded = settings.model_copy(update={"bulk_max_examined": 2_000})
    asked = {"kind": "report", "code": "timed_out"}
    job = await done(redis, bounded, alice, "deletion", {**asked, "dry_run": True})
    assert job["result"] == {"examined": 2_000, "matched": 400, "changed": 0, "complete": False}
    job = await done(redis, bounded, alice, "deletion", {**asked, "expect": 399}, "failed")
    assert job["error"] == {
        "code": "more_than_expected",
        "field": "expect",
        "message": "At least 400 jobs match, and at most 399 were expected. None was changed.",
    }
    assert {name: job["progress"][name] for name in ("matched", "changed", "complete")} == {
        "matched": 400,
        "changed": 0,
        "complete": False,
    }
    job = await done(redis, bounded, alice, "deletion", {**asked, "expect": 3_000}, "failed")
    assert (job["error"]["code"], job["error"]["field"]) == ("count_incomplete", "expect")
    assert job["error"]["message"].startswith("At least 400 jobs match: 2000 were examined, which is the limit")
    assert await redis.zcard(f"{JOBS}alice/report:failed") == 3_000
    since = (await alice.get(f"/v1/jobs/{made[999]}")).json()["created_at"]
    job = await done(redis, bounded, alice, "deletion", {**asked, "since": since, "expect": 200})
    assert outcomes(job["result"]) == {"matched": 200, "deleted": 200, "skipped": 0}
    await redis.flushall()  # or the look for leaks would take longer than the test


async def test_one_that_failed_as_there_were_more_counts_again_when_it_is_retried(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient
) -> None:
    mine = [await submit(alice, f"?name=batch-{n}.png") for n in range(3)]
    job = await done(redis, settings, alice, "cancellation", {"q": "batch-", "expect": 2}, "failed")
    assert (job["progress"]["matched"], job["progress"]["changed"]) == (3, 0)
    await alice.post(f"/v1/jobs/{mine[0]}/cancellation")
    assert (await alice.post(job["links"]["retry"])).status_code == 202
    async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
        job = (await alice.get(job["links"]["self"], params={"wait": 10})).json()
    assert outcomes(job["result"]) == {"matched": 2, "cancelled": 2, "stopping": 0, "skipped": 0}


async def test_it_may_be_repeated_safely(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "tonight"}
    first, second = [await alice.post("/v1/jobs/deletion", json={"state": "failed"}, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    other = await alice.post("/v1/jobs/deletion", json={"state": "cancelled"}, headers=key)
    assert other.json()["code"] == "key_reused"


async def test_it_does_not_wait_behind_what_it_is_to_cancel(alice: httpx.AsyncClient) -> None:
    assert (await alice.post("/v1/jobs/cancellation", json={"all": True})).json()["priority"] == "high"
