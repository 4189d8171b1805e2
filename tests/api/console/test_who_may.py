"""Who may use which route of the console: none without a session, and none that changes anything with a read-only key.
What is an admin's is the API's to refuse, for pages have no other way."""

import re
from typing import Final

import httpx
from arq.connections import ArqRedis
from fastapi.routing import APIRoute

from api.app import app
from tasks.accounts.scopes import ALL_SCOPES
from tests.support.api.serving import BOB, client_of
from tests.support.console.browsers import PAGE, key_with, signed_in

OPEN: Final = {"GET /", "GET /console/login", "POST /console/login", "POST /console/logout"}
"""What needs no session."""
FOR_READERS: Final = {"POST /console/preferences"}
"""What changes nothing but the browser itself."""
ROUTES: Final = sorted(
    f"{method} {route.path}"
    for route in app.routes
    if isinstance(route, APIRoute) and (route.path == "/" or route.path.startswith("/console"))
    for method in route.methods or ()
    if method != "HEAD"
)
SAMPLES: Final = {"queue": "media", "verb": "retry", "number": "1", "name": "a.jpg", "path": "nothing"}
ID: Final = "0" * 32


def path_of(route: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: SAMPLES.get(found[1], ID), route.partition(" ")[2])


async def ask(browser: httpx.AsyncClient, route: str) -> httpx.Response:
    method = route.partition(" ")[0]
    return await browser.request(method, path_of(route), headers=PAGE, data={"name": "x"} if method == "POST" else None)


async def test_nothing_is_shown_or_done_without_a_session(port: int) -> None:
    async with client_of(port, None) as browser:
        for route in ROUTES:
            if route not in OPEN:
                answer = await ask(browser, route)
                assert answer.status_code == 303, route
                assert answer.headers["location"].startswith("/console/login"), route


async def test_a_form_counts_from_our_pages_alone(port: int) -> None:
    async with signed_in(port, BOB) as browser:
        for route in ROUTES:
            if route.startswith("POST"):
                answer = await browser.post(path_of(route), data={"name": "x"}, headers={"Sec-Fetch-Site": "same-site"})
                assert answer.status_code == 403, route


async def test_a_read_only_key_changes_nothing(port: int, redis: ArqRedis) -> None:
    key = await key_with(redis, *ALL_SCOPES, read_only=True)
    async with signed_in(port, key) as browser:
        for route in ROUTES:
            if route.startswith("POST") and route not in OPEN | FOR_READERS:
                assert (await ask(browser, route)).status_code == 403, route
