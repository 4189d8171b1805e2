"""Sessions: who is let in, for how long, and that a cookie opens pages alone."""

import base64
import re
from hashlib import sha256
from ipaddress import ip_network

import httpx
import pytest
from arq.connections import ArqRedis

from api.console import visit
from tasks.settings import Settings
from tests.support.api.serving import ALICE, BOB, client_of, serving
from tests.support.console.browsers import PAGE, signed_in
from tests.support.eventually import eventually


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def test_a_key_opens_the_pages(port: int) -> None:
    async with signed_in(port, ALICE) as browser:
        page = await browser.get("/console")
        assert page.status_code == 200
        assert "alice" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert (await browser.get("/v1/jobs")).status_code == 401, "a cookie opens nothing under /v1"
        assert (await browser.post("/console/logout", headers=PAGE)).headers["location"] == "/console/login"
        assert (await browser.get("/console")).headers["location"] == "/console/login?next=%2Fconsole"


async def test_a_cookie_has_no_digest_of_its_key(port: int) -> None:
    async with signed_in(port, ALICE) as browser:
        payload = browser.cookies["pressroom"].partition(".")[0]
        assert sha256(ALICE.encode()).hexdigest()[:16].encode() not in base64.urlsafe_b64decode(payload + "===")


async def test_a_wrong_key_is_refused_on_the_page(port: int) -> None:
    async with client_of(port) as browser:
        answer = await browser.post("/console/login", data={"key": "wrong"}, headers={**PAGE, "Authorization": ""})
        assert answer.status_code == 401
        assert "This API key is unknown" in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {"Origin": "http://evil.test"},
        {},
    ],
)
async def test_a_form_of_another_site_does_nothing(port: int, headers: dict[str, str]) -> None:
    async with signed_in(port, BOB) as browser:
        answer = await browser.post("/console/preferences", data={"theme": "dark"}, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_on_plain_http_the_origin_counts(port: int) -> None:
    async with signed_in(port, BOB) as browser:
        headers = {"Origin": str(browser.base_url).rstrip("/")}
        answer = await browser.post("/console/preferences", data={"theme": "dark"}, headers=headers)
        assert (answer.status_code, browser.cookies["pressroom-theme"]) == (303, "dark")


async def test_signing_out_over_tls_deletes_the_cookie(settings: Settings) -> None:
    over_tls = settings.model_copy(update={"public_url": "https://pressroom.example"})
    headers = {**PAGE, "Host": "pressroom.example"}
    async with serving(over_tls) as port, client_of(port, None) as browser:
        answer = await browser.post("/console/login", data={"key": ALICE}, headers=headers)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert cookie.startswith("__Host-pressroom=")
        answer = await browser.post("/console/logout", headers={**headers, "Cookie": cookie})
        (deleted,) = answer.headers.get_list("set-cookie")
        assert re.match(r'__Host-pressroom="";.*Max-Age=0', deleted)
        assert {"Secure", "HttpOnly", "Path=/"} <= set(deleted.split("; ")), "browsers ignore it otherwise"


async def test_an_old_session_and_one_of_a_suspended_owner_end(
    port: int, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "RENEW_AFTER_S", -1)
    async with signed_in(port, BOB) as browser:
        assert "pressroom=" in (await browser.get("/console")).headers["set-cookie"], "it is renewed"
        await alice.post("/v1/owners", json={"name": "bob"})
        assert (await alice.post("/v1/owners/bob/suspension")).is_success
        assert (await browser.get("/console")).status_code == 403
        answer = await browser.post("/console/logout", headers=PAGE)
        assert answer.headers["location"] == "/console/login"
        assert ["Max-Age=0" in one for one in answer.headers.get_list("set-cookie")] == [True]
        assert "pressroom" not in browser.cookies


async def test_a_session_that_is_renewed_ends_all_the_same(
    settings: Settings, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "RENEW_AFTER_S", -1)
    short = settings.model_copy(update={"console_session_max_s": 2})
    async with serving(short) as port, signed_in(port, BOB) as browser:

        async def looked() -> int:
            return (await browser.get("/console/preferences")).status_code

        assert await looked() != 303
        await eventually(looked, 303)


async def test_refusals_are_in_the_audit_log(port: int, alice: httpx.AsyncClient) -> None:
    async with client_of(port, None) as browser, signed_in(port, BOB) as bob:
        await browser.post("/console/login", data={"key": "wrong"}, headers=PAGE)
        await bob.post("/console/try/event", headers={"Sec-Fetch-Site": "cross-site"})
        await browser.get("/portal/webhooks", headers={"Cookie": "pressroom-portal=wrong"})
        await browser.get("/portal/webhooks")

        async def noted() -> set[tuple[str | None, str]]:
            return {(line.get("by"), line["code"]) for line in (await alice.get("/v1/audit")).json()["lines"]}

        expected = {(None, "unauthorized"), ("bob", "foreign_origin")}
        await eventually(noted, lambda found: found == expected)


async def test_what_an_admin_is_sent_on_is_in_the_audit_log(
    port: int, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    job = (await bob.post("/v1/events", json={"type": "a.b", "data": 1})).json()["id"]
    async with signed_in(port, ALICE) as browser:
        assert (await browser.get(f"/console/jobs/{job}/raw")).status_code == 200

        async def noted() -> list[tuple[str, str, str]]:
            lines = (await alice.get("/v1/audit")).json()["lines"]
            return [(line["by"], line["owner"], line["id"]) for line in lines]

        await eventually(noted, lambda found: found == [("alice", "bob", job)])


async def test_calls_of_pages_come_from_the_browsers_address_and_name_its_host(settings: Settings) -> None:
    proxied = settings.model_copy(update={"forwarded_hops": 1, "trusted_proxies": (ip_network("127.0.0.0/8"),)})
    forwarded = {**PAGE, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    async with serving(proxied) as port, client_of(port, None) as browser, client_of(port, ALICE) as alice:
        answer = await browser.post("/console/login", data={"key": ALICE}, headers=forwarded)
        headers = {**forwarded, "Cookie": answer.headers["set-cookie"].partition(";")[0]}
        await browser.post("/console/keys", data={"name": "n", "scopes": "jobs:read"}, headers=headers)
        lines = (await alice.get("/v1/audit?action=create_key")).json()["lines"]
        assert [line["address"] for line in lines] == ["203.0.113.9"]
