"""`?owner=`: an admin acts for another owner wherever that owner acts, and nobody else does."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import OutputFile, Result
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.webhook.events import delivery_id
from tests.support.api.documented import document
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of
from tests.support.api.subscribers import URL, subscribe
from tests.support.blobs import put
from tests.support.eventually import eventually
from tests.support.queue.fan_out import expand, to

WITHOUT = {
    ("post", "/v1/jobs/cancellation"),  # the filter in its body has an owner
    ("post", "/v1/jobs/retry"),
    ("post", "/v1/jobs/deletion"),
    ("get", "/v1/schedules/due-times"),  # no one's: times of a cron line
    # What is no upload yet belongs to its sender alone.
    ("post", "/v1/uploads/direct"),
    ("post", "/v1/uploads/{upload_id}/completion"),
    *((method, "/v1/uploads/resumable") for method in ("options", "post")),
    *((method, "/v1/uploads/resumable/{resumable_id}") for method in ("head", "patch", "delete")),
}
SUBMITS = (
    *("/v1/images", "/v1/reports", "/v1/events", "/v1/jobs", "/v1/batches", "/v1/uploads", "/v1/cleanup"),
    "/v1/workflows",
)
CREATES = (*SUBMITS, "/v1/schedules", "/v1/keys")
OWNED = (
    "/v1/jobs",
    "/v1/batches/",
    "/v1/workflows/",
    "/v1/deliveries",
    "/v1/endpoints",
    "/v1/schedules",
    "/v1/uploads/",
    "/v1/presets",
    "/v1/keys",
)


class Owned(NamedTuple):
    """Paths of what bob has."""

    job: str
    ended: str
    batch: str
    endpoint: str
    schedule: str
    upload: str
    delivery: str


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",), "max_wait_s": 0.05})


@pytest.fixture
async def bobs(bob: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker, storage: Storage) -> AsyncIterator[Owned]:
    ended = (await bob.post("/v1/images", content=PNG)).json()["id"]
    file = OutputFile("small.jpg", (await put(storage, b"small")).sha256, "image/jpeg", 5, {})
    await worker.end(ended, result=Result({}, (file,)))
    job = (await bob.post("/v1/images", content=PNG, params={"delay": 60})).json()["id"]
    batch = (await bob.post("/v1/batches")).json()["id"]
    endpoint = (await subscribe(bob))["id"]
    event = (await bob.post("/v1/events", json={"type": "a.b", "data": {}})).json()["id"]
    await expand(redis, event, to(event, endpoint, "bob"), owner="bob")
    schedule = await bob.post(
        "/v1/schedules", json={"cron": "@daily", "job": {"kind": "event", "type": "a.b", "data": {}}}
    )
    upload = await bob.post("/v1/uploads", content=PNG)
    yield Owned(
        f"/v1/jobs/{job}",
        f"/v1/jobs/{ended}",
        f"/v1/batches/{batch}",
        f"/v1/endpoints/{endpoint}",
        schedule.headers["Location"],
        upload.headers["Location"],
        f"/v1/deliveries/{delivery_id(event, endpoint)}",
    )
    await bob.post(f"/v1/batches/{batch}/seal")


def requests(bobs: Owned) -> list[tuple[str, str, Any]]:
    """Every verb, in an order in which each can succeed."""
    return [
        ("GET", "/v1/jobs", None),
        ("GET", "/v1/deliveries", None),
        ("GET", "/v1/endpoints", None),
        ("GET", "/v1/schedules", None),
        ("GET", bobs.job, None),
        ("GET", f"{bobs.ended}/events", None),
        ("GET", f"{bobs.ended}/files/small.jpg", None),
        ("HEAD", f"{bobs.ended}/files/small.jpg", None),
        ("POST", f"{bobs.job}/cancellation", None),
        ("POST", f"{bobs.job}/retry", None),
        ("DELETE", bobs.ended, None),
        ("POST", f"{bobs.batch}/seal", None),
        ("GET", bobs.delivery, None),
        ("POST", f"{bobs.delivery}/redelivery", None),
        ("GET", bobs.endpoint, None),
        ("PATCH", bobs.endpoint, {"description": "of an admin"}),
        ("POST", f"{bobs.endpoint}/secret", {}),
        ("POST", f"{bobs.endpoint}/recovery", {"since": "2026-11-20"}),
        ("DELETE", bobs.endpoint, None),
        ("GET", bobs.schedule, None),
        ("PATCH", bobs.schedule, {"name": "of an admin"}),
        ("GET", f"{bobs.schedule}/runs", None),
        ("POST", f"{bobs.schedule}/runs", None),
        ("DELETE", bobs.schedule, None),
        ("GET", bobs.upload, None),
        ("DELETE", bobs.upload, None),
    ]


async def test_an_admin_reaches_all_that_another_owner_has(alice: httpx.AsyncClient, bobs: Owned) -> None:
    for method, path, body in requests(bobs):
        answer = await alice.request(method, path, params={"owner": "bob"}, json=body)
        assert answer.is_success, (method, path, answer.text)
        if path.count("/") == 2:
            assert len(answer.json()[path.rpartition("/")[2]]) >= 1, path
    assert (await alice.get("/v1/endpoints")).json()["endpoints"] == [], "without the parameter it is one's own"


async def test_what_an_admin_does_is_the_owners(alice: httpx.AsyncClient, bob: httpx.AsyncClient, bobs: Owned) -> None:
    for path, body in ((f"{bobs.endpoint}/recovery", {"since": "2026-11-20"}), (f"{bobs.schedule}/runs", None)):
        made = await alice.post(path, params={"owner": "bob"}, json=body)
        assert (made.status_code, made.json()["owner"]) == (202, "bob")
        assert (await bob.get(made.headers["Location"])).status_code == 200


async def test_an_admin_makes_an_endpoint_for_an_owner(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    assert (await alice.post("/v1/owners", json={"name": "bob", "quotas": {"endpoints": 1}})).is_success
    body = {"url": URL, "events": ["job.*"]}
    refused = await bob.post("/v1/endpoints", params={"owner": "alice"}, json=body)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, "forbidden", "owner")
    wrong = await alice.post("/v1/endpoints", params={"owner": "no such name"}, json=body)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "owner")
    made = await alice.post("/v1/endpoints", params={"owner": "bob"}, json=body)
    assert made.status_code == 201
    assert [one["id"] for one in (await bob.get("/v1/endpoints")).json()["endpoints"]] == [made.json()["id"]]
    assert (await alice.get("/v1/endpoints")).json()["endpoints"] == []
    full = await alice.post("/v1/endpoints", params={"owner": "bob"}, json=body)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_endpoints"), "the quota is bob's"


async def test_what_an_admin_does_counts_towards_the_owners_own_quotas(alice: httpx.AsyncClient, bobs: Owned) -> None:
    made = await alice.post("/v1/owners", json={"name": "bob", "quotas": {"waiting_jobs": 1}})
    assert made.is_success, made.text

    async def submit() -> httpx.Response:
        return await alice.post(f"{bobs.endpoint}/test?owner=bob", json={})

    async def is_refused() -> bool:
        answer = await submit()
        return answer.status_code == 429 and (answer.json()["code"], answer.json()["limit"]) == ("owner_queue_full", 1)

    await eventually(is_refused)
    assert (await alice.post("/v1/images", content=PNG)).status_code == 202, "one's own are the settings'"
    assert (await alice.patch("/v1/owners/bob", json={"quotas": {"waiting_jobs": None}})).is_success

    async def is_let_in() -> bool:
        return (await submit()).is_success

    await eventually(is_let_in)


async def test_nobody_else_names_another_owner(bob: httpx.AsyncClient, bobs: Owned) -> None:
    for method, path, body in requests(bobs):
        answer = await bob.request(method, path, params={"owner": "alice"}, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
        if method != "HEAD":
            assert (answer.json()["code"], answer.json()["field"]) == ("forbidden", "owner")
    assert (await bob.get(bobs.job, params={"owner": "bob"})).status_code == 200, "one's own may be named"


async def test_what_the_named_owner_does_not_have_is_not_found(settings: Settings, bobs: Owned, port: int) -> None:
    del bobs
    async with client_of(port) as alice, client_of(port, BOB) as bob:
        mine = (await alice.post("/v1/images", content=PNG, params={"delay": 60})).json()["id"]
        for method, path in (("GET", ""), ("POST", "/cancellation"), ("DELETE", "")):
            answer = await alice.request(method, f"/v1/jobs/{mine}{path}", params={"owner": "bob"})
            assert answer.status_code == 404, answer.text
        everyone = await alice.get("/v1/presets", params={"owner": "*"})
        assert (everyone.status_code, everyone.json()["field"]) == (422, "owner")
        assert (await bob.get("/v1/jobs", params={"owner": "bob"})).status_code == 200


def test_every_operation_on_what_owners_have_takes_an_owner() -> None:
    missing = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            takes = "owner" in {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
            creates = method == "post" and path in CREATES
            if path.startswith(OWNED) and not creates and not takes and (method, path) not in WITHOUT:
                missing.append((method, path))
    assert missing == []
