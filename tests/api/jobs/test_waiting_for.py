"""A job says why it waits, which attempt runs, and what became of the others."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from arq.constants import health_check_key_suffix

from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import JOB, SLOTS, WORKERS, arq_queue
from tasks.settings import Settings
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.subscribers import subscribe
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.fan_out import expand, to


@pytest.fixture
def lanes(redis: ArqRedis) -> LaneControls:
    return LaneControls(redis)


async def serve(redis: ArqRedis, *queues: str, slots: int = 4) -> None:
    """A worker has just shown that it serves these queues."""
    seconds, microseconds = await redis.time()
    await redis.zadd(WORKERS, {WORKER: seconds * 1000 + microseconds // 1000})
    await redis.expire(WORKERS, 60)
    for queue in queues:
        await redis.hset(SLOTS + queue, WORKER, slots)
        await redis.expire(SLOTS + queue, 60)


async def submit(client: httpx.AsyncClient, **query: str) -> str:
    answer = await client.post("/v1/images", content=PNG, params=query)
    assert "waiting_for" not in answer.json(), "the answer to a submit is one script"
    job_id: str = answer.json()["id"]
    return job_id


async def job(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(f"/v1/jobs/{job_id}")).json()
    return found


async def reasons(client: httpx.AsyncClient, job_id: str) -> list[dict[str, Any]] | None:
    return (await job(client, job_id)).get("waiting_for")


async def test_without_a_worker_of_its_queue(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    job_id = await submit(alice)
    assert await reasons(alice, job_id) == [{"reason": "no_worker"}]
    await serve(redis, "reports")
    assert await reasons(alice, job_id) == [{"reason": "no_worker"}]
    await redis.hset(SLOTS + "media", "gone-worker", 4)
    await redis.expire(SLOTS + "media", 60)
    assert await reasons(alice, job_id) == [{"reason": "no_worker"}], "the last beat of that one is old"
    await serve(redis, "media")
    assert await reasons(alice, job_id) == [{"reason": "turn", "ahead": 0}]
    behind = await submit(alice)
    assert await reasons(alice, behind) == [{"reason": "turn", "ahead": 1}]


async def test_a_worker_of_arqs_own_serves_too(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    job_id = await submit(alice)
    await redis.set(arq_queue("media") + health_check_key_suffix, "Nov-27 15:00:00 j_complete=0", px=60_000)
    assert await reasons(alice, job_id) == [{"reason": "turn", "ahead": 0}]


async def test_in_a_paused_queue(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await serve(redis, "media")
    await LaneControls(redis).pause("media")
    [reason] = await reasons(alice, await submit(alice)) or []
    assert reason["reason"] == "paused_queue"
    assert reason["since"].endswith("Z")
    await LaneControls(redis).resume("media")


async def test_for_its_time_and_for_other_jobs(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    first, second = await submit(alice), await submit(alice)
    waits = await submit(alice, after=f"{first},{second}", delay="3600")
    due = (await job(alice, waits))["due_at"]
    assert await reasons(alice, waits) == [
        {"reason": "due_time", "until": due},
        {"reason": "prerequisites", "jobs": [first, second]},
    ]
    await worker.end(first)
    assert (await reasons(alice, waits) or [])[1] == {"reason": "prerequisites", "jobs": [second]}
    await worker.end(second)
    assert await reasons(alice, waits) == [{"reason": "due_time", "until": due}]
    assert await reasons(alice, first) is None


async def test_for_the_cap_of_its_owner(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, lanes: LaneControls
) -> None:
    await serve(redis, "media")
    await lanes.limit("media", "owner:alice", cap=1)
    runs = await submit(alice)
    await worker.begin()
    waits = await submit(alice)
    assert await reasons(alice, waits) == [{"reason": "cap", "cap": 1, "running": 1}]
    assert await reasons(alice, runs) is None
    await lanes.limit("media", "owner:alice", cap=0)


async def test_a_delivery_waits_for_its_parked_endpoint(
    alice: httpx.AsyncClient, redis: ArqRedis, lanes: LaneControls
) -> None:
    await serve(redis, "webhooks")
    endpoint = (await subscribe(alice))["id"]
    event = (await alice.post("/v1/events", json={"type": "a.b", "data": {}})).json()["id"]
    delivery = to(event, endpoint, "alice")
    await expand(redis, event, delivery, owner="alice")
    assert await reasons(alice, str(delivery["id"])) == [{"reason": "turn", "ahead": 0}]
    await lanes.park("webhooks", f"endpoint:{endpoint}", 60_000)
    for path in (f"/v1/jobs/{delivery['id']}", f"/v1/deliveries/{delivery['id']}"):
        [reason] = (await alice.get(path)).json()["waiting_for"]
        assert reason["reason"] == "parked_lane"
        assert reason["until"] > (await job(alice, event))["created_at"]


@pytest.mark.parametrize(
    ("change", "expected"), [({"lane": None}, None), ({"queue": "nowhere"}, [{"reason": "no_worker"}])]
)
async def test_a_record_that_has_lost_some_of_it_is_answered(
    alice: httpx.AsyncClient,
    redis: ArqRedis,
    change: dict[str, str | None],
    expected: list[dict[str, str]] | None,
) -> None:
    job_id = await submit(alice)
    [(name, value)] = change.items()
    kept = await redis.hget(JOB + job_id, name)
    assert kept is not None
    await (redis.hdel(JOB + job_id, name) if value is None else redis.hset(JOB + job_id, name, value))
    assert await reasons(alice, job_id) == expected
    await redis.hset(JOB + job_id, name, kept)


async def test_a_list_says_it_when_asked(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    runs = await submit(alice)
    await worker.begin()
    waits = await submit(alice)
    plain = (await alice.get("/v1/jobs")).json()["jobs"]
    assert all("waiting_for" not in one for one in plain)
    asked = (await alice.get("/v1/jobs?waiting_for=true")).json()["jobs"]
    assert {one["id"]: one.get("waiting_for") for one in asked} == {waits: [{"reason": "no_worker"}], runs: None}


async def test_the_attempt_that_runs_is_shown(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    await worker.begin()
    running = await job(alice, job_id)
    assert running["attempts"] == [
        {"number": 1, "worker": WORKER, "started_at": running["started_at"], "outcome": "running"}
    ]
    await worker.end(job_id)
    assert [attempt["outcome"] for attempt in (await job(alice, job_id))["attempts"]] == ["succeeded"]


async def test_a_lapsed_attempt_and_a_suspect_are_told_in_words(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    await serve(redis, "media")
    fake, job_id = FakeWorker(redis, settings), await submit(alice)
    for _ in range(2):
        await lapse(redis, await fake.one(media=1))
        assert (await fake.claim(media=0)).jobs == []
    seen = await job(alice, job_id)
    assert [attempt["outcome"] for attempt in seen["attempts"]] == ["lapsed", "lapsed"]
    for attempt in seen["attempts"]:
        assert attempt["error"]["code"] == "lapsed"
        assert "The worker worker-1 died" in attempt["error"]["message"]
    assert seen["waiting_for"] == [{"reason": "suspect"}]
    await lapse(redis, await fake.one(media=1))
    assert (await fake.claim(media=0)).jobs == []
    poisoned = await job(alice, job_id)
    assert (poisoned["state"], poisoned["error"]["code"]) == ("failed", "poison")
    assert "then retry it" in poisoned["error"]["message"]
    ends = [attempt["error"]["message"].partition("this attempt. ")[2] for attempt in poisoned["attempts"]]
    assert ends == [*["The job is run again, and no try is used up."] * 2, "The job is not run again by itself."]
