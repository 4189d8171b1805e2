"""The overview: the stuck thing is named first, with what cures it; owners see what their key shows."""

import re

import httpx
import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.kind import Result
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import BUCKETS_MS, COUNTS, WORKER_MS
from tasks.queue.series.rings import MINUTE_MS, sample
from tasks.settings import Settings
from tests.support.api.beats import beat
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.console.browsers import PAGE, key_with, send_form, shown, signed_in, troubles
from tests.support.receivers import Receiver

HOUR_MS = 3_600_000
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def submit(client: httpx.AsyncClient) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    return job_id


async def test_an_installation_without_jobs_leads_to_try_it(admin: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis)
    page = await shown(admin)
    assert "Nothing is stuck." in page
    assert 'href="/console/try">Try it with a picture' in page


async def test_a_paused_queue_says_by_whom_and_why_and_is_resumed(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis)
    await submit(alice)
    await alice.post("/v1/queues/media/pause", json={"reason": EVIL})
    page = await shown(admin)
    [said] = troubles(page)
    assert said.startswith("media is paused, by alice, for ")
    assert "“<script>alert(1)</script>”. 1 due, the oldest for " in said
    assert EVIL not in page
    assert (await send_form(admin, page, "/console/queues/media/resume")).headers["location"] == "/console"
    page = await shown(admin)
    assert (troubles(page), "The queue media is running again." in page, "Nothing is stuck." in page) == (
        [],
        True,
        True,
    )


async def test_a_dead_worker_is_named_with_the_command_that_starts_another(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis, "gone", queues=("media",), ago_ms=2 * WORKER_MS)
    await beat(redis, "there", queues=("reports", "webhooks", "default"))
    await submit(alice)
    media, worker = troubles(await shown(admin))
    assert "media has no worker. 1 due, the oldest for " in media
    assert media.endswith("Start one: python -m worker media")
    assert worker.startswith("gone:7:ab has died: no heartbeat for ")
    assert worker.endswith("python -m worker media")


async def test_a_parked_endpoint_is_sent_to_again(
    admin: httpx.AsyncClient, owner: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, receiver: Receiver
) -> None:
    await beat(redis)
    made = (await bob.post("/v1/endpoints", json={"url": receiver.url, "events": ["*"]})).json()
    await LaneControls(redis).park("webhooks", f"endpoint:{made['id']}", HOUR_MS)
    page = await shown(admin)
    [said] = troubles(page)
    assert said.startswith(f"{receiver.url} has asked for a pause. It is parked for 1 h 00 min more.")
    assert f'href="/console/webhooks/{made["id"]}?owner=bob"' in page
    await send_form(admin, page, "/console/queues/unpark")
    assert troubles(await shown(admin)) == []


