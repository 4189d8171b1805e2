"""Schedules: what runs by the clock, how it went, and when it runs next."""

import asyncio
import json
from datetime import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, at, query_text, with_query
from api.console.formats import UNKNOWN, duration, seconds_between
from api.console.owner_choice import chosen_owner, known_owners, listed_owner
from api.console.visit import ConsoleRouter, Notice, Visit

router = ConsoleRouter()

HERE: Final = "/console/schedules"
SCHEDULES: Final = "/v1/schedules"
LISTED: Final = 20
RUNS_LISTED: Final = 6
RUNS_SHOWN: Final = 50
TIMES_SHOWN: Final = 5
MAX_PARAMS_CHARS: Final = 20_000
SCHEDULED_EVENT: Final = ApiCall(
    "POST",
    SCHEDULES,
    body={
        "name": "Closing time",
        "cron": "30 17 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "job": {"kind": "event", "type": "shop.closing", "data": {"shop": 12}},
    },
)
"""A schedule for those who have none yet."""


@router.page("/schedules")
async def show_schedules(visit: Visit) -> Response:
    """The visitor's schedules; for admins everyone's or those of an owner whom they have chosen, and the service's."""
    cursor, owner = visit.query.get("cursor"), listed_owner(visit)
    try:
        page, owners = await asyncio.gather(
            visit.api.get(SCHEDULES, limit=LISTED, runs=RUNS_LISTED, cursor=cursor, owner=owner), known_owners(visit)
        )
    except ProblemError as error:
        if error.problem.get("code") != "forbidden":
            raise
        return visit.show("schedules/list.html", forbidden=True, status=200)
    schedules = page["schedules"]
    return visit.show(
        "schedules/list.html",
        forbidden=False,
        own=[one for one in schedules if not one["built_in"]],
        built_in=[one for one in schedules if one["built_in"]],
        owner=owner,
        owners=owners,
        cursor=cursor,
        older=query_text({"cursor": page.get("next"), "owner": owner}) if page.get("next") else None,
        took=_took,
        ahead=partial(ahead, visit),
        call=ApiCall("GET", SCHEDULES, {"runs": RUNS_LISTED, "owner": owner}),
        first=SCHEDULED_EVENT,
    )


@router.page("/schedules/{id}")
async def show_schedule(visit: Visit) -> Response:
    """One schedule with its runs."""
    schedule_id = visit.path["id"]
    place, cursor = at("schedules", schedule_id), visit.query.get("cursor")
    schedule, runs = await asyncio.gather(
        visit.api.get(place), visit.api.get(f"{place}/runs", limit=RUNS_SHOWN, cursor=cursor)
    )
    due: list[str] = []
    if not schedule["paused"]:
        asked = {name: schedule[name] for name in ("cron", "timezone")}
        due = (await visit.api.get(f"{SCHEDULES}/due-times", **asked, count=TIMES_SHOWN))["due_times"]
    return visit.show(
        "schedules/one.html",
        home=_home(visit),
        owner=chosen_owner(visit, visit.query),
        schedule=schedule,
        runs=runs["runs"],
        cursor=cursor,
        next=runs.get("next"),
        due=due,
        in_zone=in_zone,
        took=_took,
        ahead=partial(ahead, visit),
        params=json.dumps(schedule["params"], indent=2, ensure_ascii=False)[:MAX_PARAMS_CHARS],
        calls=[
            ApiCall("POST", f"{place}/runs"),
            ApiCall("PATCH", place, body={"paused": not schedule["paused"]}),
            *([] if schedule["built_in"] else [ApiCall("DELETE", place)]),
        ],
    )


@router.action("/schedules/{id}/run")
async def run_schedule(visit: Visit) -> Response:
    """Start a run at once."""
    schedule_id = visit.path["id"]
    answer = await visit.api.send(ApiCall("POST", f"{at('schedules', schedule_id)}/runs"))
    if visit.is_program:
        return await visit.acted(answer, to=HERE)
    form = await visit.form()
    notice = Notice("done", visit.t("schedules.started"), f"/console/jobs/{answer.json()['id']}")
    return visit.go(form.get("back") or f"{HERE}/{schedule_id}", notice)


@router.action("/schedules/{id}/pause")
async def pause_schedule(visit: Visit) -> Response:
    """Have it run no more until it is resumed."""
    return await _change(visit, {"paused": True}, "schedules.is_paused")


@router.action("/schedules/{id}/resume")
async def resume_schedule(visit: Visit) -> Response:
    """Have it run again."""
    return await _change(visit, {"paused": False}, "schedules.is_resumed")


@router.action("/schedules/{id}/change")
async def change_schedule(visit: Visit) -> Response:
    """Give it another time, zone or name."""
    form = await visit.form()
    given = {name: form[name].strip() for name in ("name", "cron", "timezone") if name in form}
    return await _change(visit, {**given, "name": given.get("name") or None}, "schedules.is_changed")


@router.action("/schedules/{id}/delete")
async def delete_schedule(visit: Visit) -> Response:
    """Delete it."""
    answer = await visit.api.send(ApiCall("DELETE", at("schedules", visit.path["id"])))
    if visit.is_program:
        return await visit.acted(answer, to=HERE)
    return visit.go(_home(visit), Notice("done", visit.t("schedules.is_deleted")))


def _home(visit: Visit) -> str:
    """The list from which the visitor came."""
    return with_query(HERE, {"owner": chosen_owner(visit, visit.query)})


async def _change(visit: Visit, patch: dict[str, Any], done: str) -> Response:
    call = ApiCall("PATCH", at("schedules", visit.path["id"]), body=patch)
    return await visit.act(call, to=f"{HERE}/{visit.path['id']}", done=done)


def ahead(visit: Visit, time: str | None) -> str:
    """How far ahead a time is, in words."""
    seconds = seconds_between(time, None)
    return UNKNOWN if seconds is None else visit.t("general.ahead", span=duration(round(-seconds), visit.t))


def in_zone(time: str, timezone: str) -> str:
    """A time of the API as clocks of a zone show it; empty in UTC, in which it is shown anyhow."""
    try:
        return "" if timezone == "UTC" else f"{datetime.fromisoformat(time).astimezone(ZoneInfo(timezone)):%H:%M}"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""


def _took(run: dict[str, Any]) -> float | None:
    """Seconds that a run took, if it has ended."""
    started, finished = run.get("started_at"), run.get("finished_at")
    return seconds_between(started, finished) if started and finished else None
