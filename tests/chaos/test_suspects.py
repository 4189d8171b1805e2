"""Workers die under much work twice: nothing of it is blamed that cannot be guilty, and nobody else waits for it."""

import asyncio
import random
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.records.record import State
from tasks.queue.redis_keys import SUSPECTS, arq_queue
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints, open_box
from tasks.webhook.events import delivery_id
from tests.chaos.load import LOOPBACK, GatedReceiver
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tests.support.receivers import Receiver
from tests.support.webhook_harness import WebhookHarness
from tools.servers import Valkey

ENDPOINTS, EVENTS = 20, 10
SLOW = ENDPOINTS * EVENTS
BYSTANDERS = 12
"""Jobs of `default` that run beside the deliveries, any of which may be the one that kills."""
BYSTANDER_S = 3.0
PROMPT_S = 5.0
SLOTS = {"default": 50, "webhooks": 400, "media": 2}
ENVIRONMENT = {**LOOPBACK, "OWNER_MAX_DELIVERIES": "0"}


@pytest.fixture
def webhooks(mortal_redis: ArqRedis, settings: Settings, job_client: JobClient) -> WebhookHarness:
    return WebhookHarness(mortal_redis, settings, Endpoints(mortal_redis, settings, open_box(settings)), job_client)


async def let_lapse(redis: ArqRedis, queue: str, ids: Iterable[str]) -> None:
    """Nobody waits twelve seconds in a test for leases to lapse that are known to be dead."""
    for job_id in ids:
        if await redis.delete(in_progress_key_prefix + job_id):
            await redis.zadd(arq_queue(queue), {job_id: 1}, xx=True)


def starts(lines: Path) -> int:
    return len(lines.read_text().splitlines()) if lines.exists() else 0


async def test_two_worker_deaths_under_200_slow_deliveries_hold_up_nobody_and_lose_nothing(
    mortal_redis: ArqRedis,
    mortal_valkey: Valkey,
    webhooks: WebhookHarness,
    job_client: JobClient,
    tmp_path: Path,
    seeded: random.Random,
) -> None:
    lines = tmp_path / "lines"
    async with GatedReceiver() as slow, Receiver() as healthy:
        endpoints = [(await webhooks.subscribe(slow.at(f"/{n}"), events=["slow"]))[0].id for n in range(ENDPOINTS)]
        other, _ = await webhooks.subscribe(healthy.url, owner="other", events=["other"])
        events = [await webhooks.publish("slow") for _ in range(EVENTS)]
        deliveries = [delivery_id(event, endpoint) for event in events for endpoint in endpoints]
        bystanders: list[str] = []
        for death in (1, 2):
            slow.held = 0
            async with worker_process(
                mortal_redis, mortal_valkey.url, environment=ENVIRONMENT, lines=None, **SLOTS
            ) as doomed:
                await eventually(lambda: slow.held, SLOW)
                while len(bystanders) < BYSTANDERS:
                    bystanders.append(await job_client.submit("sleep", seconds=BYSTANDER_S, file=str(lines)))
                await eventually(lambda: starts(lines), BYSTANDERS * death)
                await asyncio.sleep(seeded.random() / 4)
                doomed.kill()
            await let_lapse(mortal_redis, "webhooks", deliveries)
            await let_lapse(mortal_redis, "default", bystanders)

        slow.held = 0
        async with worker_process(mortal_redis, mortal_valkey.url, environment=ENVIRONMENT, lines=None, **SLOTS):
            await eventually(lambda: slow.held, SLOW)
            assert await mortal_redis.exists(SUSPECTS + "webhooks") == 0
            began = time.monotonic()
            picture = await job_client.submit("nothing", owner="other", queue="media")
            event = await webhooks.publish("other", owner="other")
            prompt = [await job_client.ended(picture), await webhooks.delivered(event, other.id)]
            took_s = time.monotonic() - began
            suspects = [await job_client.ended(job_id, seconds=60) for job_id in bystanders]
            slow.open.set()
            sent = [await job_client.ended(job_id, seconds=60) for job_id in deliveries]

    assert [record.state for record in prompt] == [State.SUCCEEDED] * 2
    assert took_s < PROMPT_S, "neither another queue nor another receiver waits for suspects"
    assert {record.state for record in suspects} == {State.SUCCEEDED}
    assert {record.state for record in sent} == {State.SUCCEEDED}
    assert {tuple(one["outcome"] for one in record.attempts) for record in sent} == {("lapsed", "lapsed", "succeeded")}
