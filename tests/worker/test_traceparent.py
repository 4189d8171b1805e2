"""`traceparent` and `tracestate` go from a submit to its job, to the event of its end, and to its webhooks."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.submission import Submission
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal
from tasks.telemetry import tracing
from tasks.webhook.custom_headers import check_headers
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness, delivering

TRACESTATE = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def webhooks(redis: ArqRedis) -> AsyncIterator[WebhookHarness]:
    async with delivering(redis) as webhooks:
        yield webhooks


async def traceparent_of(redis: ArqRedis, job_id: str) -> str | None:
    found = await redis.hget(JOB + job_id, "traceparent")
    return found.decode() if found else None


async def test_it_goes_from_an_event_to_its_deliveries(webhooks: WebhookHarness) -> None:
    async with Receiver() as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url, headers={"X-Token": "t"})
        published = await webhooks.publish(traceparent=TRACEPARENT, tracestate=TRACESTATE)
        delivery = await webhooks.delivered(published, endpoint)
        assert await traceparent_of(webhooks.redis, delivery.id) == TRACEPARENT
        await webhooks.delivered(await webhooks.publish(), endpoint)
    told, silent = receiver.requests
    assert (told.headers["traceparent"], told.headers["tracestate"]) == (TRACEPARENT, TRACESTATE)
    assert not {"traceparent", "tracestate"} & silent.headers.keys()


async def test_it_goes_from_a_job_to_the_event_of_its_end(webhooks: WebhookHarness) -> None:
    async with Receiver() as receiver:
        await webhooks.subscribe(receiver.url)
        notified = await webhooks.job_client.submit(
            "echo", traceparent=TRACEPARENT, tracestate=TRACESTATE, notify=f'{{"url": "{receiver.at("/one")}"}}'
        )
        await webhooks.job_client.ended(notified)
        told = await receiver.wait_for(2)
    assert [request.headers["traceparent"] for request in told] == [TRACEPARENT] * 2
    assert [request.headers["tracestate"] for request in told] == [TRACESTATE] * 2


async def test_it_goes_from_a_batch_to_its_jobs_and_its_own_end(webhooks: WebhookHarness) -> None:
    async with Receiver() as receiver:
        await webhooks.subscribe(receiver.url, events=["job.succeeded"])
        jobs = [Submission("nothing", "default", "dev", "{}", traceparent=TRACEPARENT)] * 2
        batch = await webhooks.job_client.enqueuer.enqueue_batch(jobs)
        told = await receiver.wait_for(3)
        assert await traceparent_of(webhooks.redis, batch.job_id) == TRACEPARENT
    assert [request.headers["traceparent"] for request in told] == [TRACEPARENT] * 3


async def test_whatever_is_submitted_in_a_step_is_part_of_its_trace(webhooks: WebhookHarness) -> None:
    with tracing.entry(TRACEPARENT, "run", "consumer", tracestate=TRACESTATE):
        inherited = await webhooks.job_client.submit("nothing")
        own = await webhooks.job_client.submit("nothing", traceparent=TRACEPARENT.replace("0af7", "1af7"))
    outside = await webhooks.job_client.submit("nothing")
    found = [await traceparent_of(webhooks.redis, job_id) for job_id in (inherited, own, outside)]
    assert found == [TRACEPARENT, TRACEPARENT.replace("0af7", "1af7"), None]
    states = [await webhooks.redis.hget(JOB + job_id, "tracestate") for job_id in (inherited, own, outside)]
    assert states == [TRACESTATE.encode(), None, None]  # another trace's state is none of its own
    for job_id in (inherited, own, outside):
        await webhooks.job_client.ended(job_id)


def test_an_endpoint_cannot_set_it_itself() -> None:
    for name, value in (("Traceparent", TRACEPARENT), ("Tracestate", TRACESTATE)):
        with pytest.raises(Refusal, match=f"{name}: This header is set by the service"):
            check_headers({name: value})
