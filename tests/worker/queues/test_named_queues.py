"""Queues that are made by naming them: a worker serves them by name and by pattern."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.redis_keys import QUEUE
from tasks.queue.watch.workers import read_workers
from tasks.settings import Settings
from tasks.settings.queues import read_entries
from tests.support.engine_running import JobClient, engine_for
from tests.support.eventually import eventually
from worker.attempts.queue_plan import QueuePlan


@asynccontextmanager
async def serving(redis: ArqRedis, settings: Settings, *entries: str) -> AsyncIterator[None]:
    """An engine that serves these queues until the block ends."""
    plan = QueuePlan(read_entries(entries), settings)
    engine = engine_for(redis, settings, concurrency=plan.slots().concurrency, plan=plan)
    run = asyncio.create_task(engine.run())
    try:
        yield
    finally:
        engine.stop()
        await run


async def test_a_worker_runs_jobs_of_a_queue_that_it_names(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with serving(redis, settings, "emails:3"):
        await eventually(lambda: redis.zcard(MADE_QUEUES), lambda queues: queues == 1)
        record = await job_client.ended(await job_client.submit("nothing", queue="emails"))
        registry = await eventually(lambda: read_workers(redis), lambda seen: bool(seen.workers))
    assert (record.state, record.queue) == ("succeeded", "emails")
    assert await redis.zrange(MADE_QUEUES, 0, -1) == [b"emails"]
    assert await redis.hmget(QUEUE + "emails", "made_by", "slots") == [b"system", b"3"]
    assert registry.workers[0].queues == ("emails",)


async def test_one_with_a_pattern_serves_what_is_made_later(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.duties.heartbeat.BEAT_MS", 50)
    async with serving(redis, settings, "crm-*:2"):
        await eventually(lambda: read_workers(redis), lambda seen: bool(seen.workers))
        await redis.zadd(MADE_QUEUES, {"crm-mail": 1, "emails": 2})
        record = await job_client.ended(await job_client.submit("nothing", queue="crm-mail"))
        registry = await read_workers(redis)
    assert record.state == "succeeded"
    assert (registry.workers[0].queues, registry.workers[0].patterns) == (("crm-mail",), ("crm-*",))


async def test_queues_of_a_pattern_share_its_slots_and_a_high_one_comes_first(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    await redis.zadd(MADE_QUEUES, {"crm-a": 1, "crm-b": 1, "crm-c": 1})
    await redis.hset(QUEUE + "crm-c", "rank", "high")
    await redis.hset(QUEUE + "crm-b", "rank", "low")
    file = tmp_path / "go on"
    ids = {}
    for queue in ("crm-b", "crm-a", "crm-c", "crm-c"):
        ids[queue] = await job_client.submit("tell", queue=queue, file=str(file))
    async with serving(redis, settings, "crm-*:3"):
        running = await eventually(lambda: read_workers(redis), lambda seen: seen.workers and seen.workers[0].running)
        assert running.workers[0].running == 3
        waits = await job_client.read(ids["crm-b"])
        assert waits.state == "queued"
        file.touch()
        for job_id in ids.values():
            assert (await job_client.ended(job_id)).state == "succeeded"


async def test_a_queue_has_no_more_running_than_it_may_with_all_workers(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    await redis.zadd(MADE_QUEUES, {"emails": 1})
    await redis.hset(QUEUE + "emails", "max_running", 1)
    file = tmp_path / "go on"
    ids = [await job_client.submit("tell", queue="emails", file=str(file)) for _ in range(3)]
    async with serving(redis, settings, "emails:3"), serving(redis, settings, "emails:3"):

        async def states() -> list[str]:
            return sorted([(await job_client.read(job_id)).state.value for job_id in ids])

        await eventually(states, lambda seen: "running" in seen)
        # Claims of each worker later it is still so.
        seen = int(await redis.hget(QUEUE + "emails", "seen") or 0)
        await eventually(lambda: redis.hget(QUEUE + "emails", "seen"), lambda now: int(now or 0) > seen + 900)
        assert await states() == ["queued", "queued", "running"]
        file.touch()
        for job_id in ids:
            assert (await job_client.ended(job_id)).state == "succeeded"


async def test_what_a_worker_serves_and_with_how_many_slots(settings: Settings) -> None:
    queues: list[dict[str, Any]] = [
        {"name": "media", "concurrency": 7},
        {"name": "crm-a", "concurrency": 2},
        {"name": "crm-b", "rank": "high"},
        {"name": "emails", "concurrency": 3},
        {"name": "other"},
    ]
    plan = QueuePlan(read_entries(["media", "emails:50", "crm-*:5"]), settings)
    planned = plan.slots(queues)
    assert planned.concurrency == {"crm-b": 5, "media": 7, "emails": 50, "crm-a": 2}
    assert next(iter(planned.concurrency)) == "crm-b"
    assert planned.shares == {"crm-a": "crm-*", "crm-b": "crm-*"}
    assert planned.shared == {"crm-*": 5}
    assert QueuePlan((), settings).slots().concurrency == {
        "media": settings.media_concurrency,
        "reports": settings.reports_concurrency,
        "webhooks": settings.webhooks_concurrency,
        "default": settings.default_concurrency,
    }


@pytest.mark.parametrize(
    "text", ["Emails", "emails:0", "emails:", "a b:x", "service", "health-check", "a:1 a:2", "é", "-a", "-*:2"]
)
def test_a_setting_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"queue|meaning"):
        Settings(_env_file=None, queues=text)
