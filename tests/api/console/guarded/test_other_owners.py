"""What is one owner's is on no page of another, and secrets are on none at all."""

import json
import re

import httpx
from arq.connections import ArqRedis

from tasks.storage.protocol import Storage
from tests.api.console.test_live import named
from tests.api.console.test_who_may import ROUTES
from tests.support.api.event_source import streamed
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import FILE, Owned
from tests.support.api.serving import ALICE, BOB
from tests.support.api.specs import spec
from tests.support.api.subscribers import subscribe
from tests.support.console.browsers import PAGE, signed_in
from tests.support.console.pages import PAGES

NAMES = ("walk", "customer-17", "a.b", FILE)
"""Of things that alice has."""
PASSWORD, HEADER = "correct-horse-battery", "Bearer-of-the-gateway"


def paths_of(made: dict[str, str]) -> list[tuple[str, str]]:
    """Each route with the ids of somebody's things in it."""
    of_folder = {
        "jobs": "job_id",
        "keys": "key_id",
        "schedules": "schedule_id",
        "webhooks": "endpoint_id",
        "queues": "job_id",
    }
    fixed = {"name": FILE, "number": "1", "link": made["link_id"], "delivery": made["delivery_id"], "verb": "retry"}
    found = []
    for route in ROUTES:
        method, _, path = route.partition(" ")
        if "{" not in path or "{path:path}" in path or "{queue}" in path or "{verb}" in path:
            continue
        own = made[of_folder[path.split("/")[2]]]
        if "attempts" in path:
            own = made["delivery_id"]
        found.append((method, path.format_map({"id": own, **fixed})))
    return found


async def test_another_owner_sees_and_changes_nothing(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> None:
    made = await Owned(redis, worker, storage).make(alice, "alice")
    secret_ids = set(made.values()) - {"cards", "archive"}
    paths = paths_of(made)
    assert len(paths) > 25
    async with signed_in(port, ALICE) as owner:
        own = {path: (await owner.get(path)).status_code for method, path in paths if method == "GET"}
    gone = [path for path, status in own.items() if status != 200 and not path.endswith("/recovery")]
    assert gone == [], "they are all there, for their owner"
    before = (await alice.get("/v1/jobs?counts=true")).json()
    async with signed_in(port, BOB) as browser:
        for method, path in paths:
            data = {"since": "2026-11-20T08:00", "job": made["job_id"]} if method == "POST" else None
            answer = await browser.request(method, path, headers=PAGE, data=data)
            assert answer.status_code in (403, 404), (method, path, answer.headers.get("location"))
            assert not any(name in answer.text for name in ("walk", "customer-17")), path
        queries = ("batch", "endpoint", "schedule")
        filters = [f"/console/jobs?{name}={made[name + '_id']}" for name in queries]
        filters += [f"/console/jobs?q={made['job_id']}", f"/console/try/pictures?job={made['job_id']}"]
        for path in (*PAGES, *filters):
            page = await browser.get(path)
            asked = [one for one in secret_ids if one in path]
            shown = [one for one in secret_ids if one in page.text.replace("/console", "") and one not in asked]
            assert shown == [], path
        lists = "".join([(await browser.get(path)).text for path in ("/console", "/console/jobs", "/console/failures")])
        assert [name for name in NAMES if f">{name}<" in lists] == []
        assert re.findall(r"<span>([1-9][\d,]*)</span>", lists) == [], "counts are of one's own"
        for whose in ("alice", "*"):
            for path in ("jobs", "usage", "keys", "webhooks", "failures"):
                answer = await browser.get(f"/console/{path}", params={"owner": whose})
                assert not any(one in answer.text for one in secret_ids), path
    assert (await alice.get("/v1/jobs?counts=true")).json()["counts"] == before["counts"]
    assert (await alice.get(f"/v1/endpoints/{made['endpoint_id']}")).json()["enabled"]


async def test_secrets_are_on_no_page_in_no_command_and_no_event(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage
) -> None:
    endpoint = await subscribe(alice, headers={"X-Gateway": HEADER})
    report = spec(document={"title": "Locked", "password": PASSWORD})
    async with signed_in(port) as browser, streamed(browser, "/console/live?topic=jobs") as events:
        await named(events, "ready")
        job = (await alice.post("/v1/reports", json=report)).json()["id"]
        told = await named(events, "jobs")
        assert PASSWORD not in json.dumps(told.data)
        body = {"cron": "@daily", "name": "Locked", "job": {"kind": "report", **report}}
        schedule = (await alice.post("/v1/schedules", json=body)).json()["id"]
        event = (await alice.post("/v1/events", json={"type": "a.b", "data": {}})).json()["id"]
        pages = ["/console", "/console/jobs", "/console/schedules", "/console/webhooks", "/console/audit"]
        pages += [f"/console/jobs/{job}", f"/console/jobs/{job}/raw", f"/console/jobs/{event}"]
        pages += [f"/console/schedules/{schedule}", f"/console/webhooks/{endpoint['id']}"]
        pages += [f"/console/webhooks/{endpoint['id']}/{name}" for name in ("edit", "secret", "deletion")]
        for path in pages:
            page = await browser.get(path)
            assert page.status_code == 200, path
            for secret in (PASSWORD, HEADER, endpoint["secret"], ALICE):
                assert secret not in page.text, path
        assert "X-Gateway: ***" in (await browser.get(f"/console/webhooks/{endpoint['id']}/edit")).text