async def test_poison_jobs_are_retried_or_deleted(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    await beat(redis)
    for client in (alice, bob):
        job_id = await submit(client)
        await worker.end(job_id, "failed", error=("poison", f"Workers died. {EVIL}"))
        if client is alice:
            page = await shown(admin)
            assert troubles(page)[0].startswith(f"{job_id} killed three workers"), "one is named"
            assert f'<a href="/console/jobs/{job_id}">Open the job</a>' in page
    page = await shown(admin)
    [said] = troubles(page)
    assert said.startswith("Poison (2, thumbnail) killed three workers each")
    assert (">Delete 2…<" in page, EVIL in page) == (True, False)
    answer = await send_form(admin, page, "/console/failures/retry")
    bulk = (await alice.get(answer.headers["location"].replace("/console", "/v1"))).json()
    params = bulk["params"]
    assert (params["verb"], params["code"], params["expect"], bulk["kind"]) == ("retry", "poison", 2, "bulk")


async def test_dead_workers_that_others_replace_are_one_sentence(admin: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis)
    for name in ("gone-1", "gone-2", "gone-3"):
        await beat(redis, name, ago_ms=2 * WORKER_MS)
    [said] = troubles(await shown(admin))
    assert re.match(r"3 workers have died, the last one 3\d s ago\. .* nothing else is to be done", said)


async def test_a_full_redis_offers_to_delete_what_has_succeeded(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    await beat(redis)
    await worker.end(await submit(alice), result=Result({}))
    await redis.config_set("maxmemory", (await redis.info("memory"))["used_memory"] * 100 // 95)
    try:
        page = await shown(admin)
        [said] = troubles(page)
        assert re.match(r"Redis is over the limit of 85 % at which new jobs are refused \(\d[\d.]* %\)", said)
        assert ("/console/cures/cleanup" in page, 'high="85.0" optimum="0"' in page) == (False, True)
        answer = await send_form(admin, page, "/console/cures/ended")
    finally:
        await redis.config_set("maxmemory", 0)
    bulk = (await alice.get(answer.headers["location"].replace("/console", "/v1"))).json()
    assert (bulk["params"]["verb"], bulk["params"]["states"], bulk["params"]["expect"]) == (
        "deletion",
        ["succeeded"],
        1,
    )


async def test_owners_see_their_own_and_what_waits_for_operators(
    owner: httpx.AsyncClient, bob: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis, receiver: Receiver
) -> None:
    await beat(redis)
    await submit(bob)
    await submit(alice)
    await alice.post("/v1/queues/media/pause", json={"reason": "for admins"})
    page = await shown(owner)
    [said] = troubles(page)
    assert said == "media is paused by an admin: 1 of your newest jobs wait. Ask those who operate this service."
    assert ("for admins" in page, "/resume" in page) == (False, False)
    assert (await owner.post("/console/queues/media/resume", headers=PAGE)).status_code == 403


async def test_a_read_only_key_gets_no_buttons(port: int, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis)
    key = await key_with(redis, "admin", "jobs:read", read_only=True, owner="alice")
    await alice.post("/v1/queues/media/pause")
    async with signed_in(port, key) as eyes:
        page = await shown(eyes)
        assert len(troubles(page)) == 1
        assert ("/console/queues/media/resume" in page, "curl -X POST" in page) == (False, False)
        assert (await eyes.post("/console/queues/media/resume", headers=PAGE)).status_code == 403


async def test_queues_without_a_worker_are_named_in_one_sentence(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis, queues=("webhooks", "default"))
    await submit(alice)
    [said] = troubles(await shown(admin))
    assert said.startswith("media, reports have no worker. 1 due, the oldest for ")
    assert said.endswith("Start one: python -m worker media reports")


async def test_the_past_is_drawn_and_in_a_table(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    await beat(redis)
    await worker.end(await submit(alice), result=Result({}))
    page = await shown(admin)
    assert "Nothing was measured in this time." in page
    assert re.search(r"<dt>Failed, last hour</dt><dd>–</dd><dd class=\"why\">not measured yet", page)
    now_ms = clock.now_ms()
    await sample(redis, now_ms - 2 * MINUTE_MS)
    for state in ("succeeded", "failed"):
        await worker.end(await submit(alice), state, error=None if state == "succeeded" else ("truncated", "It ends."))
    await sample(redis, now_ms - MINUTE_MS)
    for name in ("hour", "day", "month"):
        page = await shown(admin, f"/console?range={name}")
        assert (">Failed, last " + name in page, "failed 50.0 %" in page) == (True, True)
        assert re.search(r"1 of 2 jobs that ended, measured \d\d:\d\d to \d\d:\d\d UTC", page)
        assert re.search(r"p99 ≤ \d+ ms", page), "of the whole range, and no guess within a bucket"
        assert page.count('<svg class="chart"') == 3
        assert '<rect class="bar failed"' in page
        assert 0 < page.count("<tr>") < 50
        figures = re.findall(r'<td class="n" data-label="(?:Wait|Run)[^"]*">(.*?)</td>', page)
        assert figures
        assert all(re.fullmatch(r"(–|[≤>] [\d.]+ (ms|s))( · (–|[≤>] [\d.]+ (ms|s))){2}", one) for one in figures)
    await sample(redis, now_ms)
    await worker.end(await submit(alice), "failed", error=("truncated", "It ends."))
    assert "2 of 3 jobs that ended" in await shown(admin), "that of this minute too"


async def test_a_wait_of_ten_minutes_is_no_more_than_is_known(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis)
    await submit(alice)
    now_ms = clock.now_ms()
    await sample(redis, now_ms - 2 * MINUTE_MS)
    await redis.hincrby(COUNTS, f"pickup thumbnail {len(BUCKETS_MS)}", 1)
    await sample(redis, now_ms - MINUTE_MS)
    await redis.hincrby(COUNTS, "pickup thumbnail 2", 1)
    await sample(redis, now_ms)
    page = await shown(admin)
    assert ("p50 ≤ 2 ms" in page, "p95 &gt; 5 min 00 s" in page) == (True, True), "of the whole hour, not of its end"


async def test_an_owner_sees_its_own_jobs_by_day(
    owner: httpx.AsyncClient, bob: httpx.AsyncClient, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    await worker.end(await submit(alice), result=Result({}))
    assert '<svg class="chart"' not in await shown(owner), "that was another's"
    await worker.end(await submit(bob), result=Result({}))
    await worker.end(await submit(bob), "failed", error=("truncated", "It ends."))
    for path in ("/console", "/console/usage"):
        page = await shown(owner, path)
        assert page.count('<svg class="chart"') == 1
        assert '<figcaption>Jobs that ended, by day <span class="legend"><span>2</span>' in page
        assert "1 failed" in page
