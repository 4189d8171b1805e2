"""Times in requests: RFC 3339, or a date; nothing else is taken for one."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.http.query import TimeRange
from tests.support.api.pictures import PNG

NO_TIMES = [
    *("2027", "20270101", "1790000000", "1790000000.5", "2027-01", "2027-1-1", "2027-02-30", "2027-01-01T25:00:00Z"),
    *("2027-01-01 08:00:00", "2027-W01-1", "now", "", "\u0662\u0660\u0662\u0667-01-01", "2027-01-01T08:00:00+25:00"),
]
TAKEN = [("GET", "/v1/jobs", "since"), ("GET", "/v1/jobs", "until"), ("POST", "/v1/images", "run_at")]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20t08:00:00.25z", datetime(2026, 11, 20, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-20T08:00:00.123456789+02:00", datetime(2026, 11, 20, 6, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-20T08:00:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_a_time_is_what_it_says(text: str, moment: datetime) -> None:
    assert TimeRange(since=text).since == moment


@pytest.mark.parametrize("text", NO_TIMES)
async def test_no_query_takes_anything_else_for_a_time(alice: httpx.AsyncClient, text: str) -> None:
    for method, path, field in (
        ("GET", "/v1/jobs", "since"),
        ("GET", "/v1/jobs", "until"),
        ("POST", "/v1/images", "run_at"),
    ):
        answer = await alice.request(method, path, params={field: text}, content=PNG if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)
        assert f"{field}: {text!r} is no time. Send a date-time such as " in answer.json()["detail"]


@pytest.mark.parametrize("given", [*NO_TIMES, 2027, 1790000000, 1.5, True, [], {}])
async def test_no_body_takes_anything_else_for_a_time(alice: httpx.AsyncClient, given: Any) -> None:
    for path, body, field in (
        ("/v1/jobs/deletion", {"state": "succeeded", "since": given}, "since"),
        ("/v1/jobs/cancellation", {"all": True, "until": given}, "until"),
        ("/v1/jobs", {"kind": "echo", "run_at": given}, "run_at"),
    ):
        answer = await alice.post(path, json=body)
        assert answer.status_code == 422
        assert field in [one["field"] for one in answer.json().get("errors", [answer.json()])], answer.text


async def test_a_plus_that_became_a_space_is_explained(alice: httpx.AsyncClient) -> None:
    answer = await alice.get("/v1/jobs?since=2026-11-20T08:00:00+02:00")
    assert answer.status_code == 422
    assert "in a query, '+' is written '%2B'" in answer.json()["detail"]
    assert (await alice.get("/v1/jobs?since=2026-11-20T08:00:00%2B02:00")).status_code == 200
