"""What an owner has used, by day and kind."""

from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError
from api.console.owner_choice import chosen_owner, known_owners
from api.console.series_charts import DayChart
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()

USED: Final = ("succeeded", "failed", "cancelled", "cpu_seconds")
TOTALS: Final = ("bytes_in", "bytes_out", "jobs", "failed", "cpu_seconds")


@router.page("/usage")
async def show_usage(visit: Visit) -> Response:
    """The days of a month, or of a time that is chosen."""
    owner, owners = chosen_owner(visit, visit.query), await known_owners(visit)
    call = ApiCall("GET", "/v1/usage", {"owner": owner, **{name: visit.query.get(name) for name in ("first", "last")}})
    values: dict[str, Any] = {"owner": owner, "owners": owners, "call": call, "usage": None}
    try:
        usage = (await visit.api.send(call)).json()
    except ProblemError as error:
        if error.problem["code"] != "forbidden":
            raise
        return visit.show("accounts/usage.html", **values)
    days = [{**day, **_sum(day["kinds"])} for day in usage["days"]]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for day in days:
        for kind in day["kinds"]:
            by_kind.setdefault(kind["kind"], []).append(kind)
    kinds = [{"kind": name, **_sum(used)} for name, used in sorted(by_kind.items())]
    total = {
        name: sum(day[name] for day in days) for name in ("bytes_in", "bytes_out", "jobs", "failed", "cpu_seconds")
    }
    chart = DayChart.of(usage, visit.query, visit.t)
    values |= {"usage": usage, "days": days[::-1], "kinds": kinds, "chart": chart, "total": total}
    return visit.show("accounts/usage.html", **values)


def _sum(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """What several lines about kinds come to."""
    found = {name: sum(kind[name] for kind in kinds) for name in USED}
    return {**found, "jobs": found["succeeded"] + found["failed"] + found["cancelled"]}
