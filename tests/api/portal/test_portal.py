"""The portal: a link opens one channel by a click, for its time, and what is of that channel alone."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from fastapi.routing import APIRoute

from api.portal.pages import router as pages
from tasks.accounts.tokens import token_text
from tasks.queue.portal_keys import PORTAL_LINK
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints, open_box
from tests.api.console.test_reference import Links
from tests.support.api.owned import ORIGIN
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of
from tests.support.api.subscribers import URL, delivering, listed, publish, subscribe
from tests.support.console.browsers import PAGE, signed_in
from tests.support.receivers import Receiver

HOME = "/portal/webhooks"
MINE, OTHER = "customer-17", "customer-18"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_wait_s": 5, "portal_max_endpoints": 2})


async def link_of(client: httpx.AsyncClient, channel: str = MINE, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/portal-links", json={"channel": channel, **more})
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json()
    link["path"] = httpx.URL(link["url"]).path
    return link


@asynccontextmanager
async def customer(port: int, client: httpx.AsyncClient, channel: str = MINE) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in the portal of a channel of the client's owner."""
    path = (await link_of(client, channel))["path"]
    async with client_of(port, None) as browser:
        assert (await browser.post(path, headers=PAGE)).status_code == 303
        yield browser


async def test_opening_a_link_changes_nothing_and_a_click_begins_a_session(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    link = await link_of(alice)
    token = link["path"].rpartition("/")[2]
    stored = [key for key in await redis.keys("*") if token.encode() in key]
    fields = await redis.hgetall(PORTAL_LINK + link["id"])
    assert (stored, token.encode() in b"".join(fields.values())) == ([], False)
    assert fields[b"digest"].decode() == token_text.digest_of(token)
    assert 0 < await redis.pttl(PORTAL_LINK + link["id"]) <= 3_600_000
    async with client_of(port, None) as browser:
        page = await browser.get(link["path"])
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
        assert page.headers["cache-control"] == "no-store"
        assert (await browser.head(link["path"])).status_code == 200
        assert (await browser.get(HOME)).status_code == 401, "a scanner has begun no session"
        begun = await browser.post(link["path"], headers=PAGE)
        assert (begun.status_code, begun.headers["location"]) == (303, HOME)
        (cookie,) = [one for one in begun.headers.get_list("set-cookie") if one.startswith("pressroom-portal=")]
        assert "Path=/portal" in cookie
        assert "HttpOnly" in cookie
        assert token not in cookie
        page = await browser.get(HOME)
        assert (page.status_code, MINE in page.text) == (200, True)
        assert (await browser.get("/v1/endpoints")).status_code == 401
        assert (await browser.get("/console/webhooks")).status_code == 303
        assert (await browser.get("/v1/endpoints", headers={"Authorization": f"Bearer {token}"})).status_code == 401
        await browser.post("/portal/leave", headers=PAGE)
        assert (await browser.get(HOME)).status_code == 401


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {"Origin": "http://a.test"}])
async def test_another_site_begins_no_session(port: int, alice: httpx.AsyncClient, headers: dict[str, str]) -> None:
    path = (await link_of(alice))["path"]
    async with client_of(port, None) as browser:
        answer = await browser.post(path, data={"proof": "made-up"}, headers=headers)
        assert (answer.status_code, "pressroom-portal=" in answer.headers.get("set-cookie", "")) == (403, False)
    async with customer(port, alice) as browser:
        assert (await browser.post(f"{HOME}/new", data={"url": URL, "events": "*"}, headers=headers)).status_code == 403


async def test_on_plain_http_the_form_proves_that_the_page_was_ours(port: int, alice: httpx.AsyncClient) -> None:
    path = (await link_of(alice))["path"]
    async with client_of(port, None) as browser:
        page = await browser.get(path)
        (proof,) = re.findall(r'name="proof" value="([^"]+)"', page.text)
        assert (await browser.post(path, data={"proof": proof}, headers={"Origin": "null"})).status_code == 303
        assert (await browser.get(HOME)).status_code == 200


