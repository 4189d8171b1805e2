"""Queues that are made by naming them: which there may be, and when they go."""

import asyncio
from dataclasses import replace

import pytest
from arq.connections import ArqRedis

from tasks.accounts.quotas import Quotas
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.queues.queue_keys import MADE_QUEUES, QUEUE_IDLE_MS
from tasks.queue.queues.queue_store import QueueStore
from tasks.queue.redis_keys import LANE, QUEUE
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker


@pytest.fixture
def store(redis: ArqRedis) -> QueueStore:
    return QueueStore(redis, max_queues=3)


async def make(store: QueueStore, *names: str) -> None:
    for name in names:
        await store.put(name, owner="ops", concurrency=None, max_running=None, rank="normal")


def submission(queue: str, settings: Settings, own: int | None = 0, owner: str = "alice") -> Submission:
    quotas = replace(Quotas.of(settings), queues=own)
    return Submission(kind="nothing", queue=queue, owner=owner, params="{}", quotas=quotas)


async def names(redis: ArqRedis) -> list[str]:
    return sorted(name.decode() for name in await redis.zrange(MADE_QUEUES, 0, -1))


async def refusal(enqueuer: Enqueuer, wanted: Submission) -> tuple[str, str | None, float | None]:
    with pytest.raises(Refusal) as refused:
        await enqueuer.enqueue(wanted)
    return refused.value.code, refused.value.field, refused.value.limit


async def test_a_submit_makes_the_queue_that_it_names(redis: ArqRedis, settings: Settings) -> None:
    enqueuer = Enqueuer(redis, settings)
    assert await refusal(enqueuer, submission("emails", settings)) == ("forbidden", "queue", 0)
    assert await names(redis) == []
    submitted = await enqueuer.enqueue(submission("emails", settings, own=1))
    assert await names(redis) == ["emails"]
    assert await redis.hget(QUEUE + "emails", "made_by") == b"alice"
    assert (await FakeWorker(redis, settings).claim(emails=5)).ids == [submitted.job_id]
    # It is there now: any owner may use it, but the one who made it may make no second.
    await enqueuer.enqueue(submission("emails", settings, owner="bob"))
    assert await refusal(enqueuer, submission("imports", settings, own=1)) == ("forbidden", "queue", 1)


async def test_there_are_no_more_than_may_be_made_at_once(redis: ArqRedis, settings: Settings) -> None:
    changed = settings.model_copy(update={"max_queues": 3})
    enqueuer = Enqueuer(redis, changed)
    wanted = [submission(f"q{n}", settings, own=None) for n in range(8)]
    answers = await asyncio.gather(*map(enqueuer.enqueue, wanted), return_exceptions=True)
    refused = [one.code for one in answers if isinstance(one, Refusal)]
    assert refused == ["too_many_queues"] * 5
    assert len(await names(redis)) == 3


async def test_what_is_set_of_a_queue_is_replaced_as_a_whole(redis: ArqRedis, store: QueueStore) -> None:
    await store.put("emails", owner="ops", concurrency=4, max_running=9, rank="high")
    assert await redis.hmget(QUEUE + "emails", "concurrency", "max_running", "rank") == [b"4", b"9", b"high"]
    await make(store, "emails", "media")
    assert await redis.hmget(QUEUE + "emails", "concurrency", "max_running", "rank") == [None, None, None]
    assert await names(redis) == ["emails"], "media is always there"


@pytest.mark.parametrize(
    "name", ["", "E", "a/b", "a:b", "x" * 41, "service", "health-check", "arq/queue", "--pickle", "a\n"]
)
async def test_some_names_are_none(store: QueueStore, name: str) -> None:
    with pytest.raises(Refusal, match="queue"):
        await make(store, name)


async def test_one_with_jobs_is_not_deleted(redis: ArqRedis, settings: Settings, store: QueueStore) -> None:
    submitted = await Enqueuer(redis, settings).enqueue(submission("emails", settings, own=1))
    with pytest.raises(Refusal) as refused:
        await store.delete("emails")
    assert refused.value.code == "queue_in_use"
    with pytest.raises(Refusal):
        await store.delete("media")
    await JobStore(redis, settings).cancel(submitted.job_id)
    await store.delete("emails")
    assert (await names(redis), await redis.exists(QUEUE + "emails")) == ([], 0)


