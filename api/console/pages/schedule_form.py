"""A new schedule, by a form that says when it would run."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError
from api.console.forms import count_in, json_in
from api.console.pages.schedules import ahead, in_zone
from api.console.visit import ConsoleRouter, Notice, Visit
from api.reports.examples import SMALL
from api.reports.json_places import lines_of

router = ConsoleRouter()

SCHEDULES: Final = "/v1/schedules"
KINDS: Final = ("event", "report")
START: Final = {
    "name": "",
    "cron": "30 6 * * MON-FRI",
    "timezone": "UTC",
    "overlap": "skip",
    "misfire": "3600",
    "type": "shop.closing",
    "data": '{\n  "shop": 12\n}',
    "spec": json.dumps(SMALL, indent=2, ensure_ascii=False),
}
"""What the form holds at first."""
TIMES: Final = {
    "schedules.every_quarter": "*/15 * * * *",
    "schedules.hourly": "0 * * * *",
    "schedules.daily": "30 6 * * *",
    "schedules.weekdays": "30 6 * * MON-FRI",
    "schedules.weekly": "0 8 * * MON",
    "schedules.monthly": "0 6 1 * *",
}
ZONES: Final = (
    *("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Chicago", "America/Los_Angeles"),
    *("America/Sao_Paulo", "Asia/Tokyo", "Asia/Shanghai", "Asia/Kolkata", "Australia/Sydney"),
)
TIMES_SHOWN: Final = 5


@router.page("/schedules/new")
async def show_new_schedule(visit: Visit) -> Response:
    """Where a schedule is written."""
    kind = visit.query.get("kind", "event")
    cron = visit.query.get("cron") or START["cron"]
    return await _page(visit, {**START, "cron": cron, "kind": kind if kind in KINDS else "event"})


@router.action("/schedules")
async def create_schedule(visit: Visit) -> Response:
    """Create the schedule of the form, or only say when it would run."""
    form = await visit.form()
    given = {name: form.get(name, "").strip() for name in (*START, "kind")}
    if form.get("do") == "preview":
        return await _page(visit, given)
    field = "spec" if given["kind"] == "report" else "data"
    try:
        body = _body_of(given)
    except ValueError as error:
        detail = visit.t("schedules.no_json", problem=str(error))
        return await _page(visit, given, problem={"detail": detail, "field": field}, status=422)
    try:
        answer = await visit.api.send(ApiCall("POST", SCHEDULES, body=body))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return await _page(visit, given, problem=error.problem, status=error.status)
    if visit.is_program:
        return await visit.acted(answer, to="/console/schedules")
    return visit.go(f"/console/schedules/{answer.json()['id']}", Notice("done", visit.t("schedules.is_created")))


def _body_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The schedule as the API takes it. Raises: ValueError for what is no JSON."""
    if given["kind"] == "report":
        spec = json_in(given["spec"])
        job = {"kind": "report", **spec} if isinstance(spec, dict) else {"kind": "report", "spec": spec}
    else:
        job = {"kind": "event", "type": given["type"], "data": json_in(given["data"])}
    seconds = count_in(given["misfire"])
    misfire = "skip" if seconds is None else seconds
    body = {"cron": given["cron"], "timezone": given["timezone"] or "UTC", "misfire": misfire, "job": job}
    body |= {"overlap": "allow" if given["overlap"] == "allow" else "skip"}
    return {"name": given["name"], **body} if given["name"] else body


async def _page(visit: Visit, given: Mapping[str, str], *, problem: Any = None, status: int = 200) -> Response:
    due, fault = None, None
    try:
        asked = {"cron": given["cron"], "timezone": given["timezone"] or "UTC"}
        due = await visit.api.get(f"{SCHEDULES}/due-times", **asked, count=TIMES_SHOWN)
    except ProblemError as error:
        fault = error.problem
    try:
        call = ApiCall("POST", SCHEDULES, body=_body_of(given))
    except ValueError:
        call = None
    return visit.show(
        "schedules/new.html",
        status=status,
        given=given,
        problem=problem or (fault if fault and fault.get("code") != "forbidden" else None),
        lines=lines_of(given["spec"], problem, inside="job.") if given["kind"] == "report" else {},
        due=due,
        ahead=partial(ahead, visit),
        in_zone=in_zone,
        times=TIMES,
        zones=ZONES,
        call=call,
    )
