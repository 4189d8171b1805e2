"""A worker says of itself what somebody on call wants to know."""

import json
import os
import socket
import time
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import WORKER, WORKER_MS, WORKER_RECORD_TTL_MS, WORKERS, arq_queue
from tasks.queue.watch.workers import RunningJob, WorkerRecord, read_workers
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from worker.attempts.memory import measure


async def one(redis: ArqRedis) -> WorkerRecord:
    (worker,) = (await read_workers(redis)).workers
    return worker


async def test_it_tells_who_it_is_and_what_it_runs(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.duties.heartbeat.BEAT_MS", 20)
    file = tmp_path / "go on"
    async with working(redis, settings, concurrency={"default": 10, "media": 2}) as engine:
        job_id = await job_client.submit("tell", file=str(file))
        await eventually(lambda: read_workers(redis), lambda seen: seen.workers and seen.workers[0].doing)
        worker = await one(redis)
        registry = await read_workers(redis)
        file.touch()
        record = await job_client.ended(job_id)
    assert (worker.id, worker.host, worker.pid) == (engine.worker_id, socket.gethostname(), os.getpid())
    assert (worker.queues, worker.running) == (("default", "media"), 1)
    (doing,) = worker.doing
    assert (doing.job, doing.kind, doing.queue, doing.attempt) == (job_id, "tell", "default", 1)
    assert doing.since_ms == record.started_at
    assert worker.started_ms <= worker.beat_ms <= time.time() * 1000 + 1000
    assert worker.version.count(".") == 2
    assert worker.rss_mb is not None
    assert worker.pss_mb is not None
    assert worker.rss_mb >= worker.pss_mb > 10
    assert registry.present == registry.workers
    assert (registry.serving("media"), registry.unserved) == (1, ("reports", "webhooks"))
    assert (await read_workers(redis)).workers == (), "it has removed its record"


async def test_it_notices_that_its_event_loop_was_held_up(
    redis: ArqRedis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.duties.heartbeat.BEAT_MS", 100)
    monkeypatch.setattr("worker.duties.loop_watch.LOOK_S", 0.05)
    async with working(redis, settings):
        await eventually(lambda: read_workers(redis), lambda seen: seen.workers)
        time.sleep(0.4)  # noqa: ASYNC251 - so as to hold it up
        await eventually(lambda: one(redis), lambda seen: seen.lag_ms >= 250)


async def test_one_that_died_fades(redis: ArqRedis) -> None:
    now = time.time() * 1000
    worker = WorkerRecord("a:1:0", "a", 1, ("media",), beat_ms=int(now - WORKER_MS - 1))
    await redis.set(WORKER + worker.id, worker.to_json(), px=WORKER_RECORD_TTL_MS)
    await redis.zadd(WORKERS, {worker.id: worker.beat_ms})
    registry = await read_workers(redis)
    assert registry.workers == (worker,)
    assert (registry.present, registry.serving("media")) == ((), 0)
    await redis.delete(WORKER + worker.id)
    assert (await read_workers(redis)).workers == ()


def test_workers_of_other_versions_are_understood() -> None:
    older = WorkerRecord.from_json(
        b'{"id": "a", "host": "h", "pid": 1, "queues": ["media"], "running": 2, "started_at": 5}'
    )
    assert (older.queues, older.running, older.doing) == (("media",), 2, ())
    text = json.loads(WorkerRecord("b", "h", 2, ("media",), doing=(RunningJob("j", "k", "media", 1, 7),)).to_json())
    text["doing"][0]["colour"] = text["mood"] = "new"
    assert WorkerRecord.from_json(json.dumps(text).encode()).doing == (RunningJob("j", "k", "media", 1, 7),)


async def test_a_worker_of_arqs_own_serves_its_queue(redis: ArqRedis) -> None:
    await redis.set(arq_queue("media") + ":health-check", "Nov-20 09:30:00 j_complete=0", px=WORKER_MS)
    await redis.set(
        arq_queue("default") + ":health-check", json.dumps({"a": "beat of ours, who may have left since"}), px=WORKER_MS
    )
    registry = await read_workers(redis)
    assert registry.unserved == ("reports", "webhooks", "default")


def test_memory_is_of_the_children_too() -> None:
    alone = measure()
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    try:
        both = measure()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert alone.rss_mb is not None
    assert both.rss_mb is not None
    assert both.rss_mb > alone.rss_mb * 1.2
