"""The audit log: who did what, what was refused, and what admins looked at."""

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, with_query
from api.console.visit import ROOT, ConsoleRouter, Visit
from tasks.accounts.audit import Outcome

router = ConsoleRouter()

FIELDS: Final = ("owner", "key", "action", "outcome", "since", "until")
TO_THE_MINUTE: Final = len("2026-11-28T09:30")
"""What a browser's field for a time sends when its seconds are 0; RFC 3339 has them always."""
PAGE: Final = 50


@router.page("/audit")
async def show_audit(visit: Visit) -> Response:
    """The lines that the filters let through, newest first."""
    given = {name: visit.query.get(name, "").strip() for name in FIELDS}
    sent = {name: _whole_time(value) for name, value in given.items()}
    with_reads = visit.query.get("reads") == "true"
    shown = {"reads": True} if with_reads else {}
    query = {**sent, "reads": None if with_reads or sent["outcome"] else False}
    call = ApiCall("GET", "/v1/audit", {**query, "limit": PAGE, "cursor": visit.query.get("cursor")})
    page, older = None, None
    try:
        page = (await visit.api.send(call)).json()
    except ProblemError as error:
        if error.problem["code"] != "forbidden":
            raise
    if page:
        page["lines"] = [{**line, "changes": _changes(line)} for line in page["lines"]]
        if page.get("next"):
            older = ApiCall("GET", f"{ROOT}/audit", {**given, **shown, "cursor": page["next"]}).target
    return visit.show(
        "accounts/audit.html",
        page=page,
        given=given,
        is_filtered=any(given.values()),
        older=older,
        with_reads=with_reads,
        other=with_query(f"{ROOT}/audit", given if with_reads else {**given, "reads": True}),
        outcomes=get_args(Outcome),
        call=call,
    )


def _whole_time(value: str) -> str:
    return f"{value}:00" if len(value) == TO_THE_MINUTE and "T" in value else value


def _changes(line: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
    """Each field that was changed, with its value before and after, as JSON; None where there is none."""
    before, after = line.get("before") or {}, line.get("after") or {}

    def written(values: Mapping[str, Any], name: str) -> str | None:
        return json.dumps(values[name], ensure_ascii=False) if name in values else None

    return [(name, written(before, name), written(after, name)) for name in {**before, **after}]
