"""What a trouble says and where it leads: each button has its command, each alert its page."""

import re
from html import unescape
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.console.texts import text_in
from api.console.troubles import Trouble, criteria_of, of_alerts, once_each
from tasks.settings import Settings
from tests.support.api.beats import beat
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.console.browsers import key_with, shown, signed_in

BUTTON = re.compile(r'<form method="post" action="(/console/(?:queues|failures)/[^"]+)"')
COMMAND = re.compile(r'curl -X POST "\$PRESSROOM_URL"(\S+)')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "environment": "staging"})


def commands(page: str) -> list[str]:
    return COMMAND.findall(unescape(page))


async def fail(client: httpx.AsyncClient, worker: ManualWorker, code: str) -> None:
    job_id = (await client.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job_id, "failed", error=(code, "It ends early."))


async def test_each_button_of_the_overview_has_its_command(
    admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    await beat(redis)
    await fail(alice, worker, "poison")
    await alice.post("/v1/queues/media/pause")
    page = await shown(admin)
    assert sorted(BUTTON.findall(page)) == [
        "/console/failures/delete",
        "/console/failures/retry",
        "/console/queues/media/resume",
    ]
    assert sorted(commands(page)) == ["/v1/jobs/deletion", "/v1/jobs/retry", "/v1/queues/media/resume"]


async def test_each_button_of_the_failures_has_its_command(
    port: int, admin: httpx.AsyncClient, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    for code in ("truncated", "timed_out"):
        await fail(alice, worker, code)
    page = await shown(admin, "/console/failures")
    assert sorted(commands(page)) == ["/v1/jobs/deletion", "/v1/jobs/deletion", "/v1/jobs/retry"]
    assert len(BUTTON.findall(page)) == 3
    assert '"code": "truncated", "owner": "*", "expect": 1' in unescape(page)
    async with signed_in(port, await key_with(redis, "jobs:read", read_only=True, owner="alice")) as reader:
        page = await shown(reader, "/console/failures")
        assert (commands(page), BUTTON.findall(page)) == ([], [])


async def test_what_is_pasted_into_a_shell_names_the_installation(admin: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis, queues=("webhooks", "default", "media"))
    page = await shown(admin)
    assert "<code>python -m worker reports</code> (environment: staging)" in page
    assert '<span class="environment">staging</span>' in page


def test_each_alert_leads_to_where_it_is_cured() -> None:
    alerts: list[dict[str, Any]] = [
        {"code": "failure_rate", "subject": "media", "message": "m", "value": 0.5, "limit": 0.2},
        {"code": "endpoint_failing", "subject": "e1", "message": "m", "owner": "a&b"},
        {"code": "redis_full", "subject": "redis", "message": "m", "value": 90.0, "limit": 85.0},
        {"code": "no_worker", "subject": "media", "message": "m"},
        {"code": "storage_owner", "subject": "s", "message": "m"},
    ]
    found = list(of_alerts(alerts, 3, text_in("en")))
    assert [(one.subject, [path for path, _ in one.links], [cure.path for cure in one.cures]) for one in found] == [
        ("media", ["/console/failures"], []),
        ("e1", ["/console/webhooks/e1?owner=a%26b"], ["/console/queues/unpark"]),
        ("Redis", [], ["/console/cures/ended"]),
        ("s", [], []),
    ], "that of a queue without a worker is named by the queue"
    assert found[2].cures[0].question, "it deletes"


def test_a_trouble_is_named_once_and_what_stops_work_first() -> None:
    slow, dead = Trouble("retrying", "a", "slow", key="a"), Trouble("failed", "b", "dead", key="b")
    again = Trouble("failed", "a", "another says so, too", key="a")
    assert once_each([slow, dead, again]) == [dead, slow]


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_group_of_which_not_all_was_looked_at_begins_with_its_oldest(is_cut: bool) -> None:
    group = {"kind": "thumbnail", "code": "poison", "oldest_at": "2026-11-28T00:00:00Z"}
    criteria = criteria_of(group, "*", is_cut=is_cut)
    assert criteria.pop("since", None) == ("2026-11-28T00:00:00Z" if is_cut else None)
    assert criteria == {"state": "failed", "kind": "thumbnail", "code": "poison", "owner": "*"}
