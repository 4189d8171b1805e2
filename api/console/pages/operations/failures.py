"""Failures by cause: what it means, the newest examples, and what is to become of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, at
from api.console.forms import count_in
from api.console.pages.jobs.again import advice_of
from api.console.troubles import criteria_of, jobs_url
from api.console.visit import ROOT, ConsoleRouter, Notice, Visit
from tasks import clock
from tasks.clock import rfc3339
from tasks.refusal import CODES

router = ConsoleRouter()

WALKED: Final = 1_500
"""Failed jobs that the page looks at: a few trips to Redis."""
SHOWN: Final = 20
"""Causes on the page. The API gives examples of as many."""
PERIODS: Final[Mapping[str, timedelta | None]] = {
    "all": None,
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
MESSAGE_CHARS: Final = 400
CRITERIA: Final = ("state", "kind", "code", "owner", "since", "until")


@router.page("/failures")
async def show_failures(visit: Visit) -> Response:
    """Failed jobs by kind and code."""
    period = visit.query.get("period", "")
    period = period if period in PERIODS else "all"
    owner = visit.query.get("owner", "").strip() or "*" if visit.access.is_admin else None
    ago = PERIODS[period]
    since = rfc3339(clock.now_ms() - round(ago.total_seconds() * 1000)) if ago else None
    query = {"walk": WALKED, "owner": owner, "since": since}
    found = await visit.api.get("/v1/failures", **query)
    groups = found["groups"][:SHOWN]
    times = {"since": since} if since else {}
    return visit.show(
        "failures/page.html",
        groups=[(group, times | criteria_of(group, owner, is_cut=found["at_least"])) for group in groups],
        left_out=found["left_out"] + len(found["groups"]) - len(groups),
        walked=found["walked"],
        is_cut=found["at_least"],
        period=period,
        periods=PERIODS,
        owner=owner,
        codes=CODES,
        advice_of=lambda code: advice_of(code, visit.t),
        message_chars=MESSAGE_CHARS,
        jobs_url=jobs_url,
        act_of=lambda verb, body: ApiCall("POST", at("jobs", verb), body=body),
        list_call=ApiCall("GET", "/v1/failures", {"owner": owner, "since": since}),
    )


@router.action("/failures/retry")
async def retry_group(visit: Visit) -> Response:
    """Run the jobs of a group again."""
    return await _act(visit, "retry", "failures.retrying")


@router.action("/failures/delete")
async def delete_group(visit: Visit) -> Response:
    """Delete the jobs of a group."""
    return await _act(visit, "deletion", "failures.deleting")


async def _act(visit: Visit, verb: str, done: str) -> Response:
    """Have a job do it, and lead to that job."""
    form = await visit.form()
    body: dict[str, Any] = {name: form[name] for name in CRITERIA if form.get(name)}
    if (expect := count_in(form.get("expect", ""))) is not None:
        body["expect"] = expect
    answer = await visit.api.send(ApiCall("POST", at("jobs", verb), body=body))
    place = f"{ROOT}/jobs/{answer.json()['id']}"
    return visit.go(place, Notice("done", visit.t(done), place))
