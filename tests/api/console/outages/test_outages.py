"""What pages say while a part of the service is away: a worker, Redis, the web process itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from tasks.queue.redis_keys import WORKER, WORKER_MS, WORKERS
from tasks.settings import Settings
from tests.api.console.test_live import named
from tests.support.api.event_source import streamed, until_end
from tests.support.api.serving import BOB, serving
from tests.support.api.web_process import web_process
from tests.support.console.browsers import PAGE, signed_in
from tests.support.console.pages import PAGES
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey

FORMS = ("/console/schedules/new", "/console/webhooks/new")
REPORT_FORMS = ("/console/try/report", "/console/try/report/made", "/console/try/report/table")
NO_REDIS = {*FORMS, *REPORT_FORMS}
"""Forms: what they need to be shown is not in Redis."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.fixture
async def redis(redis: ArqRedis) -> AsyncIterator[ArqRedis]:
    """Emptied at the end: who was killed has tidied nothing up."""
    yield redis
    await redis.flushall()


async def test_a_killed_worker_is_dead_on_the_page_and_the_stream_has_it_asked_for(
    port: int, redis: ArqRedis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WORKER_MS <= 15_000, "nothing else in this test waits for so long"
    async with signed_in(port) as browser, worker_process(redis, valkey.url, default=1) as worker:
        (known,) = await redis.zrange(WORKERS, 0, -1)
        page = (await browser.get("/console/workers")).text
        assert (known.decode() in page, ">Alive<" in page, ">Dead<" in page) == (True, True, False)
        async with streamed(browser, "/console/live?topic=queues") as events:
            told = await named(events, "queues")
            assert {one["name"]: one["workers"] for one in told.data["queues"]}["default"] == 1
            worker.kill()
            monkeypatch.setattr("tasks.queue.watch.workers.WORKER_MS", 500)
            told = await named(events, "queues")
            assert {one["name"]: one["workers"] for one in told.data["queues"]}["default"] == 0
        page = (await browser.get("/console/workers")).text
        assert (">Alive<" in page, ">Dead<" in page, '<tr class="dead">' in page) == (False, True, True)
        await redis.delete(WORKER + known.decode())


async def test_without_redis_each_page_says_so_and_is_there_again_with_it(settings: Settings) -> None:
    with Valkey() as mortal:
        away = settings.model_copy(update={"redis_url": SecretStr(mortal.url)})
        async with serving(away) as port, signed_in(port) as browser:
            assert (await browser.get("/console")).status_code == 200
            mortal.kill()
            without = set()
            for path in PAGES:
                began = time.monotonic()
                page = await browser.get(path)
                assert time.monotonic() - began < 5, f"{path} keeps one waiting"
                if page.status_code == 200:
                    without.add(path)
                    continue
                assert (page.status_code, "Redis does not respond" in page.text) == (503, True), path
                assert int(page.headers["Retry-After"]) > 0, path
                assert "<nav" in page.text, f"{path}: other pages can be tried"
            assert without == NO_REDIS
            form = {"type": "a.b", "data": "1"}
            refused = await browser.post("/console/try/event", data=form, headers=PAGE)
            assert (refused.status_code, "Redis does not respond" in refused.text) == (503, True)
            mortal.start()

            async def there() -> list[str]:
                return [path for path in PAGES if (await browser.get(path)).status_code != 200]

            await eventually(there, [])


async def test_who_follows_jobs_alone_is_shown_that_redis_is_away(settings: Settings) -> None:
    with Valkey() as mortal:
        away = settings.model_copy(update={"redis_url": SecretStr(mortal.url), "events_heartbeat_s": 0.2})
        async with serving(away) as port, signed_in(port, BOB) as browser, streamed(browser, "/console/live") as events:
            await named(events, "ready")
            mortal.kill()
            await named(events, "unavailable")
            mortal.start()
            await named(events, "ready")


async def test_streams_end_within_a_second_when_the_process_is_to_end(valkey: Valkey) -> None:
    variables = {"SECRET_KEY": "k" * 32, "ADMINS": "alice", "EVENTS_HEARTBEAT_S": "25"}
    with web_process(valkey.url, "memory://", variables) as web:
        async with AsyncExitStack() as open_streams:
            browser = await open_streams.enter_async_context(signed_in(web.port))
            browser.timeout = httpx.Timeout(30)
            streams = [
                await open_streams.enter_async_context(streamed(browser, f"/console/live?owner={owner}"))
                for owner in ("alice", "bob", "*") * 7
            ]
            for events in streams:
                await named(events, "ready")
            began = time.monotonic()
            web.process.terminate()
            async with asyncio.timeout(20):
                await asyncio.gather(*(until_end(events) for events in streams))
            took_s = time.monotonic() - began
    assert took_s < 1
