"""Alerts: told once when they begin and once when they are over, to those whom they concern."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast

import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.clock import of_redis
from tasks.kind import JobContext
from tasks.maintenance import alerts
from tasks.maintenance.alerts import AlertParams
from tasks.queue.installation import note_storage_owner
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import ALERTS, ENDPOINT, ENDS, FAILING, JOB, WORKER_MS, arq_queue
from tasks.queue.series.rings import MINUTE_MS, RINGS, SAMPLE, read_series, sample
from tasks.settings import SYSTEM, Settings
from tasks.storage.open import open_storage
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.support.api.beats import beat
from tests.support.engine_running import JobClient, working
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.full_redis import fill, relieve
from tests.support.queue.submissions import submit
from tests.support.queue.trips import Trips

ADMIN, OWNER = "boss", "shop"
KEYS = f"{ADMIN}:{ADMIN}-0123456789abcdef,{OWNER}:{OWNER}-0123456789abcdef"


class AlertHarness:
    """Checks, and reads what subscribers are told. Every queue has a worker until `abandon` says otherwise."""

    def __init__(self, redis: ArqRedis) -> None:
        self.redis = redis
        self.settings = Settings(_env_file=None, api_keys=KEYS, admins=ADMIN, alert_min_ended=4)
        self.enqueuer = Enqueuer(redis, self.settings)
        self.worker = FakeWorker(redis, self.settings)
        self.endpoints = Endpoints(redis, self.settings, SecretBox.of(None))
        self.storage = open_storage(Settings(_env_file=None, storage_url="memory://"))
        self._subscribers: list[tuple[str, str]] = []

    async def open(self) -> None:
        for queue in ("media", "reports", "webhooks", "default"):
            await self.redis.set(f"{arq_queue(queue)}:health-check", "j_complete=0", px=WORKER_MS)
        for owner in (ADMIN, OWNER):
            endpoint, _ = await self.endpoints.create(
                owner, {"url": f"https://{owner}.example/", "events": ["alert.*"]}
            )
            self._subscribers.append((owner, endpoint.id))

    async def close(self) -> None:
        for owner, endpoint in self._subscribers:
            await self.endpoints.delete(owner, endpoint)

    def endpoint_of(self, owner: str) -> str:
        return dict(self._subscribers)[owner]

    async def abandon(self, queue: str) -> None:
        await self.redis.delete(f"{arq_queue(queue)}:health-check")

    async def check(self) -> dict[str, int]:
        result = await alerts.check(cast("JobContext[AlertParams]", self))
        return dict(result.value)

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Owner, type and data of the events since the last time."""
        events = [job for job in (await self.worker.claim()).jobs if job.kind == "event"]
        for event in events:
            await self.worker.finish(event)
        return [(event.owner, *json.loads(event.params).values()) for event in events]

    async def make_due(self, job_id: str, seconds: float) -> None:
        await self.redis.hset(JOB + job_id, "due_at", int((time.time() - seconds) * 1000))


@pytest.fixture
async def harness(redis: ArqRedis) -> Any:
    harness = AlertHarness(redis)
    await harness.open()
    yield harness
    await harness.close()


async def test_nothing_is_told_while_all_is_well(harness: AlertHarness) -> None:
    await submit(harness.enqueuer)
    assert await harness.check() == {"holding": 0, "fired": 0, "resolved": 0}
    assert await harness.told() == []


async def test_an_alert_is_told_once_and_resolved_once(harness: AlertHarness) -> None:
    job_id = await submit(harness.enqueuer, queue="media")
    await harness.make_due(job_id, 400)
    assert [await harness.check() for _ in range(3)] == [
        {"holding": 1, "fired": 1, "resolved": 0},
        {"holding": 1, "fired": 0, "resolved": 0},
        {"holding": 1, "fired": 0, "resolved": 0},
    ]
    [(owner, type, fired)] = await harness.told()
    assert (owner, type) == (ADMIN, "alert.fired"), "the other owner asked for alerts, but this is none of his"
    assert {name: fired[name] for name in ("alert", "subject", "limit")} == {
        "alert": "queue_age",
        "subject": "media",
        "limit": 300,
    }
    assert 399 < fired["value"] < 402
    await harness.worker.finish(await harness.worker.one(media=1))
    assert [await harness.check() for _ in range(2)] == [
        {"holding": 0, "fired": 0, "resolved": 1},
        {"holding": 0, "fired": 0, "resolved": 0},
    ]
    assert await harness.told() == [(ADMIN, "alert.resolved", fired)], "the same words, so that the two fit"
    assert await harness.redis.exists(ALERTS) == 0


