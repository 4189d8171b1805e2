"""The page of workers: who is alive, and what runs since when."""

import time

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import WORKER_MS
from tasks.queue.watch.workers import RunningJob
from tasks.settings import Settings
from tests.support.api.beats import beat
from tests.support.console.browsers import shown, troubles


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def test_workers_and_what_they_run(admin: httpx.AsyncClient, redis: ArqRedis) -> None:
    doing = RunningJob("a" * 32, "thumbnail", "media", 2, int(time.time() * 1000) - 125_000)
    await beat(redis, "busy", doing=(doing,))
    await beat(redis, "gone", queues=("media",), ago_ms=2 * WORKER_MS)
    page = await shown(admin, "/console/workers")
    assert [part in page for part in (">Alive<", ">Dead<", "60.2 MB", "4 ms", ">2 min ")] == [True] * 5
    assert f'href="/console/jobs/{"a" * 32}"' in page
    assert "/console/jobs?worker=busy%3A7%3Aab&amp;state=running&amp;owner=%2A" in page
    [said] = troubles(page)
    assert said.startswith("gone:7:ab has died")
    assert said.endswith("nothing else is to be done.")


async def test_without_workers_it_says_how_to_start_one(admin: httpx.AsyncClient) -> None:
    page = await shown(admin, "/console/workers")
    assert ("No worker runs" in page, "python -m worker" in page) == (True, True)


async def test_owners_are_led_to_their_own_jobs(owner: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis, "busy")
    page = await shown(owner, "/console/workers")
    assert ("Only an admin sees the workers" in page, "busy" in page) == (True, False)
