"""/v1/alerts: what is wrong now, as the alert job finds it."""

import json
import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from arq.connections import ArqRedis

from api.operations.alerts import CURES, PAGE, UNITS
from tasks.kind import JobContext
from tasks.maintenance.alerts import NAMES, AlertParams, check
from tasks.queue.installation import note_storage_owner
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import ALERTS, ENDPOINT, FAILING, JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.beats import beat
from tests.support.api.pictures import PNG
from tools.documents import ROOT

GONE = "e" * 32


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def alerts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/v1/alerts")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["alerts"]
    return found


async def submit_long_ago(client: httpx.AsyncClient, redis: ArqRedis, seconds: float) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    await redis.hset(JOB + job_id, "due_at", int((time.time() - seconds) * 1000))
    return job_id


def ago(text: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds()


async def test_nothing_is_wrong_with_a_service_that_has_nothing_to_do(alice: httpx.AsyncClient) -> None:
    await alice.post("/v1/images", content=PNG)
    answer = (await alice.get("/v1/alerts")).json()
    assert answer["alerts"] == []
    assert abs(ago(answer["at"])) < 10


async def test_a_queue_without_a_worker_is_found_though_no_worker_checks(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
) -> None:
    await submit_long_ago(bob, redis, 90)
    [alert] = await alerts(alice)
    assert 89 < ago(alert.pop("since")) < 100
    assert 89 <= alert.pop("value") < 100
    assert "python -m worker media" in alert.pop("message")
    assert alert == {
        "code": "no_worker",
        "subject": "media",
        "queue": "media",
        "limit": 60,
        "unit": "seconds",
        "page": "docs/operations.md#what-is-stuck-and-why",
    }
    await beat(redis)
    assert await alerts(alice) == []


async def test_it_is_what_the_alert_job_finds(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, storage: Storage
) -> None:
    await submit_long_ago(alice, redis, 400)
    await LaneControls(redis).pause("media")
    now_ms = int(time.time() * 1000)
    await beat(redis, storage_away_ms=now_ms - 70_000)
    await redis.hset(ENDPOINT + GONE, mapping={"owner": "bob", "url": "https://bob.example/"})
    await redis.zadd(FAILING, {GONE: now_ms - 1_000_000})
    await note_storage_owner(redis, "a" * 32)
    before = await alerts(alice)
    context = cast("JobContext[AlertParams]", SimpleNamespace(redis=redis, settings=settings, storage=storage))
    assert (await check(context)).value["fired"] == 4
    sent = [json.loads(json.loads(text)["data"]) for text in (await redis.hgetall(ALERTS)).values()]
    after = {alert["code"]: alert for alert in await alerts(alice)}
    assert sorted((one["code"], one["subject"]) for one in before) == sorted(
        (one["alert"], one["subject"]) for one in sent
    )
    for one in sent:
        alert = after[one["alert"]]
        assert re.sub(r"\d+ s", "", alert["message"]) == re.sub(r"\d+ s", "", one["message"])
        assert alert.get("limit", 1) == one["limit"]
    failing, foreign = after["endpoint_failing"], after["foreign_storage"]
    assert (failing["endpoint"], failing["owner"], "queue" in failing) == (GONE, "bob", False)
    assert 999 < ago(failing["since"]) < 1_010
    assert foreign.keys() == {"code", "message", "subject", "since", "page"}
    assert [one.get("since") for one in before if one["code"] == "foreign_storage"] == [None], "no check had found it"
    await note_storage_owner(redis, None)
    await redis.delete(FAILING, ENDPOINT + GONE)


def test_each_has_a_page_that_says_what_to_do() -> None:
    assert {*CURES} == {*NAMES}
    assert {*NAMES} - {*UNITS} == {"foreign_storage"}
    headings = re.findall(r"^##+ (.+)$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}
    assert {*CURES.values()} <= anchors
