"""Tags and metadata: every submit takes them, answers and webhooks have them, lists and bulk actions go by them."""

import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.maintenance.bulk import BULK
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of, serving
from tests.support.api.specs import spec
from tests.support.api.subscribers import URL, delivering, subscribe
from tests.support.engine_running import working
from tests.support.queue.bulk_results import outcomes
from tests.support.receivers import Receiver

TAGS = ["user:42", "invoice"]
METADATA: dict[str, Any] = {"größe": "12 €", "order": 4711, "vat": 0.19, "paid": True}
LABELS: dict[str, Any] = {"tags": TAGS, "metadata": METADATA}
AS_TEXT = {"tags": "user:42, invoice", "metadata": json.dumps(METADATA)}
AS_HEADERS = {"Pressroom-Tags": AS_TEXT["tags"], "Pressroom-Metadata": AS_TEXT["metadata"]}
CSV = {"Content-Type": "text/csv"}
FILES = {"file": ("a.png", PNG)}
EVENT = {"type": "order.paid", "data": {}}


async def upload(client: httpx.AsyncClient) -> str:
    upload_id: str = (await client.post("/v1/uploads", content=PNG)).json()["id"]
    return upload_id


async def submit(client: httpx.AsyncClient, *tags: str, **query: str) -> str:
    params = {"tags": ",".join(tags), **query}
    job_id: str = (await client.post("/v1/images", content=PNG, params=params)).json()["id"]
    return job_id


async def ids(client: httpx.AsyncClient, *tags: str, **query: Any) -> list[str]:
    answer = await client.get("/v1/jobs", params={"tag": list(tags), **query})
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_every_submit_takes_them_in_its_body_its_query_and_headers(alice: httpx.AsyncClient) -> None:
    picture = {"upload": await upload(alice)}
    answers = [
        await alice.post("/v1/images", content=PNG, params=AS_TEXT),
        await alice.post("/v1/images", content=PNG, headers=AS_HEADERS),
        await alice.post("/v1/images", files=FILES, data=AS_TEXT),
        await alice.post("/v1/images", json={**picture, **LABELS}),
        await alice.post("/v1/reports", json={**spec(), **LABELS}),
        await alice.post("/v1/reports", json=spec(), headers=AS_HEADERS),
        await alice.post("/v1/reports", content=b"a\n1\n", headers=CSV, params=AS_TEXT),
        await alice.post("/v1/reports", content=b"a\n1\n", headers=CSV | AS_HEADERS),
        await alice.post("/v1/reports", files={"file": ("a.csv", b"a\n1\n")}, data=AS_TEXT),
        await alice.post("/v1/events", json=EVENT | LABELS),
        await alice.post("/v1/events", json=EVENT, headers=AS_HEADERS),
        await alice.post("/v1/batches", json=LABELS),
        await alice.post("/v1/batches", headers=AS_HEADERS),
    ]
    for answer in answers:
        assert answer.status_code == 202, answer.text
        assert (answer.json()["tags"], answer.json()["metadata"]) == (TAGS, METADATA)
        job = (await alice.get(answer.headers["Location"])).json()
        assert (job["tags"], job["metadata"]) == (TAGS, METADATA)
    assert await ids(alice, "user:42") == [answer.json()["id"] for answer in reversed(answers)]


async def test_uploads_endpoints_and_schedules_have_them_too(alice: httpx.AsyncClient) -> None:
    plain = await subscribe(alice)
    schedule = {"cron": "@daily", "job": {"kind": "event", **EVENT}}
    for path, said in (
        ("uploads", {"content": PNG, "params": AS_TEXT}),
        ("uploads", {"content": PNG, "headers": AS_HEADERS}),
        ("endpoints", {"json": {"url": URL, "events": ["*"], **LABELS}}),
        ("schedules", {"json": {**schedule, **LABELS}}),
    ):
        answer = await alice.post(f"/v1/{path}", **said)
        assert answer.status_code == 201, answer.text
        again = (await alice.get(answer.headers["Location"])).json()
        for seen in (answer.json(), again):
            assert (seen["tags"], seen["metadata"]) == (TAGS, METADATA)
        if path != "uploads":
            listed = (await alice.get(f"/v1/{path}", params={"tag": TAGS})).json()[path]
            assert [one["id"] for one in listed] == [again["id"]]
            changed = await alice.patch(answer.headers["Location"], json={"tags": ["vip"], "metadata": None})
            assert (changed.json()["tags"], changed.json().get("metadata")) == (["vip"], None)
            assert (await alice.get(f"/v1/{path}", params={"tag": TAGS})).json()[path] == []
    assert plain.keys().isdisjoint(LABELS)


