"""Lists of many jobs: pages while others arrive, and what is done with all that match."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from api.console.pages.operations.failures import WALKED as MOST_WALKED
from tasks.maintenance.bulk import BULK
from tasks.queue.redis_keys import JOB, JOBS, UNPACKED
from tasks.settings import Settings
from tests.api.console.test_cost import MOST_ROUND_TRIPS, commands, sent
from tests.api.console.test_jobs import ids, states
from tests.support.api.serving import ALICE
from tests.support.console.browsers import PAGE, signed_in
from tests.support.console.pages import PAGES
from tests.support.engine_running import working
from tests.support.queue.many_failed import make_failed

__all__ = ["sent"]  # a fixture

JOBS_PAGE = "/console/jobs?state=failed"
LOADER = Path(__file__).parents[3] / "benchmarks" / "subjects" / "million.lua"
MINUTE_MS = 60_000
MOST_COMMANDS = 2 * MOST_WALKED + 500
"""With those of scripts: the page of failures looks at so many jobs, however many there are."""
MOST_REDIS_CPU_S = 0.1
"""A page that has Redis look at all of 50,000 jobs one by one takes longer, one that looks at a page of them never
does, however busy the machine is."""


@pytest.fixture
async def redis(redis: ArqRedis) -> AsyncIterator[ArqRedis]:
    """Emptied at the end: the look for leaks would take longer than the test."""
    yield redis
    await redis.flushall()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def pages(browser: httpx.AsyncClient, path: str) -> AsyncIterator[list[str]]:
    """The ids on each page, from the newest to the oldest."""
    while path:
        page = (await browser.get(path)).text
        yield ids(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older[1].replace("&amp;", "&") if older else ""


async def test_pages_lose_and_repeat_none_while_others_arrive(port: int, redis: ArqRedis) -> None:
    first = await make_failed(redis, 1_000, owner="alice", kind="thumbnail", age_ms=MINUTE_MS)
    seen: list[str] = []
    arrived: list[str] = []
    async with signed_in(port) as browser:
        async for page in pages(browser, JOBS_PAGE):
            seen += page
            if len(arrived) < 500:
                arrived = [*await make_failed(redis, 25, owner="alice", kind="thumbnail"), *arrived]
        assert seen == first
        newest = [one for _, one in zip(range(20), [one async for one in pages(browser, JOBS_PAGE)], strict=False)]
    found = [one for page in newest for one in page]
    assert set(arrived) <= set(found), "who looks once more finds those that arrived"
    assert len(found) == len(set(found))


async def test_the_chosen_of_a_page_and_all_that_match_are_as_many_as_was_said(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    await make_failed(redis, 5_050, owner="alice", kind="bulk")
    async with signed_in(port) as browser:
        page = (await browser.get(JOBS_PAGE)).text
        chosen = re.findall(r'type="checkbox" name="jobs" value="(\w+)"', page)
        assert chosen == ids(page)
        assert len(chosen) == 50
        form = {"verb": "delete", "jobs": chosen, "back": JOBS_PAGE}
        assert "Delete 50<" in (await browser.post("/console/jobs/chosen", data=form, headers=PAGE)).text
        await browser.post("/console/jobs/chosen", data={**form, "confirmed": "1"}, headers=PAGE)
        assert "Failed <span>5,000</span>" in (await browser.get(JOBS_PAGE)).text

        async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
            of_api = await ended(
                alice, (await alice.post("/v1/jobs/deletion", json={"state": "failed", "dry_run": True})).json()
            )
            counted = await browser.post("/console/jobs/bulk/delete/count", data={"state": "failed"}, headers=PAGE)
            asked = (await browser.get(counted.headers["location"])).text
            assert "Delete 5,000</button>" in asked
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked))
            refused = await browser.post("/console/jobs/bulk/delete", data=fields, headers=PAGE)
            assert refused.headers["location"] == counted.headers["location"], "so many have to be typed"
            acted = await browser.post("/console/jobs/bulk/delete", data={**fields, "typed": "5000"}, headers=PAGE)
            done = await ended(
                alice, (await alice.get(httpx.URL(acted.headers["location"]).path.replace("/console", "/v1"))).json()
            )
        assert [of_api["result"]["matched"], done["result"]["matched"], done["result"]["deleted"]] == [5_000] * 3
        assert ids((await browser.get(JOBS_PAGE)).text) == []


async def ended(client: httpx.AsyncClient, job: dict[str, object]) -> dict[str, dict[str, object]]:
    """A job once it has ended."""
    while True:
        found = (await client.get(f"/v1/jobs/{job['id']}", params={"wait": 5})).json()
        if "finished_at" in found:
            return dict(found)


async def test_what_was_deleted_meanwhile_is_not_run_again_and_it_says_so(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    gone, there = await make_failed(redis, 2, owner="alice", kind="thumbnail")
    async with signed_in(port) as browser:
        assert gone in (await browser.get(JOBS_PAGE)).text
        assert (await alice.delete(f"/v1/jobs/{gone}")).is_success
        form = {"verb": "retry", "jobs": [gone, there], "back": JOBS_PAGE}
        answer = await browser.post("/console/jobs/chosen", data=form, headers=PAGE)
        page = (await browser.get(answer.headers["location"])).text
        assert "Jobs that run again: 1. Refused: 1 (not_found)." in page
        single = await browser.post(f"/console/jobs/{gone}/retry", headers=PAGE)
        assert (single.status_code, "not_found" in single.text) == (404, True)
    assert await states(alice, gone, there) == ["not_found", "queued"]


async def load(redis: ArqRedis, first: int, count: int) -> None:
    script = redis.register_script(LOADER.read_text())
    await script(args=[JOB, JOBS, first, count, 1_790_000_000_000, UNPACKED])


async def cpu_s(redis: ArqRedis) -> float:
    """Processor time that the server's thread for commands has used so far."""
    used = await redis.info("cpu")
    return float(used["used_cpu_user_main_thread"]) + float(used["used_cpu_sys_main_thread"])


async def test_pages_among_many_jobs_ask_redis_for_little(port: int, redis: ArqRedis, sent: list[int]) -> None:
    for first in range(0, 50_000, 5_000):
        await load(redis, first, 5_000)
    await make_failed(redis, MOST_WALKED + 1, owner="alice", kind="thumbnail")
    found: dict[str, tuple[int, int]] = {}
    slow: dict[str, float] = {}
    async with signed_in(port, ALICE) as browser:
        for path in (*PAGES, "/console/jobs?owner=*", "/console/jobs?owner=*&state=failed", "/console/jobs?q=photo-9"):
            await browser.get(path)
            await redis.config_resetstat()
            began_s = await cpu_s(redis)
            sent.clear()
            assert (await browser.get(path)).status_code == 200, path
            found[path] = (len(sent), sum((await commands(redis)).values()))
            if (took_s := await cpu_s(redis) - began_s) > MOST_REDIS_CPU_S:
                slow[path] = took_s
    assert slow == {}
    costly = {path for path, (trips, count) in found.items() if trips > MOST_ROUND_TRIPS or count > MOST_COMMANDS}
    assert {path: found[path] for path in costly} == {}
