"""The pages of keys, usage and the audit log."""

import re

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tests.support.api.serving import ALICE, BOB
from tests.support.console.browsers import PAGE, key_with, signed_in
from tests.support.eventually import eventually

EVIL = '<img src=x onerror="alert(1)">'
NEW_KEY = re.compile(r"pr_live_\w+")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def test_a_key_is_made_shown_once_rotated_and_revoked(port: int, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, BOB) as browser:
        assert "No keys yet" in (await browser.get("/console/keys")).text
        form = {"name": EVIL, "scopes": ["images", "keys"], "read_only": "on", "expires": "90d"}
        made = await browser.post("/console/keys", data=form, headers=PAGE)
        assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
        assert len(NEW_KEY.findall(made.text)) == 1
        assert "set-cookie" not in made.headers
        (key,) = (await bob.get("/v1/keys")).json()["keys"]
        assert (key["name"], key["scopes"], key["read_only"]) == (EVIL, ["images", "keys"], True)

        for path in ("/console/keys", f"/console/keys/{key['id']}"):
            page = (await browser.get(path)).text
            assert EVIL not in page
            assert "&lt;img src=x" in page
            assert not NEW_KEY.search(page)
        rotated = await browser.post(f"/console/keys/{key['id']}/rotate", data={"grace": "1h"}, headers=PAGE)
        assert NEW_KEY.search(rotated.text)
        revoked = await browser.post(f"/console/keys/{key['id']}/revoke", data={"name": "ci"}, headers=PAGE)
        assert (revoked.status_code, revoked.headers["location"]) == (303, "/console/keys")
        page = (await browser.get("/console/keys")).text
        assert "The key ci is revoked." in page
        assert "Revoked" in page


async def test_admins_choose_whose_key_it_is(port: int, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, ALICE) as browser:
        form = {"name": "for bob", "scopes": "images", "owner": "bob"}
        await browser.post("/console/keys", data=form, headers=PAGE)
        assert [key["name"] for key in (await bob.get("/v1/keys")).json()["keys"]] == ["for bob"]
        assert "for bob" in (await browser.get("/console/keys?owner=bob")).text
        assert "for bob" not in (await browser.get("/console/keys")).text
        (key,) = (await bob.get("/v1/keys")).json()["keys"]
        assert 'href="/console/keys?owner=bob"' in (await browser.get(f"/console/keys/{key['id']}?owner=bob")).text
        gone = {"name": "for bob", "owner": "bob"}
        revoked = await browser.post(f"/console/keys/{key['id']}/revoke", data=gone, headers=PAGE)
        assert (revoked.status_code, revoked.headers["location"]) == (303, "/console/keys?owner=bob")


async def test_a_page_says_which_scope_it_needs(port: int, redis: ArqRedis) -> None:
    async with signed_in(port, await key_with(redis, "images")) as browser:
        for path, scope in (("keys", "&#39;keys&#39;"), ("usage", "jobs:read"), ("audit", "&#39;keys&#39;")):
            page = await browser.get(f"/console/{path}")
            assert (page.status_code, scope in page.text) == (200, True)


async def test_a_read_only_key_has_no_forms_that_change(port: int, redis: ArqRedis, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, await key_with(redis, "keys", read_only=True)) as browser:
        (key,) = (await bob.get("/v1/keys")).json()["keys"]
        for path in ("/console/keys", f"/console/keys/{key['id']}"):
            assert 'method="post" action="/console/keys' not in (await browser.get(path)).text
        for path in ("", f"/{key['id']}/rotate", f"/{key['id']}/revoke"):
            refused = await browser.post(f"/console/keys{path}", data={"name": "more", "scopes": "keys"}, headers=PAGE)
            assert refused.status_code == 403


async def test_usage_is_shown_by_day(port: int, bob: httpx.AsyncClient) -> None:
    async with signed_in(port, BOB) as browser, signed_in(port, ALICE) as admin:
        assert "Nothing was used" in (await browser.get("/console/usage")).text
        await bob.post("/v1/uploads", content=b"x" * 600)
        assert "600 B" in (await browser.get("/console/usage")).text
        assert "600 B" in (await admin.get("/console/usage?owner=bob")).text
        assert "600 B" not in (await admin.get("/console/usage")).text
        assert (await browser.get("/console/usage?owner=alice")).status_code == 200, "forbidden: says so"


async def test_the_audit_log_is_filtered_and_paged(port: int, alice: httpx.AsyncClient) -> None:
    async with signed_in(port, ALICE) as browser:
        for number in range(51):
            body = {"name": f"ci-{number}", "scopes": ["images"], "owner": "bob"}
            await alice.post("/v1/keys", json=body)
        assert await eventually(lambda: _lines(alice))
        page = (await browser.get("/console/audit?action=create_key&outcome=done&since=2026-01-01T00:00")).text
        older = re.search(r'rel="next" href="([^"]+)"', page)
        assert older is not None
        assert "create_key" in (await browser.get(older[1].replace("&amp;", "&"))).text
        shown = {path: (await browser.get(path)).text for path in ("/console/audit", "/console/audit?reads=true")}
        assert [("Show it" in text, "Hide it" in text) for text in shown.values()] == [(True, False), (False, True)]
        assert ["reads=false" in text for text in shown.values()] == [True, False], "what the page asks for"
        assert "No line matches" in (await browser.get("/console/audit?action=pause_queue")).text


async def _lines(client: httpx.AsyncClient) -> bool:
    return len((await client.get("/v1/audit", params={"action": "create_key", "limit": 200})).json()["lines"]) > 50
