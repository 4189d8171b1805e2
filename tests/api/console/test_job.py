"""The page of a job: what became of it and why, its outputs, deliveries and files, and what one can do with it."""

import re

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, BOB
from tests.support.api.subscribers import delivering, listed, publish, subscribe
from tests.support.blobs import put
from tests.support.console.browsers import PAGE, key_with, send_form, signed_in
from tests.support.eventually import eventually
from tests.support.receivers import Receiver

EVIL = "<img src=x onerror=alert(1)>"
LONG_NUMBER = "123456789012345678901234567890"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def submit(client: httpx.AsyncClient, **query: str) -> str:
    job_id: str = (await client.post("/v1/images", params=query, content=PNG)).json()["id"]
    return job_id


async def make_files(storage: Storage, *files: tuple[str, str]) -> tuple[OutputFile, ...]:
    blob = await put(storage, b"0123456789")
    about = {"width": 64, "height": 43}
    return tuple(OutputFile(name, blob.sha256, media_type, 10, about) for name, media_type in files)


async def test_outputs_are_shown_and_what_may_have_scripts_is_only_downloaded(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job_id = await submit(bob, name=EVIL)
    made = await make_files(
        storage, ("small.jpg", "image/jpeg"), ("a b.svg", "image/svg+xml"), ("page.html", "text/html")
    )
    await worker.end(job_id, result=Result({"rows": 4120}, made))
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{job_id}")).text
        assert EVIL not in page
        place = f"/console/jobs/{job_id}/files"
        pictures = re.findall(r'<img src="([^"]+)" width="(\d+)" height="(\d+)"', page)
        assert pictures == [(f"{place}/small.jpg", "64", "43")]
        assert page.count("<img") == 1
        assert "64 × 43" in page
        assert f'href="{place}/a%20b.svg" download' in page
        assert f'href="{place}/page.html" download' in page
        assert "<dt>Rows</dt><dd>4,120</dd>" in page
        assert "test-worker" in page
        assert "try 1 of 4" in page


async def test_a_file_comes_by_cookie_with_the_headers_that_keep_it_harmless(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job_id = await submit(bob)
    await worker.end(job_id, result=Result({}, await make_files(storage, ("page.html", "text/html"))))
    async with signed_in(port, BOB) as browser:
        file = await browser.get(f"/console/jobs/{job_id}/files/page.html", headers={"Range": "bytes=2-4"})
        assert (file.status_code, file.content) == (206, b"234")
        assert file.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["content-disposition"].startswith("attachment")
        known = await browser.get(
            f"/console/jobs/{job_id}/files/page.html", headers={"If-None-Match": file.headers["etag"]}
        )
        assert known.status_code == 304
        assert (await browser.get(f"/console/jobs/{job_id}/files/other")).status_code == 404
    async with signed_in(port) as admin:
        assert (await admin.head(f"/console/jobs/{job_id}/files/page.html")).headers["content-length"] == "10"


async def test_a_failure_says_why_and_is_retried_cancelled_and_deleted(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = await submit(bob)
    await worker.end(job_id, "failed", error=("timed_out", f"The file {EVIL} takes too long."))
    place = f"/console/jobs/{job_id}"
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(place)).text
        assert EVIL not in page
        assert "&lt;img src=x" in page
        assert "/console/jobs?state=failed&amp;kind=thumbnail&amp;code=timed_out" in page
        assert f'curl -X POST "$PRESSROOM_URL"/v1/jobs/{job_id}/retry' in page.replace("&#34;", '"')
        answer = await browser.post(f"{place}/retry", headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, place)
        page = (await browser.get(place)).text
        assert "It runs again." in page
        assert f'action="{place}/delete"' not in page
        refused = await browser.post(f"{place}/retry", headers=PAGE)
        assert (refused.status_code, "bar failed" in refused.text) == (409, True), "from a page that is older"
        refused = await browser.post(f"{place}/delete", headers=PAGE)
        assert (refused.status_code, "Cancel it first" in refused.text) == (409, True)
        await browser.post(f"{place}/cancel", headers=PAGE)
        assert (await bob.get(f"/v1/jobs/{job_id}")).json()["state"] == "cancelled"
        came = (await browser.get(f"{place}?list=state%3Dfailed%26kind%3Dthumbnail")).text
        assert 'href="/console/jobs?state=failed&amp;kind=thumbnail"' in came
        assert 'name="list" value="state=failed&amp;kind=thumbnail"' in came
        data = {"back": place, "list": "state=failed&kind=thumbnail"}
        gone = await browser.post(f"{place}/delete", data=data, headers=PAGE)
        assert gone.headers["location"] == "/console/jobs?state=failed&kind=thumbnail"
        none = await browser.get(place)
        assert (none.status_code, "There is no such job" in none.text, job_id in none.text) == (404, True, True)


async def test_a_scheduled_job_runs_now_and_goes_before_others_without_a_script(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = (await bob.post("/v1/images?delay=3600", content=PNG)).json()["id"]
    place = f"/console/jobs/{job_id}"
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(place)).text
        offered = [one for one in ("high", "normal", "low") if f'name="priority" value="{one}"' in page]
        assert offered == ["high", "low"]
        assert "Run it now" in page
        answer = await browser.post(f"{place}/priority", data={"priority": "high"}, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, place)
        page = (await browser.get(place)).text
        assert "Its priority was changed." in page
        await send_form(browser, page, f"{place}/run-now")
        page = (await browser.get(place)).text
        assert "It runs as soon as a slot is free." in page
        assert f'action="{place}/run-now"' not in page
        job = (await bob.get(f"/v1/jobs/{job_id}")).json()
        assert (job["state"], job["priority"]) == ("queued", "high")
        refused = await browser.post(f"{place}/priority", data={"priority": EVIL}, headers=PAGE)
        assert (refused.status_code, EVIL in refused.text) == (422, False)
        await worker.end(job_id)
        refused = await browser.post(f"{place}/run-now", headers=PAGE)
        assert (refused.status_code, "Retry it" in refused.text) == (409, True), "from a page that is older"
        assert f'action="{place}/priority"' not in (await browser.get(place)).text


async def test_what_a_retry_cannot_cure_has_neither_its_button_nor_its_command(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = await submit(bob)
    await worker.end(job_id, "failed", error=("truncated", "The file ends too early."))
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{job_id}")).text
    assert (f"/jobs/{job_id}/retry" in page, "truncated=draw" in page) == (False, True), "what helps instead"
    commands = re.findall(r'<details class="curl"><summary>(.*?)</summary>', page)
    assert commands == ["Get it", "Delete it", "Get the input"]


async def test_the_input_of_a_poison_job_is_there_but_not_shown(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = await submit(bob, name="scan.png")
    place = f"/console/jobs/{job_id}"
    await worker.end(job_id, "failed", error=("poison", "Workers died under this job 3 times."))
    for key in (BOB, ALICE):  # alice is an admin
        async with signed_in(port, key) as browser:
            page = (await browser.get(place)).text
            assert (f'href="{place}/original" download' in page, "If their machines ran out" in page) == (True, True)
            assert "<img" not in page
            original = await browser.get(f"{place}/original")
            assert original.content == PNG
            assert original.headers["content-disposition"] == 'attachment; filename="scan.png"'


async def test_a_job_that_waits_says_for_what(port: int, bob: httpx.AsyncClient, alice: httpx.AsyncClient) -> None:
    first = await submit(bob, delay="600", name="first.png")
    second = await submit(bob, after=first)
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{second}")).text
        assert "It waits for jobs that must succeed first: 1." in page
        assert f'<a href="/console/jobs/{first}">first.png</a>' in page
        assert f'action="/console/jobs/{second}/cancel"' in page
        await alice.post("/v1/queues/media/pause")
        third = await submit(bob)
        page = (await browser.get(f"/console/jobs/{third}")).text
        assert "The queue media is paused (" in page
        assert 'href="/console/queues"' in page


async def test_params_are_shown_as_the_api_sent_them(port: int, bob: httpx.AsyncClient) -> None:
    body = '{"type": "order.paid", "data": {"n": %s, "html": "%s"}}' % (LONG_NUMBER, EVIL)  # noqa: UP031 - has braces
    event = (await bob.post("/v1/events", content=body, headers={"Content-Type": "application/json"})).json()["id"]
    long = (await bob.post("/v1/events", json={"type": "a.b", "data": ["x" * 100] * 900})).json()["id"]
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{event}")).text
        assert f"&#34;n&#34;: {LONG_NUMBER}" in page
        assert EVIL not in page
        raw = await browser.get(f"/console/jobs/{event}/raw")
        assert LONG_NUMBER in raw.text
        assert raw.headers["content-type"].startswith("application/json")
        page = (await browser.get(f"/console/jobs/{long}")).text
        assert "This is the beginning." in page
        assert len(page) < 100_000


async def test_an_event_shows_its_deliveries_and_a_delivery_what_came_back(
    port: int, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(bob, receiver.at("/echoing/?token=0123456789"))
    async with delivering(redis, settings):
        event = await publish(bob)
        [found] = await listed(bob, 1, event=event, state="retrying")
        await eventually(lambda: bob.get(found["attempts"][0]["exchange"]), lambda seen: seen.status_code == 200)
    delivery = found["id"]
    for key in (BOB, ALICE):
        async with signed_in(port, key) as browser:
            page = (await browser.get(f"/console/jobs/{event}")).text
            assert f'href="/console/jobs/{delivery}"' in page
            page = (await browser.get(f"/console/jobs/{delivery}")).text
            assert f'href="/console/jobs/{event}"' in page
            assert "HTTP <strong>500</strong>" in page
            assert "Request and answer of attempt 1" in page
            assert '<th scope="row">webhook-id</th>' in page
            attempt = await browser.get(f"/console/jobs/{delivery}/attempts/1")
            assert (attempt.status_code, "token=***" in attempt.text) == (200, True)
            assert "0123456789" not in attempt.text
            assert (await browser.get(f"/console/jobs/{delivery}/attempts/7")).status_code == 404
    async with signed_in(port, ALICE) as admin:
        assert "Redeliver</button>" in (await admin.get(f"/console/jobs/{delivery}")).text
        answer = await admin.post(f"/console/jobs/{delivery}/retry", headers=PAGE)
        assert answer.headers["location"] == f"/console/jobs/{delivery}"
    assert (await bob.get(f"/v1/deliveries/{delivery}")).json()["state"] == "queued"
    async with signed_in(port, await key_with(redis, "jobs:read", read_only=True)) as browser:
        seen = await browser.get(f"/console/jobs/{event}")
        assert (seen.status_code, "Delete" in seen.text, delivery in seen.text) == (200, False, False)
        assert (await browser.get(f"/console/jobs/{delivery}")).status_code == 200


async def test_what_has_expired_says_so(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker, redis: ArqRedis
) -> None:
    job_id = await submit(bob)
    await worker.end(job_id)
    await redis.hset(JOB + job_id, "expires_at", "1000")
    async with signed_in(port, BOB) as browser:
        page = await browser.get(f"/console/jobs/{job_id}")
        assert (page.status_code, "has expired" in page.text, job_id in page.text) == (410, True, True)
        assert (await browser.get("/console/jobs/%2e%2e")).status_code == 404


async def test_a_batch_shows_its_jobs_and_how_many_are_in_each_state(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    batch = (await bob.post("/v1/batches", json={"name": "album 7"})).json()["id"]
    made = [await submit(bob, name=f"{n}.png", batch=batch) for n in range(2)]
    await worker.end(made[0])
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{batch}")).text
        assert set(re.findall(r'<tr data-job="(\w+)"', page)) == set(made)
        assert f'<a href="/console/jobs?batch={batch}&amp;state=succeeded">1</a>' in page
        assert f'href="/console/jobs/{batch}"' in (await browser.get(f"/console/jobs/{made[0]}")).text


async def test_a_workflow_shows_its_steps_and_is_retried(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    upload = (await bob.post("/v1/uploads", content=PNG)).json()["id"]
    pictures = {"kind": "thumbnail", "params": {"upload": upload}}
    steps = [{"name": "thumbs", **pictures}, {"name": "alarm", "needs": ["thumbs"], "run_if": "failure", **pictures}]
    sent = await bob.post("/v1/workflows", json={"name": EVIL, "steps": steps})
    workflow, ids = sent.json()["id"], {one["name"]: one["job"] for one in sent.json()["steps"]}
    await worker.end(ids["thumbs"], "failed", error=("timed_out", f"The file {EVIL} takes too long."))
    await worker.begin()  # its timer is due; the next claim has it
    await worker.end(ids["alarm"])
    async with signed_in(port, BOB) as browser:
        page = (await browser.get(f"/console/jobs/{workflow}")).text
        assert EVIL not in page
        assert re.findall(r'<tr data-job="(\w+)" data-state="(\w+)"', page) == [
            (ids["thumbs"], "failed"),
            (ids["alarm"], "succeeded"),
        ]
        drawing = page.partition('<svg class="graph"')[2].partition("</svg>")[0]
        assert (drawing.count("<path"), drawing.count("<rect")) == (1, 2)
        assert "2 steps" in drawing
        assert re.findall(r'<g class="(\w+)">', drawing) == ["failed", "succeeded"]
        assert f"/v1/workflows/{workflow}/retry" in page
        answer = await browser.post(f"/console/jobs/{workflow}/retry", headers=PAGE)
        assert answer.headers["location"] == f"/console/jobs/{workflow}"
        assert "Retry</button>" not in (await browser.get(f"/console/jobs/{workflow}")).text
    assert (await bob.get(f"/v1/jobs/{ids['thumbs']}")).json()["state"] == "queued"
