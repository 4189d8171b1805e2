"""The clock of the web process' machine is minutes wrong: times are meant by Redis' clock all the same."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.queue.records.list import read
from tasks.queue.records.record import State
from tasks.queue.redis_keys import SCHEDULES

EVENT = {"type": "order.paid", "data": {}}
MINUTE_S = 60


@pytest.fixture(params=[-5 * MINUTE_S, 5 * MINUTE_S])
def wrong_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """By how much the machine's clock is wrong, in seconds."""
    wrong: int = request.param
    monkeypatch.setattr(clock, "time", SimpleNamespace(time=lambda: time.time() + wrong))
    return wrong


async def redis_time(redis: ArqRedis) -> datetime:
    return datetime.fromtimestamp((await redis.time())[0], UTC)


async def test_a_job_runs_at_the_time_that_was_said(alice: httpx.AsyncClient, redis: ArqRedis, wrong_s: int) -> None:
    run_at = await redis_time(redis) + timedelta(seconds=30)
    answer = await alice.post("/v1/events", params={"run_at": run_at.isoformat()}, json=EVENT)
    assert (answer.status_code, answer.json()["state"]) == (202, State.SCHEDULED)
    record = await read(redis, answer.json()["id"])
    assert record is not None
    assert (record.state, record.due_at) == (State.SCHEDULED, int(run_at.timestamp() * 1000))


async def test_a_time_that_has_passed_means_now(alice: httpx.AsyncClient, redis: ArqRedis, wrong_s: int) -> None:
    run_at = await redis_time(redis) - timedelta(seconds=30)
    answer = await alice.post("/v1/events", params={"run_at": run_at.isoformat()}, json=EVENT)
    assert (answer.status_code, answer.json()["state"]) == (202, State.QUEUED)
    record = await read(redis, answer.json()["id"])
    assert record is not None
    assert (record.state, record.due_at) == (State.QUEUED, record.created_at)


async def test_a_schedule_is_due_next_within_its_minute(
    alice: httpx.AsyncClient, redis: ArqRedis, wrong_s: int
) -> None:
    schedule = {"cron": "* * * * *", "job": {"kind": "event", **EVENT}}
    answer = await alice.post("/v1/schedules", json=schedule)
    assert answer.status_code == 201, answer.text
    path = f"/v1/schedules/{answer.json()['id']}"
    for changes in ((), ({"paused": True}, {"paused": False})):
        for change in changes:
            assert (await alice.patch(path, json=change)).status_code == 200
        now_ms = (await redis.time())[0] * 1000
        due_ms = await redis.zscore(SCHEDULES, answer.json()["id"])
        assert due_ms is not None
        assert -2_000 < due_ms - now_ms <= MINUTE_S * 1000 + 2_000
    assert (await alice.delete(path)).status_code == 204
