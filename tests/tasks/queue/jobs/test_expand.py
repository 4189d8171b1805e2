"""An event becomes deliveries: once each, whatever is said again."""

import json

from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records import indexes
from tasks.queue.records.list import read, read_page
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, ENDPOINT
from tasks.webhook.events import delivery_id
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import enable, expand, to
from tests.support.queue.submissions import record_of, submit


async def test_each_endpoint_gets_a_delivery_in_a_lane_of_its_own(redis: ArqRedis) -> None:
    await enable(redis, "a", "b")
    assert await expand(redis, "e1", to("e1", "a"), to("e1", "b")) == 2
    record = await read(redis, delivery_id("e1", "b"))
    assert record is not None
    assert (record.kind, record.queue, record.state, record.owner) == ("delivery", "webhooks", State.QUEUED, "dev")
    assert json.loads(record.params) == {"event": "e1", "endpoint": "b"}
    assert (record.event, record.name) == ("e1", "invoice.paid")
    for endpoint in "ab":
        assert await redis.zrange(f"{BACKLOG}webhooks:endpoint:{endpoint}", 0, -1) == [
            delivery_id("e1", endpoint).encode()
        ]


async def test_said_again_it_adds_nothing_even_when_deliveries_have_ended(redis: ArqRedis, worker: FakeWorker) -> None:
    await enable(redis, "a", "b")
    await expand(redis, "e1", to("e1", "a"))
    (job,) = (await worker.claim(webhooks=10)).jobs
    await worker.finish(job)
    assert await expand(redis, "e1", to("e1", "a"), to("e1", "b")) == 1
    assert (await worker.claim(webhooks=10)).ids == [delivery_id("e1", "b")]


async def test_endpoints_that_are_disabled_or_gone_by_now_are_passed_over(redis: ArqRedis) -> None:
    await enable(redis, "a", "b")
    await redis.hset(ENDPOINT + "a", "enabled", "0")
    assert await expand(redis, "e1", to("e1", "a"), to("e1", "b"), to("e1", "gone")) == 1
    assert await read(redis, delivery_id("e1", "a")) is None
    assert await expand(redis, "e1", to("e1", "a", always=True)) == 1, "a test is delivered in any case"


async def test_deliveries_are_listed_by_owner_endpoint_and_event_but_not_among_jobs(redis: ArqRedis) -> None:
    await enable(redis, "a", "b")
    await expand(redis, "e1", to("e1", "a"), to("e1", "b"))
    await expand(redis, "e2", to("e2", "a"))

    async def listed(job_index: str, state: State | None = None, *, stateless: bool = False) -> list[str]:
        page = await read_page(redis, job_index, state=state, stateless=stateless)
        return sorted(record.id for record in page.records)

    first, second, third = delivery_id("e1", "a"), delivery_id("e1", "b"), delivery_id("e2", "a")
    assert await listed(indexes.of_deliveries("dev")) == sorted([first, second, third])
    assert await listed(indexes.of_endpoint("a"), State.QUEUED) == sorted([first, third])
    assert await listed(indexes.of_event("e1"), stateless=True) == sorted([first, second])
    assert not set(indexes.of_job("dev", "delivery").split()) & set(indexes.of_owner("dev", ["event", "delivery"]))


async def test_the_record_of_the_event_counts_its_deliveries_by_state(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await enable(redis, "a", "b", "c")
    event = await submit(enqueuer, kind="event", queue="default", params='{"type":"invoice.paid","data":{}}')
    await expand(redis, event, *(to(event, one) for one in "abc"))

    async def tally() -> dict[str, int]:
        return dict((await record_of(redis, event)).tally)

    assert await tally() == {"queued": 3}
    first, second, third = (await worker.claim(webhooks=10)).jobs
    assert await tally() == {"running": 3}
    await worker.finish(first)
    await worker.finish(second, "retrying", delay_ms=60_000)
    await worker.finish(third, "failed", value=["bad_status", "500"])
    assert await tally() == {"succeeded": 1, "retrying": 1, "failed": 1}
