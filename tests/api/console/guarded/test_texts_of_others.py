"""Texts that others have written are text on every page, wherever they come from; files of theirs run nothing; links
lead nowhere else."""

import json
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import OutputFile, Result
from tasks.outbound.protocol import OutboundRequest, OutboundResponse
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.events import delivery_id
from tasks.webhook.exchanges.exchange import exchange_of
from tasks.webhook.exchanges.files import KEPT, path_of
from tasks.webhook.exchanges.masking import SecretMask
from tests.api.portal.test_portal import MINE, customer
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, client_of
from tests.support.api.specs import spec
from tests.support.api.subscribers import URL, publish, subscribe
from tests.support.blobs import put
from tests.support.console.browsers import PAGE, signed_in
from tests.support.queue.fan_out import expand, to

PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    '"onmouseover="alert(1)',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}",
    "safe\u202egnp.exe",
)
AWAY = ("//evil.test/", "https://evil.test/", "javascript:alert(1)", "/\\evil.test", "\\\\evil.test", "/\tevil", "evil")
PLACES = ("http://127.0.0.1", "/", "#", "?")
"""How links may begin."""


class Markup(HTMLParser):
    """What a browser makes of a page: its texts, and what in it could run or lead away."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.faults: list[str] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.texts.append(value or "")
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} has {name}={value}")
            if name in ("href", "src", "action", "formaction") and value and not value.startswith(PLACES):
                self.faults.append(f"{tag} has {name}={value}")
        self._script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._script &= tag != "script"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._script and data.strip():
            self.faults.append(f"a script in the page: {data}")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def written(
    payload: str, client: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> dict[str, str]:
    """Write a text wherever one can be written. Returns what has it, and a page that shows it."""

    async def made(path: str, **request: Any) -> Any:
        answer = await client.post(path, **request)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    metadata = {"metadata": json.dumps({"note": payload})}
    picture = (await made("/v1/images", files={"file": (payload, PNG)}, data=metadata))["id"]
    await worker.end(picture, "failed", error=("truncated", f"It says: {payload}"))
    titled = {**spec({"type": "text", "text": payload}), "document": {"title": payload}}
    report = (await made("/v1/reports", json=titled))["id"]
    await worker.end(report, result=Result({"rows": payload, "warnings": [{"code": "x", "message": payload}]}))
    endpoint = await subscribe(client, URL, "order.*", description=payload, channel=MINE)
    event = await publish(client, "order.paid", text=payload)
    await expand(redis, event, to(event, endpoint["id"], "alice"), owner="alice")
    delivery = delivery_id(event, endpoint["id"])
    headers = {"x-said": payload.replace("\u202e", "")}
    request = OutboundRequest(URL, json.dumps({"t": payload}).encode(), headers)
    answered = OutboundResponse(503, headers, payload.encode(), {})
    await storage.put_object(path_of(delivery, 1), exchange_of(request, answered, SecretMask(()), 4_000))
    attempt = {"number": 1, "worker": payload, "started_at": 1, "ended_at": 2, "outcome": "retrying"}
    attempt["error"] = {"code": "bad_status", "message": payload}
    attempt["about"] = {"status": 503, KEPT: True}
    await redis.hset(JOB + delivery, mapping={"attempt": 1, "attempt:1": json.dumps(attempt)})
    job = {"kind": "event", "type": "x.y", "data": {"text": payload}}
    schedule = (await made("/v1/schedules", json={"name": payload, "cron": "0 6 1 * *", "job": job}))["id"]
    key = (await made("/v1/keys", json={"name": payload, "scopes": ["images"]}))["id"]
    await made("/v1/queues/media/pause", json={"reason": payload})
    return {
        "a file's name, in the list": "/console/jobs",
        "a file's name and its metadata": f"/console/jobs/{picture}",
        "an error's text": "/console/failures",
        "a spec": f"/console/jobs/{report}",
        "an event's data": f"/console/jobs/{event}",
        "an answer's body and headers": f"/console/jobs/{delivery}/attempts/1",
        "an attempt": f"/console/jobs/{delivery}",
        "a description": f"/console/webhooks/{endpoint['id']}",
        "a description, to be changed": f"/console/webhooks/{endpoint['id']}/edit",
        "a schedule's name": f"/console/schedules/{schedule}",
        "a schedule's name, in the list": "/console/schedules",
        "a key's name": "/console/keys",
        "a key's name, on its page": f"/console/keys/{key}",
        "a queue's reason": "/console/queues",
        "a queue's reason, on the overview": "/console",
        "a description, for a customer": f"/portal/webhooks/{endpoint['id']}",
        "an answer's body, for a customer": f"/portal/jobs/{delivery}",
    }


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_text_is_text_wherever_it_was_written(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage, payload: str
) -> None:
    places = await written(payload, alice, redis, worker, storage)
    async with signed_in(port) as browser, customer(port, alice) as visitor:
        for what, path in places.items():
            page = await (visitor if path.startswith("/portal") else browser).get(path)
            markup = Markup(page.text)
            assert (page.status_code, markup.faults) == (200, []), (what, path)
            as_json = json.dumps(payload, ensure_ascii=False)[1:-1]
            assert any(payload in text or as_json in text for text in markup.texts), (what, path)
        query = dict.fromkeys(("q", "state", "code", "kind", "owner", "tag", "since", "next", "cursor"), payload)
        for path in ("jobs", "failures", "webhooks", "usage", "audit", "schedules", "login", "nothing", "keys"):
            page = await browser.get(f"/console/{path}", params=query)
            assert (page.status_code < 500, Markup(page.text).faults) == (True, []), path
        forms: dict[str, dict[str, str]] = {
            "/console/schedules": {"kind": "event", "cron": payload, "type": payload, "data": payload},
            "/console/try/event": {"type": payload, "data": payload},
            "/console/try/report": {"spec": payload},
            "/console/webhooks/new": {"url": payload, "events": payload, "headers": payload, "filters": payload},
            "/console/login": {"key": payload, "next": payload},
        }
        for path, form in forms.items():
            page = await browser.post(path, data=form, headers=PAGE)
            assert (400 <= page.status_code < 500, Markup(page.text).faults) == (True, []), path
        for path in (f"/console/jobs/{payload}", f"/console/queues/{payload}", f"/console/{payload}"):
            page = await browser.get(str(httpx.URL("http://x").copy_with(path=path).raw_path.decode()))
            assert (page.status_code, Markup(page.text).faults) == (404, []), path
        header = [(b"Last-Event-ID", payload.encode()), (b"Accept", b"text/event-stream")]
        async with browser.stream("GET", "/console/live?topic=jobs", headers=header) as stream:
            first = await anext(stream.aiter_text())
            assert (stream.status_code, payload in first) == (200, False)


async def test_files_of_others_run_nothing(
    port: int, alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    page, svg = b"<html><script>alert(1)</script>", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    files = {
        "picture.jpg": ("image/jpeg", b"\xff\xd8\xff\xe0" + page),
        "picture.png": ("image/png", svg),
        "report.pdf": ("application/pdf", b"%PDF-1.7\n" + page),
        "drawing.svg": ("image/svg+xml", svg),
        "page.html": ("text/html", page),
        "table.csv": ("text/csv", b"=cmd|' /C calc'!A0"),
    }
    blobs = {name: await put(storage, content) for name, (_, content) in files.items()}
    made = tuple(OutputFile(name, blobs[name].sha256, files[name][0], len(files[name][1]), {}) for name in files)
    job = (await alice.post("/v1/images", content=PNG)).json()["id"]
    await worker.end(job, result=Result({}, made))
    async with signed_in(port) as browser:
        shown = Markup((await browser.get(f"/console/jobs/{job}")).text)
        assert shown.faults == []
        for name, (media_type, content) in files.items():
            file = await browser.get(f"/console/jobs/{job}/files/{name}")
            assert (file.status_code, file.content) == (200, content)
            assert file.headers["content-type"].partition(";")[0] == media_type
            assert file.headers["x-content-type-options"] == "nosniff"
            assert file.headers["content-security-policy"] == "default-src 'none'; sandbox", name
            is_shown = media_type in ("image/jpeg", "image/png")
            inline = file.headers["content-disposition"].startswith("inline")
            assert is_shown or media_type == "application/pdf" or not inline, name
    async with client_of(port, None) as without_session:
        assert (await without_session.get(f"/console/jobs/{job}/files/page.html")).status_code == 303


async def test_forms_lead_nowhere_else(port: int, alice: httpx.AsyncClient) -> None:
    job = (await alice.post("/v1/images?delay=600", content=PNG)).json()["id"]
    async with client_of(port, None) as browser:
        for away in AWAY:
            answer = await browser.post("/console/login", data={"key": ALICE, "next": away}, headers=PAGE)
            assert (answer.status_code, answer.headers["location"]) == (303, "/console"), away
            for path in (f"jobs/{job}/cancel", "queues/media/resume", "jobs/chosen", "preferences"):
                answer = await browser.post(f"/console/{path}", data={"back": away, "theme": "dark"}, headers=PAGE)
                place = answer.headers.get("location", "/")
                assert place.startswith("/"), (path, away)
                assert not place.startswith(("//", "/\\")), (path, away)
            page = await browser.get("/console/login", params={"next": away})
            assert Markup(page.text).faults == []
