"""Sessions: who is let in, for how long, and that a cookie opens pages alone."""

import pytest

from tests.support.api.browsers import PAGE, signed_in
from tests.support.api.serving import ALICE, BOB, client_of


async def test_a_key_opens_the_pages(port: int) -> None:
    async with signed_in(port, ALICE) as browser:
        page = await browser.get("/console")
        assert page.status_code == 200
        assert "alice" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert (await browser.get("/v1/jobs")).status_code == 401, "a cookie opens nothing under /v1"
        assert (await browser.post("/console/logout", headers=PAGE)).headers["location"] == "/console/login"
        assert (await browser.get("/console")).headers["location"] == "/console/login?next=%2Fconsole"


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
