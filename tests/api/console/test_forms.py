"""What no browser of good will sends is answered with a page that says so, and never with an error of ours."""

import base64
from typing import Any

import pytest
from arq.connections import ArqRedis
from starlette.requests import Request
from starlette.responses import Response

from api.console import visit
from tasks.settings import Settings
from tests.api.portal.test_portal import customer
from tests.support.api.serving import ALICE, client_of
from tests.support.api.subscribers import URL
from tests.support.console.browsers import PAGE, signed_in

DEEP = "[" * 200_000
UNEVEN = "[" * 300 + "]" * 300
HALF = '{"a": "\\ud800"}'
LONG = "9" * 5_000
ID = "0" * 32
SCHEDULE = {"cron": "0 6 * * *", "type": "a.b", "data": "{}"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.mark.parametrize("text", [DEEP, UNEVEN, HALF])
async def test_json_that_cannot_be_passed_on_is_refused(port: int, redis: ArqRedis, text: str) -> None:
    forms: list[tuple[str, dict[str, Any]]] = [
        ("/console/try/report", {"spec": text}),
        ("/console/try/event", {"type": "a.b", "data": text}),
        ("/console/schedules", {**SCHEDULE, "kind": "event", "data": text}),
        ("/console/schedules", {**SCHEDULE, "kind": "report", "spec": text}),
        ("/console/webhooks/new", {"url": URL, "events": "*", "filters": text}),
    ]
    async with signed_in(port, ALICE) as browser:
        for path, form in forms:
            answer = await browser.post(path, data=form, headers=PAGE)
            assert answer.status_code in (413, 422), path
    async with client_of(port, ALICE) as alice, customer(port, alice) as browser:
        form = {"url": URL, "events": "*", "filters": text}
        assert (await browser.post("/portal/webhooks/new", data=form, headers=PAGE)).status_code in (413, 422)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/console/failures/retry", {"state": "failed", "expect": LONG}),
        ("/console/cures/ended", {"expect": LONG}),
        ("/console/jobs/bulk/retry", {"state": "failed", "matched": LONG}),
        ("/console/schedules", {**SCHEDULE, "kind": "event", "misfire": LONG}),
        (f"/console/webhooks/{ID}/secret", {"overlap_s": LONG}),
        (f"/console/webhooks/{ID}/recovery", {"since": "2026-11-20T08:00", "expect": LONG}),
    ],
)
async def test_a_number_of_thousands_of_digits_is_none(port: int, path: str, form: dict[str, str]) -> None:
    async with signed_in(port, ALICE) as browser:
        assert (await browser.post(path, data=form, headers=PAGE)).status_code < 500


async def test_a_state_that_is_none_is_refused(port: int) -> None:
    async with signed_in(port, ALICE) as browser, client_of(port, ALICE) as alice:
        made = await alice.post("/v1/jobs/retry", json={"state": "failed", "dry_run": True})
        answer = await browser.get(f"/console/jobs/bulk/retry?state=evil&count={made.json()['id']}")
        assert answer.status_code == 422
        assert (await browser.get("/console/jobs?state=evil")).status_code in (400, 422)


def test_a_notice_fits_into_a_cookie() -> None:
    request = Request({"type": "http", "headers": [], "method": "GET", "path": "/", "state": {}})
    for text in ("x" * 10_000, "\N{GRINNING FACE}" * 5_000, "あ" * 1_500):
        response = Response()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(visit, "is_secure", lambda _: True)
            visit.set_notice(request, response, visit.Notice("failed", text, "/console/" + "y" * 100))
        cookie = response.headers["set-cookie"]
        assert 500 < len(cookie) < 3_300
        assert "; Secure" in cookie


@pytest.mark.parametrize("value", ["5", "null", "[1]", DEEP[:2_000], "no JSON"])
async def test_a_notice_that_is_none_is_left_out(port: int, value: str) -> None:
    async with signed_in(port, ALICE) as browser:
        browser.cookies.set("pressroom-notice", base64.urlsafe_b64encode(value.encode()).decode())
        assert (await browser.get("/console")).status_code == 200