async def test_many_failures_of_a_queue_are_an_alert_once_there_are_enough(harness: AlertHarness) -> None:
    for count, verb in ((1, "succeeded"), (2, "failed")):
        for _ in range(count):
            await submit(harness.enqueuer, queue="media")
            await harness.worker.finish(await harness.worker.one(media=1), verb, value=["corrupt", "odd"])
    assert (await harness.check())["fired"] == 0, "three are not enough"
    await submit(harness.enqueuer, queue="media")
    await harness.worker.finish(await harness.worker.one(media=1), "failed", value=["corrupt", "odd"])
    await harness.check()
    [(_, _, fired)] = await harness.told()
    assert (fired["alert"], fired["subject"], fired["value"], fired["limit"]) == ("failure_rate", "media", 0.75, 0.5)
    slots = [key async for key in harness.redis.scan_iter(ENDS + "*")]
    await harness.redis.delete(*slots)
    assert (await harness.check())["resolved"] == 1
    assert [type for _, type, _ in await harness.told()] == ["alert.resolved"]


async def test_each_check_samples_the_counts(harness: AlertHarness) -> None:
    earlier_ms = of_redis(await harness.redis.time()) - MINUTE_MS
    assert await sample(harness.redis, earlier_ms)
    await submit(harness.enqueuer)
    await harness.worker.finish(await harness.worker.one())
    await harness.check()
    at = int(await harness.redis.hget(SAMPLE, "at") or 0)
    series = await read_series(harness.redis, RINGS["hour"], at)
    assert at >= earlier_ms + MINUTE_MS
    if at // MINUTE_MS == earlier_ms // MINUTE_MS + 1:  # else a minute has ended in between
        assert [period.kinds["echo"]["ended"] for period in series.periods if period] == [{"succeeded": 1}]


@pytest.mark.parametrize(("due_s", "fired"), [(30, 0), (90, 1)])
async def test_a_queue_with_work_and_no_worker_is_an_alert_after_a_minute(
    harness: AlertHarness, due_s: int, fired: int
) -> None:
    await harness.abandon("reports")
    assert (await harness.check())["fired"] == 0, "nothing waits there"
    await harness.make_due(await submit(harness.enqueuer, queue="reports"), due_s)
    assert (await harness.check())["fired"] == fired
    said = [data["message"] for _, _, data in await harness.told()]
    assert all("python -m worker reports" in message for message in said)
    assert len(said) == fired


async def test_a_paused_queue_is_not_forgotten(harness: AlertHarness) -> None:
    await harness.make_due(await submit(harness.enqueuer, queue="media"), 400)
    await LaneControls(harness.redis).pause("media")
    await harness.check()
    [(_, _, fired)] = await harness.told()
    assert "is paused" in fired["message"]


async def test_an_endpoint_that_fails_for_long_is_told_to_its_owner(harness: AlertHarness) -> None:
    endpoint = harness.endpoint_of(OWNER)
    await harness.redis.zadd(FAILING, {endpoint: (time.time() - 600) * 1000})
    assert (await harness.check())["fired"] == 0, "not for long"
    await harness.redis.zadd(FAILING, {endpoint: (time.time() - 1000) * 1000})
    assert (await harness.check())["fired"] == 1
    [(owner, type, fired)] = await harness.told()
    assert (owner, type) == (OWNER, "alert.fired")
    assert (fired["alert"], fired["subject"]) == ("endpoint_failing", endpoint)
    assert "https://shop.example/" in fired["message"]
    await harness.endpoints.enable(OWNER, endpoint)
    assert (await harness.check())["resolved"] == 1
    assert [(owner, type) for owner, type, _ in await harness.told()] == [(OWNER, "alert.resolved")]


