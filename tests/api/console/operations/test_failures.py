"""The page of failures: groups with examples, and what is done to all of a group."""

import httpx
import pytest

from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.console.browsers import PAGE, send_form, shown

EVIL = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def failed(client: httpx.AsyncClient, worker: ManualWorker, code: str, message: str = "No.") -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, "failed", error=(code, message))
    return job_id


async def test_without_failures_it_says_what_would_be_here(admin: httpx.AsyncClient, owner: httpx.AsyncClient) -> None:
    for browser in (admin, owner):
        assert "Nothing has failed" in await shown(browser, "/console/failures")
    assert "No failure matches" in await shown(admin, "/console/failures?period=hour&owner=bob")


async def test_a_group_has_its_examples_and_is_retried_as_a_whole(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    ids = [await failed(client, worker, "crashed", f"It ends. {EVIL}") for client in (alice, bob, bob)]
    other = await failed(alice, worker, "timed_out")
    page = await shown(admin, "/console/failures")
    assert EVIL not in page
    assert "The sandbox process that did the work died." in page, "what the code means"
    assert page.index(">crashed<") < page.index(">timed_out<"), "the most frequent cause is the first"
    assert all(f'href="/console/jobs/{job_id}"' in page for job_id in (*ids, other))
    assert "/console/jobs?state=failed&amp;kind=thumbnail&amp;code=crashed&amp;owner=%2A" in page
    answer = await send_form(admin, page.replace(page[page.index(">timed_out<") :], ""), "/console/failures/retry")
    params = (await alice.get(answer.headers["location"].replace("/console", "/v1"))).json()["params"]
    assert (params["verb"], params["code"], params["expect"]) == ("retry", "crashed", 3)
    page = await shown(admin, "/console/failures?owner=bob")
    assert ("Retry 2" in page, "timed_out" in page) == (True, False)


async def test_owners_delete_their_own(
    owner: httpx.AsyncClient, alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    theirs, mine = await failed(alice, worker, "truncated"), await failed(bob, worker, "truncated")
    page = await shown(owner, "/console/failures?owner=alice")
    assert (theirs in page, mine in page) == (False, True)
    assert ("/console/failures/retry" in page, "truncated=draw" in page) == (False, True), "what helps, and no retry"
    answer = await send_form(owner, page, "/console/failures/delete")
    started = await shown(owner, answer.headers["location"])
    assert f'The job that does it: <a href="{answer.headers["location"]}">' in started
    params = (await bob.get(answer.headers["location"].replace("/console", "/v1"))).json()["params"]
    assert (params["verb"], params["expect"]) == ("deletion", 1)
    forged = {"state": "failed", "kind": "thumbnail", "owner": "alice", "expect": "1"}
    assert (await owner.post("/console/failures/delete", data=forged, headers=PAGE)).status_code == 403


async def test_where_not_all_are_looked_at_the_count_of_a_button_holds_all_the_same(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, worker: ManualWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.pages.operations.failures.WALKED", 2)
    _, second, _ = [await failed(alice, worker, "crashed") for _ in range(3)]
    page = await shown(admin, "/console/failures")
    assert ("Only the newest 2 were looked at." in page, "Retry 2" in page) == (True, True)
    answer = await send_form(admin, page, "/console/failures/retry")
    params = (await alice.get(answer.headers["location"].replace("/console", "/v1"))).json()["params"]
    since = (await alice.get("/v1/jobs", params={"limit": 1, "q": second})).json()["jobs"][0]["created_at"]
    listed = (await alice.get("/v1/jobs", params={"state": "failed", "since": since})).json()["jobs"]
    assert (params["expect"], len(listed)) == (2, 2)
    assert "since_ms" in params