async def test_one_that_is_empty_and_unserved_for_a_day_goes(
    redis: ArqRedis, settings: Settings, store: QueueStore
) -> None:
    await make(store, "served", "idle")
    submitted = await Enqueuer(redis, settings).enqueue(submission("full", settings, own=1))
    await FakeWorker(redis, settings).claim(served=0)
    now_ms = int((await redis.time())[0]) * 1000
    long_ago = now_ms - QUEUE_IDLE_MS - 2_000
    await redis.zadd(MADE_QUEUES, dict.fromkeys(("served", "idle", "full"), long_ago))
    assert await store.expire() == ["idle"]
    assert await names(redis) == ["full", "served"]
    assert await redis.exists(QUEUE + "idle") == 0
    # Its day begins when it is empty.
    await JobStore(redis, settings).cancel(submitted.job_id)
    assert await store.expire() == []
    await redis.zadd(MADE_QUEUES, {"full": long_ago})
    assert await store.expire() == ["full"]


async def test_a_retry_brings_its_queue_back(redis: ArqRedis, settings: Settings, store: QueueStore) -> None:
    submitted = await Enqueuer(redis, settings).enqueue(submission("emails", settings, own=1))
    jobs = JobStore(redis, settings)
    await jobs.cancel(submitted.job_id)
    await store.delete("emails")
    assert await jobs.reopen([submitted.job_id]) == ["reopened"]
    assert await names(redis) == ["emails"]
    assert (await FakeWorker(redis, settings).claim(emails=5)).ids == [submitted.job_id]


async def test_an_owners_cap_holds_in_a_queue_that_is_made_later(redis: ArqRedis, settings: Settings) -> None:
    await redis.hset(LANE + "default:owner:alice", "cap", 1)
    enqueuer = Enqueuer(redis, settings)
    for _ in range(3):
        await enqueuer.enqueue(submission("emails", settings, own=1))
    assert len((await FakeWorker(redis, settings).claim(emails=5)).ids) == 1


async def test_a_worker_that_still_serves_one_that_was_deleted_brings_nothing_of_it_back(
    redis: ArqRedis, settings: Settings, store: QueueStore
) -> None:
    await make(store, "emails")
    await FakeWorker(redis, settings).claim(emails=5)
    await store.delete("emails")
    await FakeWorker(redis, settings).claim(emails=5)
    slots = {"worker": "worker-1", "slots": {"emails": 5}, "named": [], "max_queues": 3, "owner": "system"}
    answer = await Script(redis, "run/slots")(slots)
    assert "emails" not in [queue["name"] for queue in answer["queues"]]
    assert await redis.keys("*emails*") == []


async def test_one_that_is_paused_stays(redis: ArqRedis, store: QueueStore) -> None:
    await make(store, "emails")
    await LaneControls(redis).pause("emails", by="ops")
    await redis.zadd(MADE_QUEUES, {"emails": 1})
    assert await store.expire() == []
    assert await names(redis) == ["emails"]
    await LaneControls(redis).resume("emails")
    assert await store.expire() == ["emails"]


async def test_a_queue_of_an_application_is_made_by_its_worker_and_counts_and_goes_as_others(
    redis: ArqRedis, store: QueueStore
) -> None:
    beat = Script(redis, "run/slots")

    async def serve(queue: str) -> tuple[list[str], list[str]]:
        rules = {"max_queues": 1, "owner": "system"}
        answer = await beat({"worker": "w", "slots": {queue: 5}, "named": [queue], **rules})
        return answer["refused"], [one["name"] for one in answer["queues"]]

    refused, served = await serve("arq/shop:queue")
    assert (refused, sorted(served)) == ([], ["default", "media", "reports", "webhooks"]), "no pattern means it"
    assert (await serve("arq/other"))[0] == ["arq/other"]
    assert await names(redis) == ["arq/shop:queue"]
    with pytest.raises(Refusal, match="max_jobs in its WorkerSettings"):
        await make(store, "arq/shop:queue")
    await redis.zadd(MADE_QUEUES, {"arq/shop:queue": 1})
    assert await store.expire() == ["arq/shop:queue"]
    assert await redis.exists(QUEUE + "arq/shop:queue") == 0
    await redis.delete(QUEUE + "arq/other")  # the beat has it expire
