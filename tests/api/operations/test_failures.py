"""/v1/failures: failed jobs by kind and code, and the query that lists each group."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG

TRUNCATED = ("truncated", "The file ends early.")
TIMED_OUT = ("timed_out", "It took too long.")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def failed(client: httpx.AsyncClient, worker: ManualWorker, error: tuple[str, str] = TRUNCATED) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, "failed", error=error)
    return job_id


async def failures(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    answer = await client.get("/v1/failures", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(client: httpx.AsyncClient, group: dict[str, Any]) -> set[str]:
    answer = await client.get(group["jobs"])
    assert answer.status_code == 200, answer.text
    return {job["id"] for job in answer.json()["jobs"]}


async def test_nothing_has_failed_at_first(alice: httpx.AsyncClient) -> None:
    await alice.post("/v1/images", content=PNG)
    assert await failures(alice) == {"groups": [], "left_out": 0, "walked": 0, "at_least": False}


async def test_failed_jobs_are_grouped_and_each_group_lists_its_jobs(
    alice: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis, settings: Settings
) -> None:
    timed_out = await failed(alice, worker, TIMED_OUT)
    truncated = [await failed(alice, worker, ("truncated", f"No. {n}")) for n in range(3)]
    table = {"content": b"a\n1\n", "headers": {"Content-Type": "text/csv"}}
    report = (await alice.post("/v1/reports", **table)).json()["id"]  # type: ignore[arg-type]
    await worker.end(report, "failed", error=TIMED_OUT)
    submission = Submission("delivery", "media", "alice", '{"event": "1", "endpoint": "2"}')
    deliveries = [(await Enqueuer(redis, settings).enqueue(submission)).job_id for _ in range(2)]
    for job_id in deliveries:
        await worker.end(job_id, "failed", error=("bad_status", "The receiver answered 503."))
    for verb in ("succeeded", "cancelled"):
        done = (await alice.post("/v1/images", content=PNG)).json()["id"]
        await worker.end(done, verb, error=None if verb == "succeeded" else TRUNCATED)
    found = await failures(alice)
    assert (found["walked"], found["at_least"], found["left_out"]) == (7, False, 0)
    groups = {(group["kind"], group["code"]): group for group in found["groups"]}
    assert [(*cause, group["count"]) for cause, group in groups.items()] == [
        ("thumbnail", "truncated", 3),
        ("delivery", "bad_status", 2),
        ("report", "timed_out", 1),
        ("thumbnail", "timed_out", 1),
    ], "of as many jobs, the group of the newest is the first"
    assert await listed(alice, groups["thumbnail", "truncated"]) == {*truncated}
    assert await listed(alice, groups["delivery", "bad_status"]) == {*deliveries}
    assert await listed(alice, groups["thumbnail", "timed_out"]) == {timed_out}
    group = groups["thumbnail", "truncated"]
    newest = (await alice.get(f"/v1/jobs/{truncated[-1]}")).json()
    assert group["newest"] == {
        "id": truncated[-1],
        "owner": "alice",
        "created_at": newest["created_at"],
        "finished_at": newest["finished_at"],
        "message": "No. 2",
    }
    assert [(one["id"], one["message"]) for one in group["examples"]] == [
        (truncated[n], f"No. {n}") for n in (2, 1, 0)
    ], "the newest first"
    assert group["oldest_at"] == (await alice.get(f"/v1/jobs/{truncated[0]}")).json()["created_at"]


async def test_one_that_is_retried_or_deleted_is_not_counted(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    retried, deleted, kept = [await failed(alice, worker) for _ in range(3)]
    await alice.post(f"/v1/jobs/{retried}/retry")
    await alice.delete(f"/v1/jobs/{deleted}")
    [group] = (await failures(alice))["groups"]
    assert (group["count"], group["newest"]["id"]) == (1, kept)


async def test_owners_see_their_own_and_admins_anothers_and_everyones(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    mine, theirs = await failed(alice, worker), await failed(bob, worker)
    for client, query, expected in (
        (alice, {}, {mine}),
        (bob, {}, {theirs}),
        (alice, {"owner": "bob"}, {theirs}),
        (alice, {"owner": "*"}, {mine, theirs}),
    ):
        [group] = (await failures(client, **query))["groups"]
        assert group["count"] == len(expected)
        assert await listed(client, group) == expected
    for owner in ("alice", "*"):
        refused = await bob.get("/v1/failures", params={"owner": owner})
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, "forbidden", "owner")


async def test_times_are_of_submission_and_both_included(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    first, second, _ = [await failed(alice, worker) for _ in range(3)]
    times = [(await alice.get(f"/v1/jobs/{job_id}")).json()["created_at"] for job_id in (first, second)]
    [group] = (await failures(alice, since=times[0], until=times[1]))["groups"]
    assert (group["count"], group["newest"]["id"]) == (2, second)
    assert await listed(alice, group) == {first, second}
    assert (await failures(alice, until="2026-01-01"))["groups"] == []


async def test_what_is_looked_at_is_bounded_and_the_answer_says_so(
    alice: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await failed(alice, worker, TIMED_OUT)
    newer = [await failed(alice, worker) for _ in range(4)]
    monkeypatch.setattr("tasks.queue.records.failures.STEP", 2)
    await redis.config_resetstat()
    found = await failures(alice, walk="4")
    assert (found["walked"], found["at_least"]) == (4, True)
    assert [(group["code"], group["count"]) for group in found["groups"]] == [("truncated", 4)]
    assert {"cmdstat_scan", "cmdstat_keys"}.isdisjoint(await redis.info("commandstats"))
    found = await failures(alice, walk="5")
    assert (found["walked"], found["at_least"]) == (5, False), "in three steps, of which the last has one job"
    monkeypatch.setattr("api.operations.failures.GROUPS_AT_MOST", 1)
    found = await failures(alice)
    assert ([group["count"] for group in found["groups"]], found["left_out"]) == ([len(newer)], 1)
    await redis.hset(JOB + old, "expires_at", 1)
    found = await failures(alice)
    assert (found["left_out"], found["walked"]) == (0, 5), "one that has expired is looked at, but not counted"


@pytest.mark.parametrize(
    ("query", "field"), [("since=yesterday", "since"), ("kind=thumbnail", "kind"), ("owner=", "owner")]
)
async def test_a_wrong_query_is_refused(alice: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await alice.get(f"/v1/failures?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
