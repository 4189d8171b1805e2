"""What a browser gets when a page fails: always a page, with the menu, the id of the request and what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.console.calls import Api
from tests.support.api.serving import client_of
from tests.support.console.browsers import PAGE, signed_in

PORTAL = "/portal/webhooks"


@asynccontextmanager
async def customer(port: int, alice: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in the portal of a channel."""
    link = (await alice.post("/v1/portal-links", json={"channel": "customer-17"})).json()
    async with client_of(port, None) as browser:
        assert (await browser.post(httpx.URL(link["url"]).path, headers=PAGE)).status_code == 303
        yield browser


def assert_is_a_page(answer: httpx.Response, status: int) -> None:
    """Whether it is a page with the menu and the id."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), answer.text
    assert "<nav" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    assert answer.headers["content-security-policy"]
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_an_unexpected_error_is_a_page_with_a_way_on(
    port: int, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_args: Any) -> None:
        raise KeyError("a secret")

    async with signed_in(port) as browser, customer(port, alice) as portal:
        monkeypatch.setattr(Api, "send", send)
        page = await browser.get("/console/jobs?state=failed")
        assert_is_a_page(page, 500)
        assert '<a class="button primary" href="/console/jobs?state=failed">Try again</a>' in page.text
        assert "secret" not in page.text
        assert 'href="/console/webhooks"' in page.text, "the menu of one who has signed in"
        form = await browser.post("/console/try/event", data={"type": "a.b", "data": "{}"}, headers=PAGE)
        assert_is_a_page(form, 500)
        assert ("look at its page before you send it again" in form.text, ">Try again<" in form.text) == (True, False)
        theirs = await portal.get(PORTAL)
        assert_is_a_page(theirs, 500)
        assert ('href="/portal/webhooks"' in theirs.text, 'href="/console' in theirs.text) == (True, False)
        script = await browser.get("/console/jobs", headers={"Accept": "application/json"})
        assert script.json()["code"] == "internal"


async def test_what_no_page_answers_is_a_page_too(port: int, alice: httpx.AsyncClient) -> None:
    async with signed_in(port) as browser, customer(port, alice) as portal:
        assert_is_a_page(await browser.get("/console/nowhere"), 404)
        assert_is_a_page(await browser.get("/console/jobs/0/files/a.png"), 404)
        wrong = await browser.put("/console/jobs")
        assert_is_a_page(wrong, 405)
        assert wrong.headers["allow"] == "GET, HEAD"
        assert_is_a_page(await portal.get("/portal/nowhere"), 404)
        assert_is_a_page(await portal.get("/portal/jobs/0"), 404)
        assert (await browser.get("/consoles")).json()["code"] == "not_found"
        assert (await browser.get("/v1/jobs")).json()["code"] == "unauthorized"
