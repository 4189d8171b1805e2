"""The list of jobs: what it says of each, its filter and its pages, and actions on those that are chosen or match."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.maintenance.bulk import BULK
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB
from tests.support.console.browsers import PAGE, key_with, signed_in
from tests.support.engine_running import working

EVIL = "<img src=x onerror=alert(1)>"
MOST_BYTES = 60_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def submit(client: httpx.AsyncClient, name: str = "a.png", **query: str) -> str:
    job_id: str = (await client.post("/v1/images", params={"name": name, **query}, content=PNG)).json()["id"]
    return job_id


async def fail(client: httpx.AsyncClient, worker: ManualWorker, name: str) -> str:
    job_id = await submit(client, name)
    await worker.end(job_id, "failed", error=("truncated", f"The file {EVIL} ends too early."))
    return job_id


def ids(page: str) -> list[str]:
    return re.findall(r'<tr data-job="(\w+)"', page)


async def states(client: httpx.AsyncClient, *job_ids: str) -> list[str]:
    answers = [(await client.get(f"/v1/jobs/{one}")).json() for one in job_ids]
    return [answer.get("state", answer.get("code")) for answer in answers]


async def test_a_line_says_what_became_of_a_job_or_why_it_waits(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    failed = await fail(alice, worker, EVIL)
    waiting = await submit(alice, "later.png", delay="600", tags="user:42")
    async with signed_in(port) as browser:
        page = (await browser.get("/console/jobs")).text
        assert ids(page) == [waiting, failed]
        assert EVIL not in page
        assert "&lt;img src=x" in page
        assert "<code>truncated</code>" in page
        assert re.search(r"It waits for its time: in \d+ min\.", page)
        assert '<a href="/console/jobs?owner=%2A&amp;state=failed"' in page
        assert re.search(r"Failed <span>1</span>", page)
        assert "PRESSROOM_KEY" in page
        assert ids((await browser.get("/console/jobs?tag=user:42&state=scheduled&since=1h")).text) == [waiting]
        assert ids((await browser.get("/console/jobs?code=truncated&worker=test-worker")).text) == [failed]
        assert "No job matches" in (await browser.get("/console/jobs?q=nothing")).text
    async with signed_in(port, BOB) as browser:
        page = (await browser.get("/console/jobs")).text
        assert "appear here as soon as" in page
        assert 'name="owner"' not in page
        assert "Only a key with the scope" in (await browser.get("/console/jobs?owner=alice")).text


async def test_an_admin_begins_with_the_jobs_of_everyone(
    port: int, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    his = await submit(bob, "his.png")
    own = await submit(alice, "own.png")
    async with signed_in(port) as browser:
        page = (await browser.get("/console/jobs")).text
        assert ids(page) == [own, his]
        assert "All <span>2</span>" in page
        assert re.search(r'name="owner" value="\*"', page.partition('role="search"')[2].partition("<details")[0]), (
            "seen without unfolding anything"
        )
        assert 'data-owner="*"' in page
        assert "Clear filters" not in page
        assert ids((await browser.get("/console/jobs?owner=alice")).text) == [own]
        assert "No job matches" in (await browser.get("/console/jobs?kind=report")).text


async def test_what_the_api_cannot_read_is_explained_above_the_filter(port: int) -> None:
    async with signed_in(port) as browser:
        answer = await browser.get("/console/jobs", params={"endpoint": EVIL, "since": "yesterday"})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert EVIL not in answer.text
        assert "&lt;img src=x" in answer.text


async def test_pages_follow_each_other_and_stay_small(port: int, alice: httpx.AsyncClient) -> None:
    made = [await submit(alice, f"holiday-with-a-rather-long-name-{n}.png") for n in range(53)]
    async with signed_in(port) as browser:
        first = (await browser.get("/console/jobs?kind=thumbnail")).text
        assert len(first.encode()) < MOST_BYTES
        older = re.search(r'rel="next" href="([^"]+)"', first)
        assert older is not None
        second = (await browser.get(older[1].replace("&amp;", "&"))).text
        assert [*ids(first), *ids(second)] == made[::-1]
        assert "kind=thumbnail" in older[1]
        assert 'href="/console/jobs?owner=%2A&amp;kind=thumbnail">Newest' in second


async def test_chosen_jobs_are_retried_and_after_a_question_deleted(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    failed = [await fail(alice, worker, f"{n}.png") for n in range(2)]
    waiting = await submit(alice, delay="600")
    back = "/console/jobs?state=failed"
    async with signed_in(port) as browser:
        form = {"verb": "retry", "jobs": [*failed, waiting], "back": back}
        answer = await browser.post("/console/jobs/chosen", data=form, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, back)
        page = (await browser.get(back)).text
        assert "Jobs that run again: 2. Refused: 1 (not_retryable)." in page
        assert "Jobs that run again" not in (await browser.get(back)).text
        for one in failed:
            await worker.end(one)

        form = {"verb": "delete", "jobs": failed, "back": "javascript:alert(1)"}
        question = await browser.post("/console/jobs/chosen", data=form, headers=PAGE)
        assert (question.status_code, "Delete 2" in question.text) == (200, True)
        assert "javascript:" not in question.text
        assert await states(alice, *failed) == ["succeeded", "succeeded"]
        await browser.post("/console/jobs/chosen", data={**form, "confirmed": "1"}, headers=PAGE)
        assert await states(alice, *failed) == ["not_found", "not_found"]


async def test_all_that_match_are_counted_and_then_changed(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis, settings: Settings
) -> None:
    failed = [await fail(alice, worker, f"batch-{n}.png") for n in range(3)]
    other = await fail(alice, worker, "other.png")
    chosen = {"q": "batch-", "since": "1h"}
    async with signed_in(port) as browser:
        counted = await browser.post("/console/jobs/bulk/retry/count", data=chosen, headers=PAGE)
        place = counted.headers["location"]
        assert "since=20" in place, "an hour ago stays where it was"
        async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
            asked = (await browser.get(place)).text
            assert "Retry 3</button>" in asked
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked))
            assert (fields["matched"], fields["exact"]) == ("3", "1")
            acted = await browser.post("/console/jobs/bulk/retry", data=fields, headers=PAGE)
            bulk = urlsplit(acted.headers["location"]).path.rpartition("/")[2]
            await alice.get(f"/v1/jobs/{bulk}", params={"wait": 10})
        page = (await browser.get(acted.headers["location"])).text
        assert re.search(r"<dt>Retried</dt><dd>3</dd>", page)
        assert '<p class="bar succeeded">3 retried</p>' in page
        assert "The retry was started." in page
    assert await states(alice, *failed, other) == ["queued"] * 3 + ["failed"]


async def test_a_count_of_other_jobs_is_not_believed(port: int, alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    failed = await fail(alice, worker, "one.png")
    async with signed_in(port) as browser:
        counted = await browser.post("/console/jobs/bulk/retry/count", data={"q": "one"}, headers=PAGE)
        token = parse_qs(urlsplit(counted.headers["location"]).query)["count"][0]
        for place in (
            f"bulk/retry?q=other&count={token}",
            f"bulk/delete?q=one&count={token}",
            f"bulk/retry?q=one&count={failed}",
            "bulk/retry?q=one",
        ):
            asked = await browser.get(f"/console/jobs/{place}")
            assert asked.status_code == 303, place
            assert asked.headers["location"].startswith("/console/jobs?q="), place
        form = {"q": "one", "matched": "1", "count": token}
        refused = await browser.post("/console/jobs/bulk/retry", data=form, headers=PAGE)
        assert refused.headers["location"].startswith("/console/jobs/bulk/retry?q=one&count="), "no number, no word"
        meant = await browser.post("/console/jobs/bulk/retry", data={**form, "all": "1"}, headers=PAGE)
        started = urlsplit(meant.headers["location"]).path.rpartition("/")[2]
        job = (await alice.get(f"/v1/jobs/{started}")).json()
        assert "expect" not in job["params"]


async def test_a_count_goes_on_while_one_looks_and_a_large_one_is_typed(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker, settings: Settings
) -> None:
    await submit(alice)
    async with signed_in(port) as browser:
        counted = await browser.post("/console/jobs/bulk/cancel/count", data={}, headers=PAGE)
        waiting = (await browser.get(counted.headers["location"])).text
        assert "At least 0 match so far." in waiting
        assert "</button></div>" not in waiting
        form = {"matched": "2000", "exact": "1", "typed": "200", "count": "0" * 32}
        refused = await browser.post("/console/jobs/bulk/cancel", data=form, headers=PAGE)
        assert refused.headers["location"].startswith("/console/jobs/bulk/cancel?count=")
        started = await browser.post("/console/jobs/bulk/cancel", data={**form, "typed": "2,000"}, headers=PAGE)
        job = (await alice.get(f"/v1/jobs/{started.headers['location'].rpartition('/')[2]}")).json()
        assert (job["params"]["verb"], job["params"]["expect"]) == ("cancellation", 2000)
        assert (await browser.get("/console/jobs/bulk/burn")).status_code == 404


async def test_a_read_only_key_sees_jobs_and_changes_none(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis
) -> None:
    failed = await fail(bob, worker, "a.png")
    async with signed_in(port, await key_with(redis, "jobs:read", "jobs:write", read_only=True)) as browser:
        page = (await browser.get("/console/jobs")).text
        assert ids(page) == [failed]
        assert 'type="checkbox" name=' not in page
        assert "/console/jobs/bulk" not in page
        for path in ("bulk/retry/count", f"{failed}/retry", f"{failed}/delete"):
            assert (await browser.post(f"/console/jobs/{path}", headers=PAGE)).status_code == 403, path
        form = {"verb": "retry", "jobs": failed}
        assert (await browser.post("/console/jobs/chosen", data=form, headers=PAGE)).status_code == 403
    assert await states(bob, failed) == ["failed"]
    async with signed_in(port, await key_with(redis, "images")) as browser:
        assert "scope" in (await browser.get("/console/jobs")).text
