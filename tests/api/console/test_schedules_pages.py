"""The pages of schedules: the list, one of them, and a new one by a form."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from arq.connections import ArqRedis

from api.console.texts.cron_words import in_japanese
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.serving import ALICE, BOB
from tests.support.api.specs import spec
from tests.support.console.browsers import PAGE, key_with, signed_in

EVIL = '<img src=x onerror="alert(1)">'
FORM = {
    "kind": "event",
    "name": EVIL,
    "cron": "30 6 * * mon-fri",
    "timezone": "Europe/Berlin",
    "overlap": "allow",
    "misfire": "skip",
    "type": "shop.closing",
    "data": '{"shop": 12}',
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def test_a_schedule_is_made_by_a_form_that_says_when_it_runs(port: int, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, BOB) as browser:
        empty = (await browser.get("/console/schedules")).text
        assert "There is none yet" in empty
        assert "shop.closing" in empty
        shown = await browser.post("/console/schedules", data={**FORM, "do": "preview"}, headers=PAGE)
        times = shown.text.count("06:30 Europe/Berlin, <time")
        assert (shown.status_code, times, EVIL in shown.text) == (200, 5, False)
        assert "At 06:30 on Monday through Friday" in shown.text
        assert (await bob.get("/v1/schedules")).json()["schedules"] == []

        made = await browser.post("/console/schedules", data={**FORM, "do": "create"}, headers=PAGE)
        (one,) = (await bob.get("/v1/schedules")).json()["schedules"]
        assert (made.status_code, made.headers["location"]) == (303, f"/console/schedules/{one['id']}")
        assert (one["name"], one["overlap"], one["misfire"], one["params"]["data"]) == (
            EVIL,
            "allow",
            "skip",
            {"shop": 12},
        )
        for path in ("/console/schedules", made.headers["location"]):
            page = (await browser.get(path)).text
            assert EVIL not in page
            assert "At 06:30 on Monday through Friday (Europe/Berlin)" in page
            page = (await browser.get(path, headers={"Accept-Language": "ja"})).text
            assert "毎週月〜金曜日 6:30 (Europe/Berlin)" in page


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("17 3 * * *", "毎日 3:17"),
        ("*/15 * * * *", "15分ごと"),
        ("5,35 * * * *", "毎時5・35分"),
        ("0 */2 * * *", "0:00から2時間ごと"),
        ("0 9 * * SAT,7", "毎週土・日曜日 9:00"),
        ("0 9 LW * *", "毎月最後の平日 9:00"),
        ("0 9 * * FRI#2", "毎月第2金曜日 9:00"),
        ("0 9 * * 5L", "毎月最後の金曜日 9:00"),
        ("0 0 1 JAN *", "毎年1月1日 0:00"),
        ("0 6,18 1,15 1,7 1", "1・7月の1・15日、または毎週月曜日 6:00、18:00"),
        ("*/5 9-17 * 3-5 *", "3〜5月の毎日 9〜17時台の5分ごと"),
        ("0 12 1-7 * MON", "毎月1〜7日、または毎週月曜日 12:00"),
    ],
)
def test_the_words_are_japanese_on_a_japanese_page(cron: str, words: str) -> None:
    assert in_japanese(cron, "Asia/Tokyo") == f"{words} (Asia/Tokyo)"


@pytest.mark.parametrize("cron", ["*/7 * * * *", "0 9 */2 * 1", "0 9 1-31/2 * *", "0 9 15W * *", "0 9 * JAN/2 *"])
def test_rarer_forms_have_no_japanese_words(cron: str) -> None:
    assert in_japanese(cron, "UTC") is None, "the page has the English ones"


async def test_what_is_wrong_is_said_at_the_form(port: int, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, BOB) as browser:
        wrong = (
            ({"cron": "99 * * * *"}, "bad minute"),
            ({"timezone": "Here/There"}, "no known time zone"),
            ({"data": "{"}, "not valid JSON"),
            ({"kind": "report", "spec": '{\n"document": {"title": "T"},\n"blocks": [\n{"type": "x"}]}'}, "line 4"),
        )
        for changes, said in wrong:
            page = await browser.post("/console/schedules", data={**FORM, **changes}, headers=PAGE)
            assert (page.status_code, said in page.text) == (422, True), (said, page.text)
            assert "&lt;img" in page.text, "what was typed is still there"
        assert (await bob.get("/v1/schedules")).json()["schedules"] == []


async def test_a_schedule_is_run_paused_changed_and_deleted(
    port: int, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    body = {"cron": "0 0 1 1 *", "name": "Yearly", "job": {"kind": "report", **spec()}}
    made = (await bob.post("/v1/schedules", json=body)).json()
    place = f"/console/schedules/{made['id']}"
    async with signed_in(port, BOB) as browser:
        started = await browser.post(f"{place}/run", data={"back": "/console/schedules"}, headers=PAGE)
        assert (started.status_code, started.headers["location"]) == (303, "/console/schedules")
        (job,) = (await bob.get("/v1/jobs", params={"schedule": made["id"]})).json()["jobs"]
        assert f'href="/console/jobs/{job["id"]}"' in (await browser.get("/console/schedules")).text
        await worker.end(job["id"], "failed", error=("crashed", "It went wrong."))
        assert "It went wrong." in (await browser.get(place)).text
        assert 'class="run failed"' in (await browser.get("/console/schedules")).text

        await browser.post(f"{place}/pause", data={}, headers=PAGE)
        paused = (await browser.get(place)).text
        assert "The schedule is paused." in paused
        assert f'action="{place}/resume"' in paused
        for verb in ("run", "resume", "change", "delete"):
            assert f'action="{place}/{verb}"' in paused, f"the form leads where {verb} is done"
        await browser.post(f"{place}/resume", data={}, headers=PAGE)
        change = {"name": "Monthly", "cron": "0 0 1 * *", "timezone": "Asia/Tokyo"}
        await browser.post(f"{place}/change", data=change, headers=PAGE)
        now = (await bob.get(f"/v1/schedules/{made['id']}")).json()
        assert (now["paused"], {name: now[name] for name in change}) == (False, change)
        assert "Delete Monthly" in (await browser.get(place)).text
        gone = await browser.post(f"{place}/delete", data={}, headers=PAGE)
        assert (gone.status_code, gone.headers["location"]) == (303, "/console/schedules")
        assert (await browser.get(place)).status_code == 404


async def test_a_read_only_key_sees_schedules_and_changes_none(
    port: int, redis: ArqRedis, bob: httpx.AsyncClient
) -> None:
    made = (
        await bob.post("/v1/schedules", json={"cron": "@daily", "job": {"kind": "event", "type": "a.b", "data": 1}})
    ).json()
    place = f"/console/schedules/{made['id']}"
    async with signed_in(port, await key_with(redis, "jobs:read", "jobs:write", read_only=True)) as browser:
        for path in ("/console/schedules", place, "/console/schedules/new"):
            page = await browser.get(path)
            assert (page.status_code, 'action="/console/schedules' in page.text) == (200, False)
        for verb in ("run", "pause", "resume", "change", "delete"):
            assert (await browser.post(f"{place}/{verb}", data={}, headers=PAGE)).status_code == 403
        assert (await browser.post("/console/schedules", data=FORM, headers=PAGE)).status_code == 403
    async with signed_in(port, await key_with(redis, "images")) as browser:
        page = await browser.get("/console/schedules")
        assert (page.status_code, "jobs:read" in page.text) == (200, True)
    async with signed_in(port, ALICE) as browser:
        assert made["id"] not in (await browser.get("/console/schedules?owner=alice")).text, "another owner's"
        everyones = (await browser.get("/console/schedules")).text
        assert (made["id"] in everyones, ">bob</td>" in everyones) == (True, True)
        assert f'action="{place}/pause"' in (await browser.get("/console/schedules?owner=bob")).text
        await browser.post(f"{place}/pause", data={}, headers=PAGE)
        assert (await bob.get(f"/v1/schedules/{made['id']}")).json()["paused"]


async def test_the_next_times_are_right_over_a_change_of_the_clocks(port: int, bob: httpx.AsyncClient) -> None:
    """Five runs, one in each quarter, are in summer and in winter."""
    quarterly = {**FORM, "cron": "30 6 1 1,4,7,10 *"}
    berlin = ZoneInfo("Europe/Berlin")
    async with signed_in(port, BOB) as browser:
        preview = await browser.post("/console/schedules", data={**quarterly, "do": "preview"}, headers=PAGE)
        made = await browser.post("/console/schedules", data={**quarterly, "do": "create"}, headers=PAGE)
        (one,) = (await bob.get("/v1/schedules")).json()["schedules"]
        for page in (preview.text, (await browser.get(made.headers["location"])).text):
            shown = re.findall(r'(\d{4}-\S+ \d\d:\d\d) UTC <span class="muted">.*?<time datetime="([^"]+)"', page)
            times = [datetime.fromisoformat(time) for _, time in shown]
            assert [time.astimezone(berlin).strftime("%d %H:%M") for time in times] == ["01 06:30"] * 5
            assert [text for text, _ in shown] == [time.strftime("%Y-%m-%d %H:%M") for time in times]
            assert {time.hour for time in times} == {4, 5}, "of UTC"
        listed = (await browser.get("/console/schedules")).text
        assert f'<time datetime="{one["next_at"]}"' in listed
        assert one["next_at"][:16].replace("T", " ") + " UTC" in listed