async def test_a_storage_that_is_away_for_a_worker_is_told_to_the_admins(
    harness: AlertHarness, redis: ArqRedis
) -> None:
    now_ms = int(time.time() * 1000)
    await beat(redis, storage_away_ms=now_ms - 20_000)
    assert (await harness.check())["fired"] == 0, "not for long"
    await beat(redis, storage_away_ms=now_ms - 70_000)
    assert (await harness.check())["fired"] == 1
    [(owner, type, fired)] = await harness.told()
    assert (owner, type, fired["alert"]) == (ADMIN, "alert.fired", "storage_unavailable")
    assert 69 < fired["value"] < 75
    await beat(redis)
    assert (await harness.check())["resolved"] == 1


async def test_a_storage_that_is_away_is_noticed_by_the_check_itself(harness: AlertHarness, tmp_path: Path) -> None:
    harness.storage = open_storage(Settings(_env_file=None, storage_url=f"file://{tmp_path}/storage"))
    (tmp_path / "storage").rmdir()
    (tmp_path / "storage").write_bytes(b"in the way")
    harness.settings = harness.settings.model_copy(update={"alert_storage_s": 0})
    assert (await harness.check())["fired"] == 1
    [(_, _, fired)] = await harness.told()
    assert "folder is not readable" in fired["message"]
    (tmp_path / "storage").unlink()
    assert (await harness.check())["resolved"] == 1


async def test_an_endpoint_that_was_just_deleted_is_no_alert(harness: AlertHarness) -> None:
    await harness.redis.zadd(FAILING, {"gone": 1})
    assert (await harness.check())["fired"] == 0
    assert not await harness.redis.exists(f"{ENDPOINT}gone")
    await harness.redis.zrem(FAILING, "gone")


async def test_many_endpoints_that_fail_take_as_many_trips_as_one(harness: AlertHarness) -> None:
    trips, taken = Trips(harness.redis), []
    for count in (1, 100):
        failing = [(f"{n:032x}", time.time() - 1_000) for n in range(count)]
        async with harness.redis.pipeline(transaction=False) as pipe:
            for endpoint, since in failing:
                pipe.hset(ENDPOINT + endpoint, mapping={"owner": OWNER, "url": "https://shop.example/"})
                pipe.zadd(FAILING, {endpoint: since * 1_000})
            await pipe.execute()
        await harness.check()  # loads the scripts
        await trips.begin()
        state = await alerts.read_state(harness.redis, harness.settings)
        found = await alerts.find_alerts(harness.redis, harness.settings, harness.storage, *state)
        assert [alert.since_ms for alert in found] == [int(since * 1_000) for _, since in failing]
        taken.append(await trips.since())
    assert taken[0] == taken[1]
    assert taken[0][0] <= 4
    await harness.redis.delete(FAILING, *(ENDPOINT + endpoint for endpoint, _ in failing))


async def test_two_workers_that_check_at_once_tell_it_once(harness: AlertHarness, redis: ArqRedis) -> None:
    await harness.make_due(await submit(harness.enqueuer, queue="media"), 400)
    checks = await asyncio.gather(*(harness.check() for _ in range(5)))
    assert sum(one["fired"] for one in checks) == 1
    assert len(await harness.told()) == 1


async def test_a_worker_runs_the_check_like_any_job(redis: ArqRedis) -> None:
    settings = Settings(_env_file=None, storage_url="memory://")
    job_client = JobClient(redis, settings)
    job_client.watch.start()
    async with working(redis, settings, kinds=KINDS):
        submitted = await job_client.enqueuer.enqueue(
            Submission(kind="alerts", queue="default", owner=SYSTEM, params="{}")
        )
        record = await job_client.ended(submitted.job_id)
    await job_client.watch.stop()
    assert record.result == {"holding": 0, "fired": 0, "resolved": 0}


async def test_a_full_redis_and_a_foreign_storage_are_alerts_for_the_admins(harness: AlertHarness) -> None:
    await fill(harness.redis, 90)
    await note_storage_owner(harness.redis, "a" * 32)
    try:
        assert (await harness.check())["fired"] == 2
        assert {(owner, data["alert"], data["subject"]) for owner, _, data in await harness.told()} == {
            (ADMIN, "redis_full", "redis"),
            (ADMIN, "foreign_storage", "storage"),
        }
    finally:
        await relieve(harness.redis)
        await note_storage_owner(harness.redis, None)
    assert (await harness.check())["resolved"] == 2
