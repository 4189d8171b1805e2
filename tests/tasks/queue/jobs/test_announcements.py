"""Every job that ends is an event, in the same script, for those who subscribed to it."""

import json
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import indexes
from tasks.queue.records.list import read_page
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import JOB, SUBSCRIBERS
from tasks.webhook.events import EventParams, body_of, patterns_of
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit

FILE = {"name": "small.jpg", "blob": "b" * 64, "type": "image/jpeg", "bytes": 12, "about": {"width": 256}}


async def subscribe(redis: ArqRedis, pattern: str, owner: str = "dev") -> None:
    await redis.zadd(f"{SUBSCRIBERS}{owner}:{pattern}", {"endpoint": 0})
    await redis.expire(f"{SUBSCRIBERS}{owner}:{pattern}", 60)


async def events(redis: ArqRedis, owner: str = "dev") -> list[Record]:
    return list((await read_page(redis, indexes.of_kind(owner, "event"))).records)


async def body(redis: ArqRedis, event: Record) -> Any:
    address = await redis.hget(JOB + event.id, "address")
    params = EventParams.model_validate_json(event.params)
    return json.loads(body_of(params, event.created_at, (address or b"").decode()))


@pytest.mark.parametrize("verb", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("pattern", ["job.{}", "job.*", "*"])
async def test_an_end_is_an_event_for_those_who_asked_for_it(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, verb: str, pattern: str
) -> None:
    await subscribe(redis, pattern.format(verb))
    job_id = await submit(enqueuer, name='a "b".jpg', address="https://pressroom.example")
    fields = ("files", json.dumps([FILE])) if verb == "succeeded" else ("error", '{"code": "x", "message": "größe"}')
    await worker.finish(await worker.one(), verb, fields=fields)
    (event,) = await events(redis)
    assert (event.owner, event.queue, event.name) == ("dev", "default", f"job.{verb}")
    record, told = await record_of(redis, job_id), (await body(redis, event))
    assert told["type"] == f"job.{verb}"
    data = told["data"]
    assert (data["id"], data["kind"], data["state"], data["name"]) == (job_id, record.kind, verb, 'a "b".jpg')
    assert data["links"] == {"self": f"https://pressroom.example/v1/jobs/{job_id}"}
    if verb == "succeeded":
        (file,) = data["files"]
        assert file["url"] == f"https://pressroom.example/v1/jobs/{job_id}/files/small.jpg"
        assert (file["sha256"], file["about"]) == ("b" * 64, {"width": 256})
    else:
        assert data["error"] == {"code": "x", "message": "größe"}


@pytest.mark.parametrize("pattern", ["job.failed", "invoice.*", "jobs.*"])
async def test_nobody_hears_what_nobody_asked_for(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, pattern: str
) -> None:
    await subscribe(redis, pattern)
    await subscribe(redis, "*", owner="another")
    await submit(enqueuer)
    await worker.finish(await worker.one())
    assert await events(redis) == await events(redis, "another") == []


async def test_a_job_that_is_cancelled_while_it_waits_ends_too(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore
) -> None:
    await subscribe(redis, "job.cancelled")
    await job_store.cancel(await submit(enqueuer))
    (event,) = await events(redis)
    assert json.loads(event.params)["data"]["error"]["code"] == "cancelled"


async def test_a_submit_may_ask_to_be_notified_of_its_own_end(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    notify = json.dumps({"url": "https://receiver.example/hook"})
    await submit(enqueuer, notify=notify)
    await submit(enqueuer)
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    (event,) = await events(redis)
    assert await redis.hget(JOB + event.id, "notify") == notify.encode()


@pytest.mark.parametrize("kind", ["event", "delivery", "cleanup"])
async def test_events_deliveries_and_cleanups_are_no_events(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, kind: str
) -> None:
    await subscribe(redis, "*")
    job_id = await submit(enqueuer, kind=kind)
    await worker.finish(await worker.one())
    assert [event.id for event in await events(redis)] == ([job_id] if kind == "event" else [])


async def test_a_retry_and_a_hand_back_are_no_ends(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await subscribe(redis, "*")
    await submit(enqueuer)
    await worker.finish(await worker.one(), "handed_back")
    await worker.finish(await worker.one(), "retrying", delay_ms=60_000)
    assert await events(redis) == []


def test_a_type_fits_itself_each_prefix_and_everything() -> None:
    assert patterns_of("a.b.c") == ["a.b.c", "a.b.*", "a.*", "*"]
    assert patterns_of("ping") == ["ping", "*"]
