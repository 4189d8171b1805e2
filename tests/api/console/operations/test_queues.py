"""The page of queues: why nothing moves, and what starts it again."""

import re

import httpx
import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.series.depth import QueueDepth
from tasks.queue.series.rings import MINUTE_MS, sample
from tasks.settings import Settings
from tests.support.api.beats import beat
from tests.support.api.pictures import PNG
from tests.support.console.browsers import PAGE, send_form, shown, troubles
from tests.support.receivers import Receiver

HOUR_MS = 3_600_000
EVIL = "<b>disk</b>"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def test_a_queue_is_paused_with_a_reason_and_resumed(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis)
    back = {"back": "/console/queues/media", "reason": EVIL}
    answer = await admin.post("/console/queues/media/pause", data=back, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/queues/media")
    assert (await alice.get("/v1/queues/media")).json()["pause_reason"] == EVIL
    for path in ("/console/queues", "/console/queues/media"):
        page = await shown(admin, path)
        [said] = troubles(page)
        assert said.startswith("media is paused, by alice, for ")
        assert ("“<b>disk</b>”." in said, EVIL in page) == (True, False)
    await send_form(admin, page, "/console/queues/media/resume")
    assert (await alice.get("/v1/queues/media")).json()["paused"] is False


async def test_a_queue_that_was_made_is_changed_and_deleted(
    admin: httpx.AsyncClient, owner: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    await alice.put("/v1/queues/emails", json={"max_running": 7})
    assert ">emails</a>" in await shown(admin, "/console/queues")
    page = await shown(admin, "/console/queues/emails")
    assert 'value="7"' in page
    change = {"priority": "high", "concurrency": "3", "max_running": ""}
    answer = await admin.post("/console/queues/emails/change", data=change, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/queues/emails")
    found = (await alice.get("/v1/queues/emails")).json()
    assert (found["priority"], found["concurrency"], "max_running" in found) == ("high", 3, False)
    wrong = await admin.post("/console/queues/emails/change", data={"concurrency": EVIL}, headers=PAGE)
    assert (wrong.status_code, EVIL in wrong.text) == (422, False)
    for verb in ("change", "delete"):
        refused = await owner.post(f"/console/queues/emails/{verb}", data=change, headers=PAGE)
        assert refused.status_code == 403
    assert "/console/queues/media/delete" not in await shown(admin, "/console/queues/media")
    await send_form(admin, page, "/console/queues/emails/delete")
    assert (await alice.get("/v1/queues/emails")).status_code == 404


async def test_a_queue_without_a_worker_says_how_to_start_one(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await beat(redis, queues=("reports", "webhooks", "default"))
    await alice.post("/v1/images", content=PNG)
    page = await shown(admin, "/console/queues")
    [said] = troubles(page)
    assert said.endswith("Start one: python -m worker media")
    assert "alice</a>" in page, "the lane in which it waits"


async def test_a_parked_endpoint_is_sent_to_again_by_its_owner_and_by_admins(
    admin: httpx.AsyncClient, owner: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, receiver: Receiver
) -> None:
    made = (await bob.post("/v1/endpoints", json={"url": receiver.url, "events": ["*"]})).json()
    lanes, lane = LaneControls(redis), f"endpoint:{made['id']}"
    await lanes.park("webhooks", lane, HOUR_MS)
    page = await shown(admin, "/console/queues/webhooks")
    assert (receiver.url in page, "Parked, tried again" in page) == (True, True)
    await send_form(admin, page, "/console/queues/unpark")
    assert lane not in await shown(admin, "/console/queues/webhooks")
    await lanes.park("webhooks", lane, HOUR_MS)
    form = {"endpoint": made["id"]}
    assert (await owner.post("/console/queues/unpark", data=form, headers=PAGE)).status_code == 303
    assert (await admin.post("/console/queues/unpark", data=form, headers=PAGE)).status_code == 404, "whose it is not"


async def test_owners_see_why_their_own_jobs_wait(
    owner: httpx.AsyncClient, bob: httpx.AsyncClient, alice: httpx.AsyncClient
) -> None:
    assert "None of your newest jobs is held up." in await shown(owner, "/console/queues")
    for client in (alice, bob, bob):
        await client.post("/v1/images", content=PNG)
    page = await shown(owner, "/console/queues")
    [said] = troubles(page)
    assert said.startswith("media has no worker: 2 of your newest jobs wait.")
    assert (await owner.get("/console/queues/media")).status_code == 403
    assert (await owner.post("/console/queues/media/pause", headers=PAGE)).status_code == 403


async def test_another_queue_is_not_found(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/console/queues/printing")).status_code == 404


async def test_depth_and_age_over_time_are_drawn_and_in_a_table(admin: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis)
    assert "Nothing was measured in this time." in await shown(admin, "/console/queues")
    await sample(redis, clock.now_ms() - MINUTE_MS, {"media": QueueDepth(214, 361_000)})
    for path in ("/console/queues", "/console/queues/media"):
        for name in ("hour", "day", "month"):
            page = await shown(admin, f"{path}?range={name}")
            assert ("at most 214" in page, "at most 6 min 01 s" in page) == (True, True)
            assert '<rect class="bar"' in page
            assert re.search(r'<td class="n" data-label="Due jobs">214</td>', page), "for those who do not see it"
            assert f'?range={name}" aria-current="true"' in page
