"""An ordered endpoint gets its events in their order, though its receiver fails and workers are killed and replaced."""

import asyncio
from dataclasses import dataclass, field
from itertools import groupby

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.indexes import of_deliveries, of_kind
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOBS
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints, open_box
from tests.chaos.load import LOOPBACK
from tests.chaos.test_shutdown import exit_code
from tests.support.engine_running import JobClient
from tests.support.key_leaks import key_leaks
from tests.support.processes import worker_process
from tests.support.queue.fake_worker import look_now
from tests.support.receiver_behaviours import Exchange, HangUp, behaviour
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness
from tools.servers import Valkey

IMPATIENT = {**LOOPBACK, "SHUTDOWN_GRACE_S": "0.2"}
PATIENCE_S = 30.0


@dataclass(slots=True)
class StumblingReceiver(Receiver):
    """Refuses the first try of every fifth event, and answers the first try of every seventh never.

    hanging: while one waits for its answer. seen: the events that came.
    """

    behaviour: str = "stumbling"
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list)


@behaviour
async def stumbling(exchange: Exchange) -> None:
    receiver = exchange.receiver
    assert isinstance(receiver, StumblingReceiver)
    event = exchange.request.headers["webhook-id"]
    if event in receiver.seen:
        await exchange.answer()
        return
    receiver.seen.append(event)
    number = len(receiver.seen)
    if number % 7 == 0:
        receiver.hanging.set()
        await asyncio.sleep(PATIENCE_S)
        raise HangUp
    await exchange.answer(503 if number % 5 == 0 else 200)


@pytest.fixture
def webhooks(mortal_redis: ArqRedis, settings: Settings, job_client: JobClient) -> WebhookHarness:
    return WebhookHarness(mortal_redis, settings, Endpoints(mortal_redis, settings, open_box(settings)), job_client)


async def running(redis: ArqRedis) -> dict[str, str]:
    """What some worker has in hand, and the queue of each."""
    queues = {of_deliveries("dev"): "webhooks", of_kind("dev", "event"): "default"}
    return {
        one.decode(): queue
        for index, queue in queues.items()
        for one in await redis.zrange(f"{JOBS}{index}:{State.RUNNING}", 0, -1)
    }


@pytest.mark.parametrize("events", [20, pytest.param(200, marks=[pytest.mark.long, pytest.mark.seconds(300)])])
async def test_the_order_survives_failures_kills_and_deploys(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, settings: Settings, webhooks: WebhookHarness, events: int
) -> None:
    job_store, deploys = JobStore(mortal_redis, settings), 0

    async def workers(receiver: StumblingReceiver) -> None:
        """One worker after the other: every second is killed while a request hangs, the others are told to stop."""
        nonlocal deploys
        while True:
            async with worker_process(
                mortal_redis, mortal_valkey.url, environment=IMPATIENT, default=10, webhooks=10
            ) as process:
                await receiver.hanging.wait()
                receiver.hanging.clear()
                deploys += 1
                if deploys % 2:
                    process.terminate()
                    assert await exit_code(process) == 0
            for one, queue in (await running(mortal_redis)).items():
                # Nobody waits in a test until the leases of a worker have lapsed that is known to be dead.
                await mortal_redis.delete(in_progress_key_prefix + one)
                await look_now(mortal_redis, one, queue)

    async def try_again(endpoint: str) -> None:
        """What was refused is sent again, by the verb and in no time."""
        while True:
            for one in await mortal_redis.zrange(f"{JOBS}endpoint/{endpoint}:{State.RETRYING}", 0, -1):
                await job_store.reopen([one.decode()])
            await asyncio.sleep(0.05)

    async with StumblingReceiver() as receiver, asyncio.TaskGroup() as group:
        endpoint, _ = await webhooks.subscribe(receiver.url, ordered=True)
        tasks = [group.create_task(workers(receiver)), group.create_task(try_again(endpoint.id))]
        published = [await webhooks.publish(data={"number": number}) for number in range(events)]
        records = [
            await webhooks.job_client.ended((await webhooks.delivery(event, endpoint)).id, seconds=PATIENCE_S)
            for event in published
        ]
        for task in tasks:
            task.cancel()

    assert {record.state for record in records} == {State.SUCCEEDED}
    came = [event for event, _ in groupby(request.headers["webhook-id"] for request in receiver.requests)]
    assert came == published
    assert deploys == events // 7
    assert len(receiver.requests) == events + events // 5 + events // 7 - events // 35
    assert await key_leaks(mortal_redis) == []