async def test_a_link_ends_when_it_is_revoked_or_its_key_or_its_time_is_over(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    made = (await alice.post("/v1/keys", json={"name": "minter", "scopes": ["webhooks"]})).json()
    async with client_of(port, made["key"]) as minter:
        revoked, of_key, over = await link_of(minter), await link_of(minter), await link_of(alice, expires="24h")
        assert [one["id"] for one in (await minter.get("/v1/portal-links")).json()["portal_links"]] == [
            revoked["id"],
            of_key["id"],
            over["id"],
        ]
        for link in (revoked, of_key, over):
            async with client_of(port, None) as browser:
                assert (await browser.post(link["path"], headers=PAGE)).status_code == 303
                assert (await browser.get(HOME)).status_code == 200
                if link is revoked:
                    assert (await minter.delete(f"/v1/portal-links/{link['id']}")).status_code == 204
                    assert (await minter.get(f"/v1/portal-links/{link['id']}")).status_code == 404
                elif link is of_key:
                    await alice.delete(f"/v1/keys/{made['id']}")
                else:
                    await redis.hset(PORTAL_LINK + link["id"], "expires_at", 1)
                for page in (HOME, link["path"]):
                    assert (await browser.get(page)).status_code == 401, page
                assert (await browser.post(link["path"], headers=PAGE)).status_code == 401


async def test_a_customer_has_the_endpoints_of_the_channel_and_no_others(port: int, alice: httpx.AsyncClient) -> None:
    others = [await subscribe(alice), await subscribe(alice, channel=OTHER)]
    mine = await subscribe(alice, channel=MINE, tags=["secret-tag"])
    async with customer(port, alice) as browser:
        page = (await browser.get(HOME)).text
        assert (mine["id"] in page, [one["id"] for one in others if one["id"] in page]) == (True, [])
        assert (await browser.get(f"{HOME}/{mine['id']}")).status_code == 200
        fields = {"url": URL, "events": "order.*", "description": "Ours"}
        routes = [route for route in pages.routes if isinstance(route, APIRoute) and "{id}" in route.path]
        assert len(routes) > 10
        for route in routes:
            for other in others:
                url = route.path.format(id=other["id"], delivery="0" * 32)
                for method in route.methods or ():
                    answer = await browser.request(method, url, data=fields if method == "POST" else None, headers=PAGE)
                    assert answer.status_code == 404, (method, route.path)
        assert [(await alice.get(f"/v1/endpoints/{one['id']}")).json().get("description") for one in others] == [
            None,
            None,
        ]
        moved = await browser.post(f"{HOME}/{mine['id']}/edit", data={**fields, "channel": OTHER}, headers=PAGE)
        tagged = await browser.post(f"{HOME}/{mine['id']}/edit", data={**fields, "tags": "mine"}, headers=PAGE)
        assert (moved.status_code, tagged.status_code) == (403, 403)
        changed = await browser.post(f"{HOME}/{mine['id']}/edit", data=fields, headers=PAGE)
        assert changed.headers["location"] == f"{HOME}/{mine['id']}"
        endpoint = (await alice.get(f"/v1/endpoints/{mine['id']}")).json()
        assert (endpoint["channel"], endpoint["description"], endpoint["tags"]) == (MINE, "Ours", ["secret-tag"])
        assert "secret-tag" not in (await browser.get(f"{HOME}/{mine['id']}/edit")).text
        assert (await browser.get(f"{HOME}?owner=bob")).status_code == 403


async def test_older_endpoints_of_the_channel_are_on_further_pages(
    port: int, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.pages.webhooks.endpoints.AT_ONCE", 2)
    mine = [(await subscribe(alice, channel=channel))["id"] for channel in (MINE, OTHER, MINE, MINE)]
    async with customer(port, alice) as browser:
        page = (await browser.get(HOME)).text
        first = [one for one in mine if one in page]
        (older,) = {one for one in Links(page).urls if "cursor=" in one and one.startswith(HOME)}
        page = (await browser.get(older)).text
        second = [one for one in mine if one in page]
        assert (len(first), sorted(first + second)) == (2, sorted([mine[0], *mine[2:]]))


async def test_a_new_endpoint_is_of_the_channel_guarded_and_one_of_few(port: int, alice: httpx.AsyncClient) -> None:
    async with customer(port, alice) as browser:
        fields = {"url": URL, "events": "order.*"}
        local = await browser.post(f"{HOME}/new", data={**fields, "url": "http://169.254.169.254/"}, headers=PAGE)
        assert (local.status_code, "169.254" in local.text) == (422, True)
        foreign = await browser.post(f"{HOME}/new", data={**fields, "channel": OTHER}, headers=PAGE)
        assert foreign.status_code == 403
        made = await browser.post(f"{HOME}/new", data=fields, headers=PAGE)
        assert made.status_code == 200
        assert "whsec_" in made.text
        [endpoint] = (await alice.get("/v1/endpoints")).json()["endpoints"]
        assert endpoint["channel"] == MINE
        page = await browser.get(f"{HOME}/{endpoint['id']}")
        assert "whsec_" not in page.text
        assert all(not url.startswith("/console") for url in Links(page.text).urls)
        assert "$PRESSROOM_KEY" not in page.text
        await browser.post(f"{HOME}/new", data=fields, headers=PAGE)
        full = await browser.post(f"{HOME}/new", data=fields, headers=PAGE)
        assert (full.status_code, "PORTAL_MAX_ENDPOINTS" in full.text) == (409, True)
    async with customer(port, alice, OTHER) as browser:
        assert (await browser.post(f"{HOME}/new", data=fields, headers=PAGE)).status_code == 200
        deleted = await browser.post(f"{HOME}/{endpoint['id']}/deletion", headers=PAGE)
        assert deleted.status_code == 404


async def test_a_customer_tests_and_resends(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    mine = await subscribe(alice, receiver.at("/status/500"), channel=MINE)
    other = await subscribe(alice, receiver.at("/status/500"), channel=OTHER)
    async with delivering(redis, settings), customer(port, alice) as browser:
        await browser.post(f"{HOME}/{mine['id']}/test", headers=PAGE)
        page = (await browser.get(f"{HOME}/{mine['id']}")).text
        assert "The endpoint answered 500 after" in page
        [test] = await listed(alice, 1, endpoint=mine["id"], state="failed")
        assert (await browser.get(f"/portal/jobs/{test['id']}")).status_code == 200
        for channel in (MINE, OTHER):
            await alice.post("/v1/events", json={"type": "order.paid", "data": {}, "channel": channel})
        await publish(alice)
        [foreign] = await listed(alice, 1, endpoint=other["id"])
        assert (await browser.get(f"/portal/jobs/{foreign['id']}")).status_code == 404
        for verb in ("resend", "cancel"):
            answer = await browser.post(f"{HOME}/{mine['id']}/deliveries/{foreign['id']}/{verb}", headers=PAGE)
            assert answer.status_code == 404
        await alice.patch(f"/v1/endpoints/{mine['id']}", json={"url": receiver.url})
        [waiting] = await listed(alice, 1, endpoint=mine["id"], state="retrying")
        again = await browser.post(f"{HOME}/{mine['id']}/deliveries/{waiting['id']}/resend", headers=PAGE)
        assert again.status_code == 303
        await listed(alice, 1, endpoint=mine["id"], state="succeeded")


async def test_links_are_bounded_in_time_and_number_and_of_their_owner(port: int, alice: httpx.AsyncClient) -> None:
    for body, field in (
        ({"channel": "a b"}, "channel"),
        ({}, "channel"),
        ({"channel": MINE, "expires": "25h"}, "expires"),
        ({"channel": MINE, "expires": "soon"}, "expires"),
    ):
        answer = await alice.post("/v1/portal-links", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    link = await link_of(alice)
    async with client_of(port, BOB) as bob:
        assert (await bob.get(f"/v1/portal-links/{link['id']}")).status_code == 404
        assert (await bob.delete(f"/v1/portal-links/{link['id']}")).status_code == 404
        assert (await bob.get("/v1/portal-links")).json() == {"portal_links": []}
    first = (await alice.get("/v1/portal-links?limit=1")).json()
    assert "next" not in first
    await link_of(alice)
    first = (await alice.get("/v1/portal-links?limit=1")).json()
    second = (await alice.get(f"/v1/portal-links?limit=1&cursor={first['next']}")).json()
    assert first["portal_links"][0]["id"] == link["id"] != second["portal_links"][0]["id"]
    made = (await alice.post("/v1/keys", json={"name": "reader", "scopes": ["webhooks"], "read_only": True})).json()
    async with client_of(port, made["key"]) as reader:
        assert (await reader.post("/v1/portal-links", json={"channel": MINE})).status_code == 403


async def test_the_console_makes_and_revokes_links(port: int) -> None:
    async with signed_in(port) as browser:
        path = "/console/webhooks/portal"
        page = await browser.post(path, data={"channel": MINE, "expires": "8h"}, headers=PAGE)
        (url,) = re.findall(r'value="(http[^"]+/portal/links/[^"]+)"', page.text)
        page = await browser.get(path)
        assert url not in page.text
        (revoke,) = [one for one in Links(page.text).urls if one.endswith("/revoke")]
        assert (await browser.post(revoke, headers=PAGE)).status_code == 303
        assert (await browser.get(httpx.URL(url).path)).status_code == 401


@pytest.mark.parametrize("moved", [f"{URL}/path", f"{URL}?to=mine", "http://127.0.0.1:9001/mine"])
@pytest.mark.parametrize("sent", [{}, {"headers": "x-gateway-key: ***\nx-own: value"}])
async def test_the_owners_secret_headers_are_dropped_with_the_url(
    port: int, alice: httpx.AsyncClient, moved: str, sent: dict[str, str]
) -> None:
    endpoint = await subscribe(alice, channel=MINE, headers={"X-Gateway-Key": "owners-secret"})
    page, mine = f"{HOME}/{endpoint['id']}", f"/v1/endpoints/{endpoint['id']}"
    async with customer(port, alice) as browser:
        same = {"url": URL, "events": "*", "headers": "x-gateway-key: ***"}
        assert (await browser.post(f"{page}/edit", data=same, headers=PAGE)).status_code == 303
        assert (await browser.post(f"{page}/edit", data={"url": URL, "events": "*"}, headers=PAGE)).status_code == 303
        assert [*(await alice.get(mine)).json()["headers"]] == ["x-gateway-key"], "the URL is the same"
        changed = {"url": moved, "events": "*", **sent}
        assert (await browser.post(f"{page}/edit", data=changed, headers=PAGE)).status_code == 303
    found = (await alice.get(mine)).json()
    assert (found["url"], [*found["headers"]]) == (moved, ["x-own"] if sent else [])


async def test_owners_keep_stored_headers_with_another_url(alice: httpx.AsyncClient) -> None:
    endpoint = await subscribe(alice, channel=MINE, headers={"X-Gateway-Key": "owners-secret"})
    changed = await alice.patch(f"/v1/endpoints/{endpoint['id']}", json={"url": f"{URL}/path"})
    assert changed.json()["headers"] == {"X-Gateway-Key": "***"}


async def test_header_values_are_kept_only_while_the_url_is_the_one_they_were_read_for(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    endpoint = await subscribe(alice, channel=MINE, headers={"X-Gateway-Key": "owners-secret"})
    endpoints = Endpoints(redis, settings, open_box(settings))
    await endpoints.change("alice", endpoint["id"], {"url": f"{URL}/path", "headers": {}}, url_was=URL)
    with pytest.raises(Refusal, match="meanwhile"):
        await endpoints.change("alice", endpoint["id"], {"headers": {"X-Gateway-Key": "owners-secret"}}, url_was=URL)
    assert (await alice.get(f"/v1/endpoints/{endpoint['id']}")).json()["headers"] == {}


async def test_what_a_customer_does_is_in_the_audit_log_with_the_link(port: int, alice: httpx.AsyncClient) -> None:
    endpoint = await subscribe(alice, channel=MINE)
    link = await link_of(alice)
    async with client_of(port, None) as browser:
        await browser.post(link["path"], headers=PAGE)
        form = {"url": URL, "events": "order.*"}
        edit = await browser.post(f"{HOME}/{endpoint['id']}/edit", data=form, headers=PAGE)
        assert edit.status_code == 303
    await alice.patch(f"/v1/endpoints/{endpoint['id']}", json={"events": ["*"]})
    answer = await alice.get("/v1/audit", params={"key": f"portal:{link['id']}"})
    (line,) = answer.json()["lines"]
    assert (line["action"], line["outcome"], line["owner"]) == ("change_endpoint", "done", "alice")
    assert line["id"] == endpoint["id"]
    lines = (await alice.get("/v1/audit", params={"action": "change_endpoint"})).json()["lines"]
    assert len(lines) == 1, "owners' own changes of endpoints are not audited"


async def test_portal_links_and_upload_tokens_do_not_stand_for_each_other(port: int, alice: httpx.AsyncClient) -> None:
    """One script makes both."""
    minted = await alice.post("/v1/upload-tokens", json={"origin": ORIGIN})
    assert minted.status_code == 201, minted.text
    link, upload = await link_of(alice), minted.json()
    place, _, token = link["path"].rpartition("/")
    async with client_of(port, None) as browser:
        assert (await browser.post(f"{place}/{upload['token']}", headers=PAGE)).status_code == 401
        headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}
        assert (await browser.post("/v1/images", content=PNG, headers=headers)).status_code == 401
    assert (await alice.delete(f"/v1/portal-links/{upload['id']}")).status_code == 404
    assert (await alice.delete(f"/v1/upload-tokens/{link['id']}")).status_code == 404
