"""What an answer means for the delivery and for its endpoint."""

from datetime import UTC, datetime

import pytest

from tasks.outbound.protocol import OutboundResponse
from tasks.refusal import CODES
from tasks.webhook.response import ResponseOutcome, classify_response

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def answered(status: int, **headers: str) -> ResponseOutcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify_response(OutboundResponse(status=status, headers=named, excerpt=b"", timing={}), NOON)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    assert answered(status) == ResponseOutcome()


@pytest.mark.parametrize(("status", "code"), [(301, "redirected"), (304, "redirected"), (307, "redirected")])
def test_a_redirect_is_a_failure(status: int, code: str) -> None:
    verdict = answered(status, location="https://elsewhere.example/")
    assert (verdict.code, verdict.disable, verdict.pause_s) == (code, None, 0)
    assert "elsewhere" not in verdict.message


@pytest.mark.parametrize("status", [100, 400, 401, 404, 409, 429, 500, 502, 503, 504, 599])
def test_everything_else_is_a_failure_that_names_the_status(status: int) -> None:
    verdict = answered(status)
    assert verdict.code in CODES
    assert str(status) in verdict.message
    assert verdict.disable is None


def test_410_wants_no_more() -> None:
    assert answered(410).disable == "gone"
    assert answered(410).code == "bad_status"


@pytest.mark.parametrize(("status", "code"), [(200, None), (400, "bad_status"), (302, "redirected")])
def test_a_header_may_ask_for_no_more_whatever_the_status(status: int, code: str | None) -> None:
    verdict = answered(status, webhook_delivery=" Disable ")
    assert (verdict.code, verdict.disable) == (code, "asked")
    assert answered(status, webhook_delivery="later").disable is None


@pytest.mark.parametrize("status", [302, 404, 410, 429, 500, 503])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("60.", 60),
        (".25", 0.25),
        ("0000000000060", 60),
        ("60, 120", 60),
        ("Saturday, 21-Nov-26 12:10:00 GMT", 600),
        ("Sat Nov 21 12:10:00 2026", 600),
        ("Sat, 21 Nov 2026 12:10:00 GMT", 600),
        ("Sat, 21 Nov 2026 13:00:00 +0100", 0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("+60", 0),
        ("60s", 0),
        ("1e9", 0),
        ("٣", 0),
        ("", 0),
        ("9" * 400, 1_000_000_000),
        ("9" * 60_000 + "x", 0),
        ("Wed, 99 Oct 2035 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2035 07:28:00 +9999", 0),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", 0),
    ],
)
def test_a_refusal_says_when_to_come_back(status: int, text: str, seconds: float) -> None:
    assert answered(status, retry_after=text).pause_s == seconds


def test_a_success_does_not() -> None:
    assert answered(200, retry_after="120").pause_s == 0


@pytest.mark.parametrize("value", ["abort-message", " Abort-Message ", "abort-message;reason=old", "x, abort-message"])
def test_a_header_may_ask_for_no_further_attempt(value: str) -> None:
    outcome = answered(500, webhook_delivery=value)
    assert (outcome.code, outcome.disable, outcome.abort) == ("bad_status", None, True)
    assert "no further attempt" in outcome.message
    assert answered(200, webhook_delivery=value) == ResponseOutcome()
    assert not answered(500, webhook_delivery="abort").abort
