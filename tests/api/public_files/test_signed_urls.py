"""Public URLs in records and events, and on request."""

import json
import re
import time
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.message import message_of
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.api.specs import spec
from tests.support.blobs import put

FILES = "https://files.example.com"
BODY = b"bytes of a picture"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {"public_url": "https://pressroom.example.com", "public_files_url": FILES}
    return settings.model_copy(update=changes)


@pytest.fixture
async def anyone(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, key=None) as client:
        yield client


async def ended(client: httpx.AsyncClient, worker: ManualWorker, storage: Storage, **options: str) -> dict[str, Any]:
    """The job of a picture that was drawn in two sizes."""
    blob = await put(storage, BODY)
    submitted = await client.post("/v1/images", content=PNG, params=options)
    assert submitted.status_code == 202, submitted.text
    files = tuple(
        OutputFile(f"{name}.jpg", blob.sha256, "image/jpeg", blob.bytes, {"width": side, "height": side})
        for name, side in (("small", 256), ("large", 1024))
    )
    await worker.end(submitted.json()["id"], result=Result({"picture": {"width": 3}}, files))
    job: dict[str, Any] = (await client.get(f"/v1/jobs/{submitted.json()['id']}")).json()
    return job


def urls_in(job: dict[str, Any]) -> list[str]:
    """Every URL of a file in a record."""
    found = [file["url"] for file in job["files"]]
    for markup in job["result"].get("markup", ()):
        found += [one.split()[0] for one in markup["srcset"].split(", ")]
        found += re.findall(r'src="([^"]*)"', unescape(markup["picture"]))
    return found


async def test_urls_of_a_record_can_be_put_into_a_page(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job = await ended(alice, worker, storage, urls="public")
    urls = urls_in(job)
    assert len(urls) == 5
    for url in urls:
        assert url.startswith(f"{FILES}/f/")
        answer = await anyone.get(urlsplit(url).path, headers={"Host": "files.example.com"})
        assert (answer.status_code, answer.content) == (200, BODY)
    again = (await alice.get(f"/v1/jobs/{job['id']}")).json()
    assert urls_in(again) == urls, "browsers and CDNs keep a file by its URL"
    [listed] = (await alice.get("/v1/jobs")).json()["jobs"]
    assert [file["url"] for file in listed["files"]] == urls[:2]


async def test_urls_need_a_key_unless_it_was_asked_otherwise(
    alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job = await ended(alice, worker, storage)
    private = [f"https://pressroom.example.com/v1/jobs/{job['id']}/files/{name}.jpg" for name in ("small", "large")]
    assert urls_in(job)[:2] == private
    shown = (await alice.get(f"/v1/jobs/{job['id']}", params={"urls": "public"})).json()
    assert all(url.startswith(f"{FILES}/f/") for url in urls_in(shown))
    public = await ended(alice, worker, storage, urls="public")
    hidden = (await alice.get(f"/v1/jobs/{public['id']}", params={"urls": "private"})).json()
    assert all(url.startswith("https://pressroom.example.com/v1/") for url in urls_in(hidden))


async def test_the_service_may_make_all_urls_public(
    settings: Settings, redis: ArqRedis, worker: ManualWorker, storage: Storage
) -> None:
    public = settings.model_copy(update={"file_urls": "public", "public_files_url": None})
    async with serving(public) as port, client_of(port) as alice:
        job = await ended(alice, worker, storage)
        assert all(url.startswith("https://pressroom.example.com/f/") for url in urls_in(job))
        private = await ended(alice, worker, storage, urls="private")
        assert all("/v1/jobs/" in url for url in urls_in(private))


async def test_an_event_has_the_urls_that_its_job_has(
    alice: httpx.AsyncClient, worker: ManualWorker, storage: Storage, redis: ArqRedis, settings: Settings
) -> None:
    notify = "https://example.com/hook"
    for urls in ("public", "private"):
        job = await ended(alice, worker, storage, urls=urls, notify=notify)
        [event] = (await alice.get("/v1/jobs?kind=event&limit=1")).json()["jobs"]
        data = json.loads(message_of(await redis.hgetall(JOB + event["id"]), settings).body)["data"]
        assert (data["id"], urls_in(data)) == (job["id"], urls_in(job))
        assert "urls" not in data


async def test_a_form_and_json_may_ask_for_public_urls(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    form = await alice.post("/v1/images", files={"file": ("a.png", PNG)}, data={"urls": "public"})
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    body = await alice.post("/v1/images", json={"upload": upload, "urls": "public"})
    report = await alice.post("/v1/reports", json=spec(urls="public"))
    for answer in (form, body, report):
        assert answer.status_code == 202, answer.text
        assert await redis.hget(JOB + answer.json()["id"], "urls") == b"public"
    wrong = await alice.post("/v1/images", files={"file": ("a.png", PNG)}, data={"urls": "all"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "urls")


async def test_a_url_is_made_on_request(
    alice: httpx.AsyncClient, anyone: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job = await ended(alice, worker, storage)
    place = f"/v1/jobs/{job['id']}/files/small.jpg/url"
    made = await alice.post(place, json={"expires": "1h"})
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    path = urlsplit(made.json()["url"]).path
    answer = await anyone.get(path)
    assert answer.content == BODY
    assert 3590 <= int(answer.headers["Cache-Control"].split("max-age=")[1].split(",")[0]) <= 3600
    assert made.json()["expires_at"].startswith(time.strftime("20", time.gmtime()))
    saved = (await alice.post(place, json={"disposition": "attachment"})).json()
    assert "expires_at" not in saved
    assert (await anyone.get(urlsplit(saved["url"]).path)).headers["Content-Disposition"].startswith("attachment;")


async def test_a_url_is_made_for_its_owner_alone(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker, storage: Storage
) -> None:
    job = await ended(alice, worker, storage)
    place = f"/v1/jobs/{job['id']}/files/small.jpg/url"
    others, unknown = await bob.post(place, json={}), await bob.post(f"/v1/jobs/{'0' * 32}/files/a/url", json={})
    assert [(one.status_code, one.json()["code"]) for one in (others, unknown)] == [(404, "not_found")] * 2
    assert (await alice.post(place.replace("small", "other"), json={})).status_code == 404
    waiting = (await alice.post("/v1/images", content=PNG)).json()["id"]
    early = await alice.post(f"/v1/jobs/{waiting}/files/small.jpg/url", json={})
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    wrong_ones: tuple[Any, ...] = ("forever", "0h", "1", "1.5h", "-1h", "1y", "999999999d", 5, [], {})
    for wrong in wrong_ones:
        answer = await alice.post(place, json={"expires": wrong})
        assert (answer.status_code, answer.json()["field"]) == (422, "expires")
