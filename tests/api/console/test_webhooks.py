"""The pages of webhooks: what they say, and what each form does."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from api.console.pages.webhooks.sample import sample_request, sample_type
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import LANE
from tasks.settings import Settings
from tests.api.console.test_reference import Links
from tests.support.api.serving import BOB
from tests.support.api.subscribers import URL, delivering, listed, publish, subscribe
from tests.support.console.browsers import PAGE, signed_in
from tests.support.receivers import Receiver

EVIL = '<img src=x onerror=alert(1)>"'
ROOT = "root-key-0123456789a"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_wait_s": 5, "api_keys": (*settings.api_keys, ("root", SecretStr(ROOT))), "admins": ("root",)}
    )


async def test_what_is_not_there_yet_is_explained(port: int) -> None:
    async with signed_in(port, BOB) as browser:
        page = await browser.get("/console/webhooks")
        assert (page.status_code, "No endpoint yet" in page.text) == (200, True)
        assert "/console/webhooks/new" in Links(page.text).urls
        assert "$PRESSROOM_KEY" in page.text
        assert "No endpoint of this page matches" in (await browser.get("/console/webhooks?channel=x")).text
        assert (await browser.get(f"/console/webhooks/{'0' * 32}")).status_code == 404


async def test_the_list_says_how_each_does(port: int, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    off = await subscribe(alice, enabled=False)
    parked = await subscribe(alice, URL, "a.b", channel="customer-17", description=EVIL)
    lane = f"endpoint:{parked['id']}"
    await redis.hset(f"{LANE}webhooks:{lane}", mapping={"failures": 6})
    await LaneControls(redis).park("webhooks", lane, 60_000)
    async with signed_in(port) as browser:
        page = await browser.get("/console/webhooks")
        conditions = re.findall(r'data-endpoint="(\w+)"|data-condition="(\w+)"', page.text)
        assert [one or two for one, two in conditions] == [parked["id"], "parked", off["id"], "disabled"]
        assert (EVIL in page.text, "&lt;img src=x" in page.text) == (False, True)
        assert off["id"] not in (await browser.get("/console/webhooks?channel=customer-17")).text
        await browser.post(f"/console/webhooks/{parked['id']}/enable", headers=PAGE)
        assert 'data-condition="healthy"' in (await browser.get(f"/console/webhooks/{parked['id']}")).text


async def test_an_endpoint_is_made_changed_rotated_and_deleted(port: int, alice: httpx.AsyncClient) -> None:
    fields = {"url": URL, "events": "job.*  order.paid", "description": "D", "rate_limit": "5", "ordered": "on"}
    async with signed_in(port) as browser:
        new = "/console/webhooks/new"
        wrong = await browser.post(new, data={**fields, "rate_limit": "fast"}, headers=PAGE)
        assert (wrong.status_code, 'value="fast"' in wrong.text, "rate_limit" in wrong.text) == (422, True, True)
        more = {"headers": "X-Team: a\nX-Key: b:c", "filters": '[{"field": "type", "is": "a"}]', "tags": "t1, t2"}
        made = await browser.post(new, data={**fields, **more}, headers=PAGE)
        (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text.replace("&#43;", "+"))
        [endpoint] = (await alice.get("/v1/endpoints")).json()["endpoints"]
        assert (endpoint["events"], endpoint["rate_limit"], endpoint["ordered"]) == (["job.*", "order.paid"], 5, True)
        assert (endpoint["headers"], endpoint["tags"]) == ({"X-Team": "***", "X-Key": "***"}, ["t1", "t2"])
        path = f"/console/webhooks/{endpoint['id']}"
        page = await browser.get(path)
        assert secret not in page.text

        form = (await browser.get(f"{path}/edit")).text
        assert 'value="5' in form
        assert "X-Key: ***" in form
        changed = {**fields, **more, "headers": "X-Key: ***", "rate_limit": "", "channel": "c-1", "tags": ""}
        del changed["ordered"]
        answer = await browser.post(f"{path}/edit", data=changed, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        endpoint = (await alice.get(f"/v1/endpoints/{endpoint['id']}")).json()
        assert (endpoint["channel"], endpoint["ordered"], endpoint["headers"]) == ("c-1", False, {"X-Key": "***"})
        assert {"rate_limit", "tags"}.isdisjoint(endpoint)

        assert (await browser.get(f"{path}/secret")).status_code == 200
        rotated = await browser.post(f"{path}/secret", data={"overlap_s": "3600"}, headers=PAGE)
        assert secret not in rotated.text
        assert "whsec_" in rotated.text
        await browser.post(f"{path}/disable", headers=PAGE)
        assert 'data-condition="disabled"' in (await browser.get(path)).text
        assert "Delete 1 endpoint" in (await browser.get(f"{path}/deletion")).text
        gone = await browser.post(f"{path}/deletion", headers=PAGE)
        assert gone.headers["location"] == "/console/webhooks"
    assert (await alice.get("/v1/endpoints")).json()["endpoints"] == []


async def test_deliveries_are_shown_by_state_and_sent_again(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.at("/status/500"))
    path = f"/console/webhooks/{endpoint['id']}"
    async with signed_in(port) as browser:
        assert "Nothing was sent yet" in (await browser.get(path)).text
        async with delivering(redis, settings):
            tested = await browser.post(f"{path}/test", headers=PAGE)
            assert tested.headers["location"] == path
            page = (await browser.get(path)).text
            assert "The endpoint answered 500 after" in page
            [failed] = await listed(alice, 1, state="failed")
            event = await publish(alice)
            await listed(alice, 1, state="retrying")
            for state, shown in (("failed", [failed["id"]]), ("succeeded", [])):
                page = (await browser.get(f"{path}?state={state}")).text
                assert re.findall(r'data-job="(\w+)"', page) == shown
            [waiting] = await listed(alice, 1, event=event)
            await alice.patch(f"/v1/endpoints/{endpoint['id']}", json={"url": receiver.url})
            resent = await browser.post(f"{path}/deliveries/{waiting['id']}/resend", headers=PAGE)
            assert resent.status_code == 303
            await listed(alice, 1, state="succeeded")

            counted = await browser.post(f"{path}/count", data={"since": "2026-01-01T00:00"}, headers=PAGE)
            page = (await browser.get(counted.headers["location"])).text
            assert "Resend 1" in page
            for other in ("2026-02-01T00:00:00Z", "lately", ""):  # the count of another time is not believed
                job = parse_qs(urlsplit(counted.headers["location"]).query)["job"][0]
                asked = await browser.get(f"{path}/recovery", params={"since": other, "job": job})
                assert (asked.status_code, asked.headers["location"]) == (303, path)
            (expect,) = re.findall(r'name="expect" value="(\d+)"', page)
            data = {"since": "2026-01-01T00:00:00Z", "expect": expect}
            assert (await browser.post(f"{path}/recovery", data=data, headers=PAGE)).headers["location"] == path
            await listed(alice, 2, state="succeeded")
            counted = await browser.post(f"{path}/count", data={"since": "2026-01-01T00:00"}, headers=PAGE)
            assert "Nothing failed or was missed" in (await browser.get(counted.headers["location"])).text
        wrong = await browser.post(f"{path}/count", data={"since": "lately"}, headers=PAGE)
        assert (wrong.status_code, "since" in wrong.text) == (422, True)


async def test_one_that_waits_is_given_up(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.at("/status/500"))
    async with delivering(redis, settings), signed_in(port) as browser:
        await publish(alice)
        [waiting] = await listed(alice, 1, state="retrying")
        path = f"/console/webhooks/{endpoint['id']}/deliveries/{waiting['id']}/cancel"
        assert (await browser.post(path, headers=PAGE)).status_code == 303
        await listed(alice, 1, state="cancelled")


async def test_what_waits_for_a_parked_endpoint_is_said_alike_on_each_page(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    endpoint = await subscribe(alice, receiver.url)
    lane = f"endpoint:{endpoint['id']}"
    await redis.hset(f"{LANE}webhooks:{lane}", mapping={"failures": 13, "failing_since": 1})
    await LaneControls(redis).park("webhooks", lane, 600_000)
    async with delivering(redis, settings), signed_in(port, ROOT) as browser:
        await publish(alice)
        await listed(alice, 1, state="queued")
        overview, queues, queue, own = [
            (await browser.get(f"/console{path}")).text
            for path in ("", "/queues", "/queues/webhooks", f"/webhooks/{endpoint['id']}?owner=alice")
        ]
    for page in (overview, queues, queue):
        assert "1 wait for their endpoint" in page
        assert "without those of parked endpoints" in page
    assert '<div class="bar failed trouble">' in overview, "as red as on its own page"
    assert "Deliveries that wait: 1, without those between two tries." in overview
    assert re.search(r"<dt>Stuck</dt><dd>[1-9]\d*</dd>", overview)
    assert "The endpoint is parked. Next try:" in own
    assert "<dt>Waiting</dt><dd>1</dd>" in own
    assert "<dt>Retrying</dt><dd>0</dd>" in own
    assert "<dt>Failed for good</dt>" in own


async def test_who_may_only_read_sees_no_button_and_changes_nothing(port: int, alice: httpx.AsyncClient) -> None:
    endpoint = await subscribe(alice)
    made = {"name": "reader", "scopes": ["webhooks"], "read_only": True}
    key = (await alice.post("/v1/keys", json=made)).json()["key"]
    async with signed_in(port, key) as browser:
        path = f"/console/webhooks/{endpoint['id']}"
        for url in ("/console/webhooks", path):
            page = (await browser.get(url)).text
            actions = [one for one in Links(page).urls if one.startswith(f"{path}/") or one.endswith("/new")]
            assert actions == []
        for action in ("test", "enable", "disable", "secret", "deletion", "count", "recovery", "edit"):
            data = {"since": "2026-01-01", "url": URL, "events": "*"}
            answer = await browser.post(f"{path}/{action}", data=data, headers=PAGE)
            assert answer.status_code == 403, action
        assert (await browser.post("/console/webhooks/new", data={"url": URL, "events": "*"}, headers=PAGE)).is_error
    async with signed_in(port, BOB) as browser:
        assert (await browser.get(path)).status_code == 404


async def test_a_key_without_the_scope_is_answered_which_it_needs(port: int, alice: httpx.AsyncClient) -> None:
    key = (await alice.post("/v1/keys", json={"name": "pictures", "scopes": ["images"]})).json()["key"]
    async with signed_in(port, key) as browser:
        page = await browser.get("/console/webhooks")
        assert (page.status_code, "&#39;webhooks&#39;" in page.text) == (403, True)


async def test_an_admin_begins_with_everyones_endpoints(
    port: int, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    ids = [(await subscribe(client))["id"] for client in (alice, bob)]
    async with signed_in(port, ROOT) as browser:
        page = (await browser.get("/console/webhooks")).text
        assert [
            f"/console/webhooks/{one}?owner={owner}&list=%2A" in Links(page).urls
            for one, owner in zip(ids, ("alice", "bob"), strict=True)
        ] == [True, True]
        assert [f">{owner}</td>" in page for owner in ("alice", "bob")] == [True, True]
        endpoint = await browser.get(f"/console/webhooks/{ids[0]}?owner=alice&list=*")
        assert "/console/webhooks" in Links(endpoint.text).urls, "back to everyone's"
        made = await browser.post(f"/console/webhooks/{ids[0]}/deletion?owner=alice&list=*", headers=PAGE)
        assert made.headers["location"] == "/console/webhooks"
    async with signed_in(port, BOB) as browser:
        page = (await browser.get("/console/webhooks")).text
        assert [one in page for one in ids] == [False, True]
        assert ">bob</td>" not in page


async def test_an_admin_sees_the_endpoints_of_an_owner(port: int, alice: httpx.AsyncClient) -> None:
    endpoint = await subscribe(alice)
    async with signed_in(port, ROOT) as browser:
        assert endpoint["id"] not in (await browser.get("/console/webhooks?owner=root")).text
        links = Links((await browser.get("/console/webhooks?owner=alice")).text).urls
        assert f"/console/webhooks/{endpoint['id']}?owner=alice" in links
        page = await browser.get(f"/console/webhooks/{endpoint['id']}?owner=alice")
        assert f"/console/webhooks/{endpoint['id']}/test?owner=alice" in Links(page.text).urls


async def test_an_admin_sees_whose_things_a_list_has(port: int) -> None:
    async with signed_in(port, ROOT) as browser:
        for path in ("/console/webhooks", "/console/schedules", "/console/usage"):
            page = (await browser.get(path)).text
            assert ("Yours only (root)" in page) == (path == "/console/usage"), "else everyone's"
            assert 'name="owner"' in page
            assert "Only what is of root" in (await browser.get(f"{path}?owner=root")).text or path == "/console/usage"
            assert "Only what is of bob" in (await browser.get(f"{path}?owner=bob")).text
        assert "root has none yet" in (await browser.get("/console/try/event")).text
    async with signed_in(port, BOB) as browser:
        assert "Yours only" not in (await browser.get("/console/webhooks")).text


async def test_an_admin_makes_an_endpoint_for_an_owner(port: int, alice: httpx.AsyncClient) -> None:
    async with signed_in(port, ROOT) as browser:
        assert (
            "/console/webhooks/new?owner=alice" in Links((await browser.get("/console/webhooks?owner=alice")).text).urls
        )
        page = (await browser.get("/console/webhooks/new?owner=alice")).text
        assert 'name="owner" value="alice"' in page
        wrong = await browser.post(
            "/console/webhooks/new", data={"url": "no", "events": "*", "owner": "alice"}, headers=PAGE
        )
        assert (wrong.status_code, 'name="owner" value="alice"' in wrong.text) == (422, True)
        form = {"url": URL, "events": "*", "owner": "alice"}
        made = await browser.post("/console/webhooks/new", data=form, headers=PAGE)
        [endpoint] = (await alice.get("/v1/endpoints")).json()["endpoints"]
        assert f"/console/webhooks/{endpoint['id']}?owner=alice" in Links(made.text).urls
    async with signed_in(port) as browser:
        assert 'name="owner"' not in (await browser.get("/console/webhooks/new")).text


async def test_the_pages_of_an_endpoint_lead_back_to_the_list_as_it_was_filtered(
    port: int, alice: httpx.AsyncClient
) -> None:
    endpoint = await subscribe(alice, channel="customer-17")
    query = "?owner=alice&channel=customer-17"
    async with signed_in(port, ROOT) as browser:
        links = Links((await browser.get(f"/console/webhooks{query}")).text).urls
        page = f"/console/webhooks/{endpoint['id']}"
        assert page + query in links
        for step in ("", "/edit", "/secret", "/deletion"):
            assert {f"/console/webhooks{query}", page + query} & {
                *Links((await browser.get(page + step + query)).text).urls
            }, step
        gone = await browser.post(f"{page}/deletion{query}", headers=PAGE)
        assert gone.headers["location"] == f"/console/webhooks{query}"


def test_the_sample_is_of_a_type_that_is_sent() -> None:
    assert [sample_type([one]) for one in ("*", "job.*", "order.*", "a.b")] == [
        "order.paid",
        "job.succeeded",
        "order.changed",
        "a.b",
    ]
    endpoint = {"url": "https://x.test/h?a=1", "events": ["a.b"], "headers": {"X-A": "***"}, "channel": "c"}
    text = sample_request(endpoint)
    assert text.startswith("POST /h?a=1 HTTP/1.1\nhost: x.test\n")
    assert '"channel":"c"' in text
    assert "X-A: ***" in text
