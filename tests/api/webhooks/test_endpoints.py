"""/v1/endpoints: who may be told of what, and under which conditions."""

from datetime import datetime
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.webhooks.endpoint_views import MAX_PATTERNS, EndpointWithHealth, NewEndpoint
from api.webhooks.endpoints import MAX_BODY_BYTES
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.redis_keys import ENDPOINT, LANE, PROCESSES
from tasks.settings import Settings
from tasks.webhook.custom_headers import MASK
from tasks.webhook.endpoints import MAX_SECRETS, Endpoints, open_box
from tasks.webhook.signature import key_of, new_secret
from tests.support.api.subscribers import URL, subscribe

GOOD: dict[str, Any] = {"url": URL, "events": ["job.*"]}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_endpoints": 5})


async def test_an_endpoint_is_made_and_its_secret_shown_this_once(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    answer = await alice.post(
        "/v1/endpoints", json={**GOOD, "description": "Billing", "headers": {"X-Team": "billing"}}
    )
    made = NewEndpoint.model_validate_json(answer.content)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/endpoints/{made.id}")
    assert (made.url, made.events, made.description, made.headers) == (URL, ["job.*"], "Billing", {"X-Team": MASK})
    assert (made.enabled, made.created_at, made.links.self[-33:]) == (True, made.changed_at, f"/{made.id}")
    assert len(key_of(made.secret)) == 32
    shown = await alice.get(f"/v1/endpoints/{made.id}")
    for answered in (shown.text, (await alice.get("/v1/endpoints")).text, str(await redis.hgetall(ENDPOINT + made.id))):
        assert made.secret[6:] not in answered
        assert "sealed" not in shown.text


async def test_a_secret_may_be_brought_along(alice: httpx.AsyncClient) -> None:
    secret = new_secret()
    assert (await subscribe(alice, secret=secret))["secret"] == secret


async def test_values_of_headers_are_not_shown_and_may_stay(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    endpoint_id = (await subscribe(alice, headers={"X-Token": "t0ken-1", "X-Team": "billing"}))["id"]
    path = f"/v1/endpoints/{endpoint_id}"
    shown = (await alice.get(path)).json()["headers"]
    assert shown == {"X-Token": MASK, "X-Team": MASK}
    changed = await alice.patch(path, json={"headers": {**shown, "X-Team": "sales", "X-New": "n"}})
    assert changed.json()["headers"] == {"X-Token": MASK, "X-Team": MASK, "X-New": MASK}
    assert (
        "t0ken-1"
        not in f"{changed.text}{(await alice.get('/v1/endpoints')).text}{await redis.hgetall(ENDPOINT + endpoint_id)}"
    )
    stored = await Endpoints(redis, settings, open_box(settings)).read("alice", endpoint_id)
    assert stored.headers == {"X-Token": "t0ken-1", "X-Team": "sales", "X-New": "n"}
    refused = await alice.patch(path, json={"headers": {"X-Other": MASK, "x-token": MASK, "X-Third": MASK}})
    assert [error["field"] for error in refused.json()["errors"]] == ["headers.X-Other", "headers.X-Third"]
    assert (await alice.patch(path, json={"headers": {"x-token": MASK}})).status_code == 200
    stored = await Endpoints(redis, settings, open_box(settings)).read("alice", endpoint_id)
    assert stored.headers == {"x-token": "t0ken-1"}


async def test_a_url_is_stored_as_it_is_sent(alice: httpx.AsyncClient) -> None:
    given = "https://93.184.216.34:443/ü/../%7e?sig=a%2Bb%3d&b=%"
    made = await subscribe(alice, url=given)
    sent = "https://93.184.216.34/%C3%BC/../%7e?sig=a%2Bb%3d&b=%25"
    assert made["url"] == sent
    path = f"/v1/endpoints/{made['id']}"
    assert (await alice.get(path)).json()["url"] == sent
    changed = await alice.patch(path, json={"url": given.replace("ü", "é")})
    assert changed.json()["url"] == sent.replace("%BC", "%A9")


async def test_health_tells_of_failures(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    endpoint_id = (await subscribe(alice))["id"]
    well = EndpointWithHealth.model_validate_json((await alice.get(f"/v1/endpoints/{endpoint_id}")).content).health
    assert (well.failures, well.failing_since, well.parked_until, well.deliveries) == (0, None, None, {})
    fields: dict[str | bytes, bytes | float | int | str] = {"failures": 6, "failing_since": 1_800_000_000_000}
    await redis.hset(f"{LANE}webhooks:{LaneId('endpoint', endpoint_id)}", mapping=fields)
    await LaneControls(redis).park("webhooks", str(LaneId("endpoint", endpoint_id)), 60_000)
    ill = (await alice.get(f"/v1/endpoints/{endpoint_id}")).json()["health"]
    assert (ill["failures"], ill["failing_since"]) == (6, "2027-01-15T08:00:00Z")
    assert ill["parked_until"].endswith("Z")
    other = await subscribe(alice)
    listed = (await alice.get("/v1/endpoints?health=true")).json()["endpoints"]
    assert [(one["id"], one["health"]["failures"]) for one in listed] == [(other["id"], 0), (endpoint_id, 6)]
    assert listed[1]["health"] == ill
    assert "health" not in (await alice.get("/v1/endpoints")).json()["endpoints"][0]
    await alice.patch(f"/v1/endpoints/{endpoint_id}", json={"enabled": True})
    well_again = (await alice.get(f"/v1/endpoints/{endpoint_id}")).json()["health"]
    assert well_again == {"failures": 0, "deliveries": {}}


async def test_a_change_changes_what_it_names(alice: httpx.AsyncClient) -> None:
    made = await subscribe(alice, URL, "job.*", rate_limit=5, max_in_flight=2, description="Old")
    path = f"/v1/endpoints/{made['id']}"
    changed = (await alice.patch(path, json={"events": ["*"], "rate_limit": None})).json()
    assert (changed["events"], changed.get("rate_limit")) == (["*"], None)
    assert (changed["url"], changed["max_in_flight"], changed["description"]) == (URL, 2, "Old")
    moved = (await alice.patch(path, json={"url": URL + "/2", "description": None, "enabled": False})).json()
    assert (moved["url"], moved.get("description"), moved["enabled"]) == (URL + "/2", None, False)
    assert moved["disabled_reason"] == "owner"
    assert moved["disabled_at"] >= made["created_at"]
    back = (await alice.patch(path, json={"enabled": True})).json()
    assert back["enabled"]
    assert not back.keys() & {"disabled_reason", "disabled_at"}
    for answer in (await alice.patch(path, json={}), await alice.patch(path)):
        assert {**answer.json(), "changed_at": ""} == {**back, "changed_at": ""}


async def test_a_channel_and_filters_are_shown_changed_and_removed(alice: httpx.AsyncClient) -> None:
    filters = [{"field": "data.status", "is": "paid"}, {"field": "data.lines.0.count", "in": [1, 2.5, True]}]
    made = await subscribe(alice, URL, channel="customer-17", filters=filters)
    path = f"/v1/endpoints/{made['id']}"
    assert (made["channel"], made["filters"]) == ("customer-17", filters)
    changed = (await alice.patch(path, json={"filters": filters[:1]})).json()
    assert (changed["channel"], changed["filters"]) == ("customer-17", filters[:1])
    nothing: list[str] | None
    for nothing in (None, []):
        assert "filters" not in (await alice.patch(path, json={"filters": nothing})).json()
    assert "channel" not in (await alice.patch(path, json={"channel": None})).json()


async def test_the_public_key_is_shown_and_the_private_one_never(alice: httpx.AsyncClient) -> None:
    assert "public_key" not in await subscribe(alice)
    made = await subscribe(alice, ed25519=True)
    assert made["public_key"].startswith("whpk_")
    path = f"/v1/endpoints/{made['id']}"
    shown = await alice.get(path)
    assert (shown.json()["ed25519"], shown.json()["public_key"]) == (True, made["public_key"])
    assert "whsk_" not in shown.text
    assert (await alice.patch(path, json={"ed25519": True})).json()["public_key"] == made["public_key"]
    assert (await alice.post(f"{path}/secret", json={})).status_code == 200
    assert (await alice.get(path)).json()["public_key"] != made["public_key"]
    assert "public_key" not in (await alice.patch(path, json={"ed25519": False})).json()


async def test_order_is_asked_for_and_let_go(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    assert not (await subscribe(alice))["ordered"]
    made = await subscribe(alice, max_in_flight=5, ordered=True)
    lane = f"{LANE}webhooks:{LaneId('endpoint', made['id'])}"
    assert (made["ordered"], await redis.hget(lane, "ordered")) == (True, b"1")
    changed = (await alice.patch(f"/v1/endpoints/{made['id']}", json={"description": "x"})).json()
    assert changed["ordered"]
    changed = (await alice.patch(f"/v1/endpoints/{made['id']}", json={"ordered": False})).json()
    assert (changed["ordered"], await redis.hget(lane, "ordered")) == (False, None)
    answer = await alice.post("/v1/endpoints", json={**GOOD, "ordered": "yes please"})
    assert (answer.status_code, answer.json()["field"]) == (422, "ordered")


async def test_endpoints_are_listed_by_channel(alice: httpx.AsyncClient) -> None:
    made = [(await subscribe(alice, channel=channel))["id"] for channel in ("a", "b", "a", None)]
    answer = await alice.get("/v1/endpoints?channel=a")
    assert [one["id"] for one in answer.json()["endpoints"]] == [made[2], made[0]]


async def test_all_that_is_wrong_with_filters_is_told_at_once(alice: httpx.AsyncClient) -> None:
    filters = [
        {"field": "data.status", "is": "paid"},
        {"field": "status", "is": "paid"},
        {"field": "data.amount", "gt": "100"},
        {"field": "data.amount", "above": 100},
        {"field": "data.amount"},
    ]
    answer = await alice.post("/v1/endpoints", json={**GOOD, "filters": filters, "channel": "a b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    messages = {fault["field"]: fault["message"] for fault in answer.json()["errors"]}
    assert set(messages) == {"channel", "filters.1.field", "filters.2.gt", "filters.3.above", "filters.4"}
    assert messages["filters.2.gt"] == "filters.2.gt: '100' is no number."
    assert messages["filters.4"].startswith("filters.4: A filter needs exactly one of is, is_not, in,")


async def test_a_rate_of_zero_is_none(alice: httpx.AsyncClient) -> None:
    assert "rate_limit" not in await subscribe(alice, rate_limit=0)


async def test_a_list_has_ones_own_page_by_page(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine = {(await subscribe(alice))["id"] for _ in range(3)}
    theirs = (await subscribe(bob))["id"]
    first = (await alice.get("/v1/endpoints?limit=2")).json()
    rest = (await alice.get("/v1/endpoints", params={"limit": 2, "cursor": first["next"]})).json()
    assert [len(first["endpoints"]), len(rest["endpoints"])] == [2, 1]
    assert {one["id"] for one in first["endpoints"] + rest["endpoints"]} == mine
    assert "next" not in rest
    assert [one["id"] for one in (await bob.get("/v1/endpoints")).json()["endpoints"]] == [theirs]


async def test_a_deleted_one_is_gone(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    endpoint_id = (await subscribe(alice, rate_limit=1))["id"]
    assert (await alice.delete(f"/v1/endpoints/{endpoint_id}")).status_code == 204
    assert (await alice.delete(f"/v1/endpoints/{endpoint_id}")).status_code == 404
    assert (await alice.get("/v1/endpoints")).json() == {"endpoints": []}
    assert {key async for key in redis.scan_iter("*")} <= {PROCESSES.encode()}


OF_AN_ENDPOINT: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"enabled": False}),
    ("PATCH", "", {"url": URL}),
    ("DELETE", "", None),
    ("POST", "/secret", {}),
    ("POST", "/test", None),
    ("POST", "/recovery", {"since": "2026-11-20T08:00:00Z"}),
]


async def test_anothers_endpoint_answers_as_an_unknown_one(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    theirs = (await subscribe(alice))["id"]
    before = (await alice.get(f"/v1/endpoints/{theirs}")).json()
    for method, path, body in OF_AN_ENDPOINT:
        for one in (theirs, "0" * 32, "x:y"):
            answer = await bob.request(method, f"/v1/endpoints/{one}{path}", **({} if body is None else {"json": body}))
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    assert (await alice.get(f"/v1/endpoints/{theirs}")).json() == before


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no URL": ({"events": ["*"]}, "invalid_request", "url"),
    "no events": ({"url": URL}, "invalid_request", "events"),
    "an empty list of events": ({**GOOD, "events": []}, "invalid_request", "events"),
    "too many events": ({**GOOD, "events": ["a"] * (MAX_PATTERNS + 1)}, "invalid_request", "events"),
    "a star in the middle": ({**GOOD, "events": ["a", "a.*.b"]}, "invalid_request", "events.1"),
    "a type that ends in a line": ({**GOOD, "events": ["a\n"]}, "invalid_request", "events.0"),
    "a type in Greek": ({**GOOD, "events": ["αβγ"]}, "invalid_request", "events.0"),
    "an unknown field": ({**GOOD, "uri": URL}, "invalid_request", "uri"),
    "a long description": ({**GOOD, "description": "x" * 501}, "invalid_request", "description"),
    "a rate below zero": ({**GOOD, "rate_limit": -1}, "invalid_request", "rate_limit"),
    "nothing in flight": ({**GOOD, "max_in_flight": 0}, "invalid_request", "max_in_flight"),
    "half in flight": ({**GOOD, "max_in_flight": 1.5}, "invalid_request", "max_in_flight"),
    "a header of ours": ({**GOOD, "headers": {"Webhook-Id": "1"}}, "invalid_request", "headers.Webhook-Id"),
    "a header that splits": ({**GOOD, "headers": {"X-A": "a\r\nB: c"}}, "invalid_request", "headers.X-A"),
    "a number as header": ({**GOOD, "headers": {"X-A": 1}}, "invalid_request", "headers.X-A"),
    "a mask as value": ({**GOOD, "headers": {"X-A": MASK}}, "invalid_request", "headers.X-A"),
    "another scheme": ({**GOOD, "url": "ftp://example.com"}, "invalid_url", "url"),
    "a password": ({**GOOD, "url": "http://me:secret@127.0.0.1:8000/"}, "invalid_url", "url"),
    "a private address": ({**GOOD, "url": "http://10.0.0.1/"}, "address_refused", "url"),
    "the metadata address": ({**GOOD, "url": "http://169.254.169.254/"}, "address_refused", "url"),
    "a name of nobody": ({**GOOD, "url": "http://nobody.invalid/"}, "dns_failed", "url"),
    "a short secret": ({**GOOD, "secret": "whsec_MTIz"}, "invalid_secret", "secret"),
}


async def test_what_is_wrong_is_named_and_nothing_is_made(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    for bad, (body, code, field) in BAD.items():
        answer = await alice.post("/v1/endpoints", json=body)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field), bad
    assert {key async for key in redis.scan_iter("*")} <= {PROCESSES.encode()}


async def test_what_has_to_be_there_cannot_be_emptied(alice: httpx.AsyncClient) -> None:
    path = f"/v1/endpoints/{(await subscribe(alice))['id']}"
    before = (await alice.get(path)).json()
    for field in ("url", "events", "enabled", "headers"):
        answer = await alice.patch(path, json={field: None})
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await alice.get(path)).json() == before


async def test_a_bad_change_is_named_as_a_bad_start_is(alice: httpx.AsyncClient) -> None:
    path = f"/v1/endpoints/{(await subscribe(alice))['id']}"
    before = (await alice.get(path)).json()
    for bad, (body, code, field) in BAD.items():
        wrong = {name: value for name, value in body.items() if name not in GOOD or value != GOOD[name]}
        if field.partition(".")[0] in wrong and field != "secret":
            answer = await alice.patch(path, json=wrong)
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field), bad
    assert (await alice.get(path)).json() == before


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NO_OBJECTS: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "half an object": (b"{", {}, 422, "invalid_request"),
    "a list": (b"[]", {}, 422, "invalid_request"),
    "no number": (b'{"url": NaN}', {}, 422, "invalid_request"),
    "a depth bomb": (b"[" * 10_000, {}, 422, "invalid_request"),
    "half a character": (b'{"url": "\\ud800"}', {}, 422, "invalid_request"),
    "no UTF-8": (b'{"url": "\xff"}', {}, 422, "invalid_request"),
    "a long body": (b" " * (MAX_BODY_BYTES + 1), {}, 413, "too_large"),
    "a form": (b"url=x", FORM, 415, "unsupported_media_type"),
}


async def test_what_is_no_json_object_is_refused(alice: httpx.AsyncClient) -> None:
    for bad, (content, headers, status, code) in NO_OBJECTS.items():
        answer = await alice.post("/v1/endpoints", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), bad


async def test_an_owner_has_only_so_many(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for _ in range(5):
        await subscribe(alice)
    answer = await alice.post("/v1/endpoints", json=GOOD)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (409, "too_many_endpoints", 5)
    await subscribe(bob)


class TestRotation:
    async def test_a_new_secret_is_shown_and_the_old_one_signs_on(self, alice: httpx.AsyncClient) -> None:
        made = await subscribe(alice)
        path = f"/v1/endpoints/{made['id']}"
        answer = await alice.post(f"{path}/secret", json={"overlap_s": 600})
        rotated = answer.json()
        assert answer.status_code == 200
        assert rotated["secret"] != made["secret"]
        assert len(key_of(rotated["secret"])) == 32
        assert (await alice.get(path)).json()["old_secrets_until"] == rotated["old_secrets_until"]
        ends = datetime.fromisoformat(rotated["old_secrets_until"])
        assert 590 < (ends - datetime.fromisoformat(made["created_at"])).total_seconds() < 630

    async def test_one_that_leaked_ends_at_once(self, alice: httpx.AsyncClient) -> None:
        path = f"/v1/endpoints/{(await subscribe(alice))['id']}"
        given = new_secret()
        for body in ({}, {"secret": given, "overlap_s": 0}):
            rotated = (await alice.post(f"{path}/secret", json=body)).json()
        assert rotated["secret"] == given
        assert "old_secrets_until" not in (await alice.get(path)).json()

    async def test_without_a_body_it_is_ours_for_the_usual_time(self, alice: httpx.AsyncClient) -> None:
        path = f"/v1/endpoints/{(await subscribe(alice))['id']}"
        answer = await alice.post(f"{path}/secret")
        assert answer.json().keys() == {"secret", "old_secrets_until"}

    async def test_too_many_at_once_are_refused(self, alice: httpx.AsyncClient) -> None:
        path = f"/v1/endpoints/{(await subscribe(alice))['id']}/secret"
        answers = [await alice.post(path) for _ in range(MAX_SECRETS)]
        assert [answer.status_code for answer in answers] == [200] * (MAX_SECRETS - 1) + [409]
        assert answers[-1].json()["code"] == "too_many_secrets"

    async def test_a_bad_field_is_named(self, alice: httpx.AsyncClient) -> None:
        made = await subscribe(alice)
        for body, code, field in (
            ({"overlap_s": -1}, "invalid_request", "overlap_s"),
            ({"overlap_s": 7 * 86_400 + 1}, "invalid_request", "overlap_s"),
            ({"secret": "swordfish"}, "invalid_secret", "secret"),
            ({"secrets": []}, "invalid_request", "secrets"),
        ):
            answer = await alice.post(f"/v1/endpoints/{made['id']}/secret", json=body)
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