async def test_the_runs_of_a_schedule_have_its_labels(alice: httpx.AsyncClient) -> None:
    made = await alice.post("/v1/schedules", json={"cron": "@daily", "job": {"kind": "event", **EVENT}, **LABELS})
    run = await alice.post(f"{made.headers['Location']}/runs")
    assert (run.json()["tags"], run.json()["metadata"]) == (TAGS, METADATA)
    assert await ids(alice, *TAGS) == [run.json()["id"]]


async def test_several_pictures_of_a_form_and_their_batch_have_them(alice: httpx.AsyncClient) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG + b"b"))]
    made = (await alice.post("/v1/images", files=files, data={**AS_TEXT, "name": "album"})).json()
    assert [(job["name"], job["tags"], job["metadata"]) for job in made["jobs"]] == [
        ("a.png", TAGS, METADATA),
        ("b.png", TAGS, METADATA),
    ]
    batch = (await alice.get(f"/v1/jobs/{made['batch']}")).json()
    assert (batch["name"], batch["tags"], batch["metadata"]) == ("album", TAGS, METADATA)
    assert await ids(alice, "user:42", kind="batch") == [made["batch"]]
    assert set(await ids(alice, "user:42")) == {made["batch"], *(job["id"] for job in made["jobs"])}


async def test_a_form_and_a_reference_may_name_their_picture(alice: httpx.AsyncClient) -> None:
    answers = [
        await alice.post("/v1/images", files=FILES, data={"name": "card.png"}),
        await alice.post("/v1/images", files=FILES, params={"name": "card.png"}),
        await alice.post("/v1/images", json={"upload": await upload(alice), "name": "card.png"}),
        await alice.post("/v1/reports", json={**spec(), "name": "card.png"}),
        await alice.post("/v1/reports", json=spec(), params={"name": "card.png"}),
        await alice.post("/v1/reports", files={"file": ("a.csv", b"a\n1\n")}, data={"name": "card.png"}),
    ]
    assert [answer.json()["name"] for answer in answers] == ["card.png"] * 6
    long = await alice.post("/v1/images", files=FILES, data={"name": "x" * 256})
    assert (long.status_code, long.json()["field"], long.json()["limit"]) == (422, "name", 255)


