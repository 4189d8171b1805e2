"""`unique`, `debounce` and `throttle`: what a repeated submit is answered, in the body, the query and a form."""

import json
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import load_kinds
from tasks.settings import Settings
from tests.support.engine_running import working
from tests.support.pictures import encoded, quarters

ADA = {"kind": "avatar-colour", "params": {"name": "Ada"}}
BOB = {"kind": "avatar-colour", "params": {"name": "Bob"}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"kinds": ("tests.support.submittable:KINDS",)})


async def post(client: httpx.AsyncClient, body: dict[str, Any], **options: Any) -> tuple[int, str | None, Any]:
    answer = await client.post("/v1/jobs", json=body | options)
    return answer.status_code, answer.headers.get("pressroom-unique"), answer.json()


async def test_a_repeat_is_answered_with_the_job_and_says_so(alice: httpx.AsyncClient) -> None:
    said = {"key": "ada", "while": "running", "on_conflict": "return"}
    status, met, job = await post(alice, ADA, unique=said)
    assert (status, met, job["unique"]) == (202, None, said)
    assert (await post(alice, BOB, unique="ada"))[:2] == (200, "returned")
    status, met, again = await post(alice, BOB, unique={"key": "ada"})
    assert (status, met, again["id"], again["params"]) == (200, "returned", job["id"], {"name": "Ada"})


async def test_the_last_params_win_and_the_worker_runs_them_once(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    said = {"key": "ada", "on_conflict": "replace"}
    job = (await post(alice, ADA, unique=said, tags=["x"]))[2]
    status, met, again = await post(alice, BOB, unique=said, name="second")
    assert (status, met, again["id"]) == (200, "replaced", job["id"])
    assert (again["params"], again["name"], again.get("tags")) == ({"name": "Bob"}, "second", None)
    async with working(redis, settings, kinds=load_kinds(settings)):
        ended = (await alice.get(f"/v1/jobs/{job['id']}?wait=10")).json()
        assert (ended["state"], len(ended["attempts"])) == ("succeeded", 1)
        status, met, later = await post(alice, ADA, unique=said)
    assert (status, met) == (202, None)
    assert later["id"] != job["id"]


async def test_a_refused_submit_names_the_job_and_so_does_a_retry(alice: httpx.AsyncClient) -> None:
    said = {"key": "ada", "on_conflict": "reject"}
    first = (await post(alice, ADA, unique=said))[2]["id"]
    status, _, problem = await post(alice, ADA, unique=said)
    assert (status, problem["code"], problem["job"], problem["field"]) == (409, "not_unique", first, "unique")
    await alice.post(f"/v1/jobs/{first}/cancellation")
    assert (await post(alice, ADA, unique=said))[0] == 202
    answer = await alice.post(f"/v1/jobs/{first}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_unique")


async def test_debounce_and_throttle(alice: httpx.AsyncClient) -> None:
    debounced = {"key": "index", "wait_s": 60, "max_wait_s": 600}
    first = (await post(alice, ADA, debounce=debounced))[2]
    assert (first["state"], first["debounce"]) == ("scheduled", debounced)
    status, met, second = await post(alice, BOB, debounce=debounced | {"wait_s": 120})
    assert (status, met, second["id"], second["params"]) == (200, "replaced", first["id"], {"name": "Bob"})
    assert second["due_at"] > first["due_at"]

    throttled = {"key": "index", "every_s": 60}
    first = (await post(alice, ADA, throttle=throttled))[2]
    assert (first["state"], first["throttle"]) == ("queued", throttled)
    status, met, second = await post(alice, BOB, throttle=throttled)
    assert (status, met, second["id"]) == (200, "returned", first["id"])


async def test_the_options_stand_in_a_query_and_in_a_form_too(alice: httpx.AsyncClient) -> None:
    photo = encoded(quarters(), "JPEG")
    image: dict[str, Any] = {"content": photo, "headers": {"content-type": "image/jpeg"}}
    first = await alice.post("/v1/images?unique=logo", **image)
    again = await alice.post("/v1/images", params={"unique": json.dumps({"key": "logo"})}, **image)
    form = await alice.post("/v1/images", data={"unique": "logo"}, files={"file": ("a.jpg", photo)})
    assert [one.status_code for one in (first, again, form)] == [202, 200, 200], form.text
    assert first.json()["id"] == again.json()["id"] == form.json()["id"]
    several = [("file", ("a.jpg", photo)), ("file", ("b.jpg", photo))]
    refused = await alice.post("/v1/images", params={"unique": "other"}, files=several)
    assert (refused.status_code, refused.json()["field"]) == (422, "unique")


async def test_an_event_is_debounced_and_reports_are_unique(alice: httpx.AsyncClient) -> None:
    said = {"type": "stock.low", "data": {}, "debounce": {"key": "a", "wait_s": 60, "max_wait_s": 60}}
    ids = [(await alice.post("/v1/events", json=said)).json()["id"] for _ in range(2)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"unique": {"key": "a", "while": "ended"}}, "unique.for_s"),
        ({"unique": {"key": "a", "for_s": 5}}, "unique.for_s"),
        ({"unique": {"key": ""}}, "unique.key"),
        ({"unique": {"key": "a", "while": "forever"}}, "unique.while"),
        ({"unique": "a", "throttle": {"key": "a", "every_s": 5}}, "throttle"),
        ({"unique": "a", "batch": "b"}, "unique"),
        ({"unique": {"key": "a", "on_conflict": "replace"}, "after": ["b"]}, "unique"),
        ({"debounce": {"key": "a", "wait_s": 5, "max_wait_s": 9}, "delay": 5}, "debounce"),
        ({"debounce": {"key": "a", "wait_s": 5, "max_wait_s": 4}}, "debounce.wait_s"),
        ({"debounce": {"key": "a", "wait_s": 5, "max_wait_s": 1e9}}, "debounce.max_wait_s"),
        ({"debounce": "a"}, "debounce.wait_s"),
        ({"throttle": {"key": "a", "every_s": 0}}, "throttle.every_s"),
        ({"throttle": "{"}, "throttle"),
    ],
)
async def test_what_makes_no_sense_is_refused(alice: httpx.AsyncClient, options: dict[str, Any], field: str) -> None:
    status, _, problem = await post(alice, ADA, **options)
    found = [one["field"] for one in problem.get("errors", ())] or [problem["field"]]
    assert (status, found[0]) == (422, field), problem
