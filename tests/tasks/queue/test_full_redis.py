"""A full Redis: what adds is refused, what ends, cancels, deletes or repairs goes on beyond `maxmemory`."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from arq.connections import ArqRedis
from structlog.testing import capture_logs

from tasks.blob_ref import BlobRef
from tasks.maintenance.bulk import BULK
from tasks.maintenance.cleanup import CLEANUP
from tasks.queue import memory
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.memory import memory_of, observe_memory
from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, SCHEDULES, TICKING, WORKER
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.runs import read_runs
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import BuiltInSchedule, SchedulePatch, ScheduleStore
from tasks.settings import SYSTEM, Settings
from tasks.uploads.store import find_upload, forget, keep
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.support.key_leaks import key_leaks
from tests.support.kinds import KINDS
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.full_redis import fill, relieve
from tests.support.queue.submissions import record_of, submission, submit
from tools.servers import Valkey
from worker.duties.ticker import Ticker
from worker.redis_health import RedisHealth

YEARLY: SchedulePatch = {"cron": "0 0 1 1 *", "timezone": "UTC", "overlap": "skip", "misfire": "skip"}
BEYOND = 150
"""Percent: Redis itself refuses."""


@pytest.fixture(scope="module")
def own_valkey() -> Iterator[Valkey]:
    """Its limit concerns nobody else."""
    with Valkey() as server:
        yield server


@pytest.fixture
async def redis(own_valkey: Valkey) -> AsyncIterator[ArqRedis]:
    client = connect(own_valkey.url)
    await relieve(client)
    await client.flushall()
    yield client
    await relieve(client)
    leaks = await key_leaks(client)
    await close(client)
    assert leaks == []


async def refused(call: Awaitable[Any]) -> bool:
    """Whether a call is refused because Redis is full."""
    try:
        await call
    except Refusal as refusal:
        return refusal.code == "redis_full"
    return False


async def test_jobs_go_on_to_their_end_beyond_maxmemory(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    ids = [await submit(enqueuer) for _ in range(8)]
    await fill(redis, BEYOND)
    assert await refused(submit(enqueuer))
    running = (await worker.claim(6)).jobs
    assert len(running) == 6
    assert await worker.renew(*running) == []
    assert await worker.progress(running[0], 1)
    for job, verb in zip(running, ("succeeded", "failed", "cancelled", "retrying", "handed_back"), strict=False):
        assert await worker.finish(job, verb, value=["failed", "It failed."])
    job_store = JobStore(redis, settings)
    assert await job_store.cancel(running[5].id) == "running"
    assert await job_store.cancel_all([job_id for job_id in ids if job_id not in {job.id for job in running}]) == [
        "cancelled",
        "cancelled",
    ]
    assert await job_store.delete([running[0].id]) == ["deleted"]
    assert await refused(job_store.reopen([running[1].id]))
    assert (await record_of(redis, running[1].id)).state is State.FAILED
    await worker.finish(running[5], "cancelled", value=["cancelled", ""])


async def test_operations_work_beyond_maxmemory(redis: ArqRedis, settings: Settings, worker: FakeWorker) -> None:
    enqueuer = Enqueuer(redis, settings)
    job_id = await submit(enqueuer)
    await fill(redis, BEYOND)
    lanes = LaneControls(redis)
    await lanes.pause("default")
    assert (await worker.claim()).jobs == []
    await lanes.resume("default")
    beat = {"worker": "w", "at": 1, "record": "{}", "record_ms": 60_000, "checks": [], "check_ms": 60_000}
    assert await Script(redis, "run/beat")(beat)
    assert await redis.get(WORKER + "w") == b"{}"
    nothing = {"ids": [job_id], "lanes": [], "schedules": [], "endpoints": [], "queues": ["default"]}
    assert (await Script(redis, "upkeep/reconcile")({**nothing, "cursor": "7", "owner": SYSTEM, "keep": {}}))[
        "jobs"
    ] == ["fine"]
    alert = {"key": "redis_full redis", "owners": ["dev"], "data": "{}"}
    assert (await Script(redis, "upkeep/alerts")({"holding": [alert]}))["fired"] == ["{}"]
    # What makes room is accepted.
    upkeep = [await submit(enqueuer, kind=kind.name, queue=kind.queue, upkeep=True) for kind in (BULK, CLEANUP)]
    assert {job.id for job in (await worker.claim()).jobs} == {job_id, *upkeep}


async def test_listings_are_read_in_full_redis(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    ids = [await submit(enqueuer) for _ in range(3)]
    await fill(redis, BEYOND)
    listing, selection = Listing(redis), Selection(("dev/echo",))
    found = await listing.ids(selection, limit=2, cursor=None)
    following = await listing.ids(selection, limit=2, cursor=found.cursor)
    assert {*found.ids, *following.ids} == set(ids)


async def test_durable_things_are_changed_and_deleted_but_not_added(redis: ArqRedis, settings: Settings) -> None:
    endpoints, job_store = Endpoints(redis, settings, SecretBox.of(None)), JobStore(redis, settings)
    schedule_store = ScheduleStore(redis, settings)
    endpoint, _ = await endpoints.create("dev", {"url": "https://example.com/", "events": ["*"]})
    schedule = await schedule_store.create("dev", YEARLY, submission())
    upload = await keep(redis, "dev", BlobRef("a" * 64, 1), name=None, seconds=60)
    batch = await job_store.open_batch("dev")
    await fill(redis, BEYOND)
    for call in (
        endpoints.create("dev", {"url": "https://example.com/", "events": ["*"]}),
        schedule_store.create("dev", YEARLY, submission()),
        keep(redis, "dev", BlobRef("b" * 64, 1), name=None, seconds=60),
        job_store.open_batch("dev"),
    ):
        assert await refused(call)
    await endpoints.rotate("dev", endpoint.id)
    assert (await endpoints.change("dev", endpoint.id, {"enabled": False})).enabled is False
    assert (await schedule_store.change(schedule, {"paused": True})).paused
    assert await job_store.seal_batch("dev", batch)
    await forget(redis, upload)
    assert await find_upload(redis, "dev", upload.id) is None
    await endpoints.delete("dev", endpoint.id)
    await schedule_store.delete(schedule)


async def test_from_the_share_on_submits_are_refused_and_what_exists_is_answered(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    job_id = await submit(enqueuer, idempotency_key="once")
    with capture_logs() as lines:
        for percent in (90, 84, 90):  # 84 is below the limit, but not by enough to add again
            await fill(redis, percent)
            await observe_memory(redis, settings)
            assert await refused(submit(enqueuer))
            assert await refused(enqueuer.enqueue_batch([submission(), submission()]))
        assert await submit(enqueuer, idempotency_key="once") == job_id
        await fill(redis, 50)
        await observe_memory(redis, settings)
        await submit(enqueuer)
    assert [line["event"] for line in lines] == ["redis.full", "redis.room"]
    assert 89 < lines[0]["percent"] < 92
    assert len((await worker.claim()).jobs) == 2


async def test_an_unlimited_redis_is_never_full(redis: ArqRedis, settings: Settings, enqueuer: Enqueuer) -> None:
    use = await observe_memory(redis, settings)
    assert (use.percent, use.known, memory_of(redis).full) == (None, True, False)
    await submit(enqueuer)


async def test_where_info_is_forbidden_redis_itself_says_when_it_is_full(
    redis: ArqRedis, own_valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redis.acl_setuser(
        "limited", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-info"]
    )
    limited = connect(own_valkey.url.replace("//", "//limited:secret@"))
    try:
        enqueuer = Enqueuer(limited, settings)
        assert not (await observe_memory(limited, settings)).known
        await submit(enqueuer)
        await fill(redis, BEYOND)
        with capture_logs() as lines:
            assert await refused(submit(enqueuer))
            assert memory_of(limited).full
            await relieve(redis)
            await observe_memory(limited, settings)
            assert await refused(submit(enqueuer)), "it is not asked again at once"
            monkeypatch.setattr("time.monotonic", _later(time.monotonic))
            await submit(enqueuer)
        assert [line["event"] for line in lines] == ["redis.full", "redis.room"]
    finally:
        await close(limited)
        await redis.acl_deluser("limited")


def _later(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: clock() + memory.BLIND_PAUSE_S


@pytest.mark.parametrize("percent", [90, BEYOND])
async def test_a_schedule_skips_its_run_and_built_in_ones_run(
    redis: ArqRedis, settings: Settings, percent: int
) -> None:
    schedule_store, scheduler = ScheduleStore(redis, settings), Scheduler(redis, settings)
    line = BuiltInSchedule(KINDS["nothing"], "0 0 1 1 *", "Does nothing.", misfire=600)
    schedule = await schedule_store.create("dev", YEARLY, submission())
    await schedule_store.install(line)
    due_ms = await schedule_store.now_ms()
    await redis.zadd(SCHEDULES, {schedule.id: due_ms, "nothing": due_ms})
    await fill(redis, percent)
    await observe_memory(redis, settings)
    await schedule_store.install(line)
    await Ticker(redis, settings, (line,), RedisHealth()).tick()
    runs, _ = await read_runs(redis, schedule.id, limit=10, cursor=None)
    assert [(run.due_at, run.reason) for run in runs] == [(due_ms, "redis_full")]
    assert (await record_of(redis, f"nothing:{due_ms}")).state is State.QUEUED
    assert await redis.exists(TICKING) == 0
    assert await refused(scheduler.run_now(schedule))


async def test_an_alert_is_expanded_and_another_event_waits(redis: ArqRedis, settings: Settings) -> None:
    endpoint, _ = await Endpoints(redis, settings, SecretBox.of(None)).create(
        "dev", {"url": "https://example.com/", "events": ["*"]}
    )
    expand = Script(redis, "submit/expand")
    delivery = {
        "endpoint": endpoint.id,
        "lane": f"endpoint:{endpoint.id}",
        "job_indexes": "dev/delivery",
        "always": False,
    }

    def event(type: str) -> dict[str, Any]:
        one = {**delivery, "id": type}
        return {"event": "e", "type": type, "owner": "dev", "keep_ms": 60_000, "deliveries": [one]}

    await fill(redis, BEYOND)
    await observe_memory(redis, settings)
    assert await expand(event("alert.fired")) == 1
    assert await refused(expand(event("order.paid")))
    assert json.loads(await redis.hget(JOB + "alert.fired", "params") or "") == {"event": "e", "endpoint": endpoint.id}
    await relieve(redis)
    await Endpoints(redis, settings, SecretBox.of(None)).delete("dev", endpoint.id)