async def test_a_list_has_the_jobs_with_all_the_tags_and_nobody_elses(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    both, one = await submit(alice, "user:42", "vip"), await submit(alice, "user:42")
    other, theirs = await submit(alice, "user:421"), await submit(bob, "user:42")
    assert await ids(alice, "user:42") == [one, both]
    assert await ids(alice, "user:42", "vip") == [both]
    assert await ids(alice, "vip", "user:421") == []
    assert await ids(bob, "user:42") == [theirs]
    await worker.end(both)
    assert await ids(alice, "user:42", state="succeeded") == [both]
    assert await ids(alice, "user:42", kind="thumbnail", queue="media") == [one, both]
    assert await ids(alice, "user:42", kind="report") == await ids(alice, "user:42", queue="reports") == []
    assert await ids(alice, "user:42", q=one[:12]) == await ids(alice, "user:42", q=one) == [one]
    counted = (await alice.get("/v1/jobs?tag=user:42&counts=true")).json()["counts"]
    assert {state: count for state, count in counted.items() if count} == {"running": 1, "succeeded": 1}
    first = (await alice.get("/v1/jobs?tag=user:42&limit=1")).json()
    second = (await alice.get("/v1/jobs", params={"tag": "user:42", "limit": 1, "cursor": first["next"]})).json()
    assert [page["jobs"][0]["id"] for page in (first, second)] == [one, both]
    assert (await alice.delete(f"/v1/jobs/{both}")).status_code == 204
    assert await ids(alice, "vip") == []
    assert await ids(alice, "user:421") == [other]


async def test_an_admin_lists_a_tag_over_one_owner_and_over_all(settings: Settings, redis: ArqRedis) -> None:
    async with (
        serving(settings.model_copy(update={"admins": ("alice",)})) as port,
        client_of(port) as alice,
        client_of(port, BOB) as bob,
    ):
        mine, theirs = await submit(alice, "user:42"), await submit(bob, "user:42")
        await submit(bob, "user:43")
        assert await ids(alice, "user:42", owner="*") == [theirs, mine]
        assert await ids(alice, "user:42", owner="bob") == [theirs]
        refused = await bob.get("/v1/jobs?tag=user:42&owner=alice")
        assert (refused.status_code, refused.json()["field"]) == (403, "owner")


async def done(redis: ArqRedis, settings: Settings, client: httpx.AsyncClient, verb: str, asked: Any) -> Any:
    answer = await client.post(f"/v1/jobs/{verb}", json=asked)
    assert answer.status_code == 202, answer.text
    async with working(redis, settings, concurrency={"default": 1}, kinds={BULK.name: BULK}):
        return (await client.get(answer.headers["Location"], params={"wait": 10})).json()["result"]


async def test_all_of_a_user_are_deleted_and_nothing_else(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    mine = [await submit(alice, "user:42", tag) for tag in ("vip", "shop")]
    others = [await submit(alice, "user:43"), await submit(alice)]
    theirs = await submit(bob, "user:42")
    counted = await done(redis, settings, alice, "cancellation", {"tag": ["user:42", "vip"], "dry_run": True})
    assert outcomes(counted) == {"matched": 1}
    cancelled = await done(redis, settings, alice, "cancellation", {"tag": "user:42"})
    assert (cancelled["matched"], cancelled["cancelled"]) == (2, 2)
    deleted = await done(redis, settings, alice, "deletion", {"tag": "user:42", "kind": "thumbnail"})
    assert outcomes(deleted) == {"matched": 2, "deleted": 2, "skipped": 0}
    assert [(await alice.get(f"/v1/jobs/{one}")).status_code for one in (*mine, *others)] == [404, 404, 200, 200]
    assert (await bob.get(f"/v1/jobs/{theirs}")).status_code == 200


async def test_jobs_are_found_by_the_code_of_their_error(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    made = [await submit(alice) for _ in range(3)]
    await worker.end(made[0], "failed", error=("truncated", "Half of it."))
    await worker.end(made[1], "failed", error=("timed_out", "It takes too long."))
    await worker.end(made[2], "retrying", error=("truncated", "Half of it."))
    assert await ids(alice, code="truncated") == [made[2], made[0]]
    assert await ids(alice, code="truncated", state="failed") == [made[0]]
    assert await ids(alice, code="poison") == []
    again = await done(redis, settings, alice, "retry", {"code": "timed_out"})
    assert (again["matched"], again["retried"]) == (1, 1)
    assert await ids(alice, code="timed_out") == []
    retrying = (await alice.get(f"/v1/jobs/{made[2]}")).json()
    assert retrying["error"] == {"code": "truncated", "message": "Half of it."}


async def test_webhooks_and_notify_have_them(
    redis: ArqRedis, settings: Settings, alice: httpx.AsyncClient, worker: ManualWorker, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.at("/hook"))
    job = await alice.post("/v1/images", content=PNG, params=AS_TEXT | {"notify": receiver.at("/once")})
    await worker.end(job.json()["id"])
    event = (await alice.post("/v1/events", json=EVENT | LABELS)).json()["id"]
    async with delivering(redis, settings):
        requests = await receiver.wait_for(3)
    told = {(request.path, request.headers["webhook-id"]): json.loads(request.body) for request in requests}
    own = told.pop(("/hook", event))
    assert (own["data"], own["tags"], own["metadata"]) == ({}, TAGS, METADATA)
    assert {path for path, _ in told} == {"/hook", "/once"}
    for body in told.values():
        assert (body["type"], body["data"]["tags"], body["data"]["metadata"]) == ("job.succeeded", TAGS, METADATA)
        assert "tags" not in body
    assert set(await ids(alice, "user:42", kind="event")) == {event, *(event_id for _, event_id in told)}


@pytest.mark.parametrize(
    ("said", "field", "text"),
    [
        ({"tags": "a,b c"}, "tags", "'b c' is no tag"),
        ({"tags": "größe"}, "tags", "'größe' is no tag"),
        ({"tags": ",".join(f"t{n}" for n in range(11))}, "tags", "11 tags"),
        ({"metadata": "[1]"}, "metadata", "A list is no JSON object"),
        ({"metadata": "{"}, "metadata", "not valid JSON"),
        ({"metadata": '{"a": null}'}, "metadata", "'a' must be a text"),
        ({"metadata": '{"": 1}'}, "metadata", "A key is empty"),
        ({"metadata": json.dumps({str(n): n for n in range(21)})}, "metadata", "21 keys"),
        ({"metadata": json.dumps({"a": "ü" * 1_025})}, "metadata", "2058 bytes"),
    ],
)
async def test_what_is_wrong_is_refused_wherever_it_stands(
    alice: httpx.AsyncClient, said: dict[str, str], field: str, text: str
) -> None:
    [(name, value)] = said.items()
    header = f"Pressroom-{name.title()}"
    body = {name: value.split(",") if name == "tags" else json.loads(value)} if value != "{" else {name: value}
    for answer, where in (
        (await alice.post("/v1/images", content=PNG, params=said), field),
        (await alice.post("/v1/images", content=PNG, headers={header.encode(): value.encode()}), header),
        (await alice.post("/v1/images", files=FILES, data=said), field),
        (await alice.post("/v1/uploads", content=PNG, params=said), field),
        (await alice.post("/v1/events", json=EVENT | body), field),
        (await alice.post("/v1/reports", json={**spec(), **body}), field),
        (await alice.post("/v1/batches", json=body), field),
        (await alice.post("/v1/endpoints", json={"url": URL, "events": ["*"], **body}), field),
    ):
        assert (answer.status_code, answer.json()["field"]) == (422, where), answer.text
        assert text in answer.json()["detail"] or value == "{", answer.text


async def test_what_is_said_twice_must_be_the_same(alice: httpx.AsyncClient) -> None:
    same = await alice.post("/v1/events", json=EVENT | LABELS, params=AS_TEXT, headers=AS_HEADERS)
    assert same.status_code == 202, same.text
    for said in (
        {"params": {"tags": "vip"}},
        {"headers": {"Pressroom-Tags": "vip"}},
        {"headers": [("Pressroom-Tags", "user:42"), ("Pressroom-Tags", "invoice")]},
    ):
        answer = await alice.post("/v1/events", json=EVENT | LABELS, **said)
        assert (answer.status_code, answer.json()["field"].lower()[-4:]) == (422, "tags"), answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tag=a b", "tag"),
        ("tag=", "tag"),
        ("state=failed&state=queued", "state"),
        ("tag=a&tag=b&counts=true", "counts"),
        ("tag=a&kind=thumbnail&counts=true", "counts"),
        ("code=truncated&counts=true", "counts"),
        ("code=", "code"),
    ],
)
async def test_a_list_refuses_what_it_cannot_mean(alice: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await alice.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


@pytest.mark.parametrize("asked", [{"tag": []}, {"tag": None}, {"tag": ""}, {"tag": ["a", 1]}, {"code": ""}])
async def test_a_bulk_action_takes_no_empty_tag(alice: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    answer = await alice.post("/v1/jobs/deletion", json=asked)
    assert (answer.status_code, answer.json()["field"]) == (422, "all" if asked == {"tag": None} else next(iter(asked)))
