"""What runs, what is stuck and why: the first page."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import Response

from api.console import troubles
from api.console.calls import ApiCall, ProblemError, at
from api.console.forms import count_in
from api.console.series_charts import RANGES, DayChart, SeriesCharts, range_of
from api.console.troubles import Trouble
from api.console.visit import ROOT, ConsoleRouter, Notice, Visit

router = ConsoleRouter()

WALKED: Final = 250
"""Failed jobs that this page looks at."""
CAUSES: Final = 5
LANES: Final = 50
ENDPOINTS: Final = 50
OWN_JOBS: Final = 50

Found = Mapping[str, Any]


@router.page("")
async def show_overview(visit: Visit) -> Response:
    """The state of everything that the visitor may see."""
    api, everyone = visit.api, "*" if visit.access.is_admin else None
    (alerts, queues, workers, lanes, series), (jobs, failures, checks, endpoints, days) = await asyncio.gather(
        asyncio.gather(
            api.find("/v1/alerts"),
            api.find("/v1/queues"),
            api.find("/v1/workers"),
            api.find("/v1/queues/webhooks/lanes", limit=LANES),
            api.find("/v1/metrics/series", range=range_of(visit.query)),
        ),
        asyncio.gather(
            _jobs(visit),
            api.find("/v1/failures", walk=WALKED, owner=everyone),
            _checks(visit),
            _own_endpoints(visit),
            _own_days(visit),
        ),
    )
    counts: dict[str, int] = jobs["counts"] if jobs else {}
    found = list(_stuck(visit, alerts, queues, workers, lanes, failures, counts))
    found += troubles.of_endpoints(endpoints, visit.t)
    if jobs and queues is None:
        found += troubles.of_own_jobs(jobs["jobs"], visit.t)
    return visit.show(
        "overview/page.html",
        troubles=troubles.once_each(found),
        is_new=jobs is not None and not any(counts.values()),
        counts=counts,
        owner=everyone,
        queues=queues["queues"] if queues else None,
        workers=workers["workers"] if workers else None,
        alerts=alerts["alerts"] if alerts else None,
        held=sum(lane["waiting"] for lane in lanes["lanes"] if lane["state"] == "parked") if lanes else 0,
        checks=checks,
        full_percent=visit.context.settings.redis_full_percent,
        history=SeriesCharts.of(series, visit.t) if series else None,
        days=DayChart.of(days, {}, visit.t) if days and days["days"] else None,
        ranges=RANGES,
        causes=failures["groups"][:CAUSES] if failures else None,
        is_cut=bool(failures) and failures["at_least"],
        criteria_of=troubles.criteria_of,
        jobs_url=troubles.jobs_url,
    )


@router.action("/cures/ended")
async def delete_ended(visit: Visit) -> Response:
    """Make room in Redis: delete the succeeded jobs of all owners."""
    expect = count_in((await visit.form()).get("expect", ""))
    body = {"state": "succeeded", "owner": "*", "expect": expect}
    answer = await visit.api.send(ApiCall("POST", at("jobs", "deletion"), body=body))
    place = f"{ROOT}/jobs/{answer.json()['id']}"
    return visit.go(place, Notice("done", visit.t("troubles.deleting"), place))


def _stuck(
    visit: Visit,
    alerts: Found | None,
    queues: Found | None,
    workers: Found | None,
    lanes: Found | None,
    failures: Found | None,
    counts: Mapping[str, int],
) -> Iterator[Trouble]:
    """What the API says that is stuck; what says most of a thing comes first."""
    t, everyone = visit.t, "*" if visit.access.is_admin else None
    listed = queues["queues"] if queues else []
    yield from troubles.of_queues(listed, t)
    yield from troubles.of_workers(workers["workers"] if workers else [], listed, t)
    yield from troubles.of_poison(failures, everyone, t) if failures else ()
    yield from troubles.of_lanes(lanes["lanes"] if lanes else [], t)
    yield from troubles.of_alerts(alerts["alerts"] if alerts else [], counts.get("succeeded", 0), t)


async def _jobs(visit: Visit) -> Found | None:
    """How many jobs there are in each state; with those of an owner that wait, and why."""
    if visit.access.is_admin:
        # Of this list only the counts are shown, which are of all states: one of which there are few is quick.
        return await visit.api.find("/v1/jobs", counts=True, limit=1, state="cancelled", owner="*")
    return await visit.api.find("/v1/jobs", counts=True, limit=OWN_JOBS, state="queued", waiting_for=True)


async def _own_endpoints(visit: Visit) -> list[Found]:
    """An owner's endpoints. Admins see those of all owners as lanes."""
    if visit.access.is_admin:
        return []
    found = await visit.api.find("/v1/endpoints", health=True, limit=ENDPOINTS)
    return found["endpoints"] if found else []


async def _own_days(visit: Visit) -> Found | None:
    """What an owner's jobs came to, by day. Admins see those of all owners, by minutes."""
    return None if visit.access.is_admin else await visit.api.find("/v1/usage")


async def _checks(visit: Visit) -> dict[str, Found]:
    """What the service says of Redis, the storage and the workers, by name."""
    try:
        found = await visit.api.get("/readyz")
    except ProblemError as error:
        found = error.problem
    return {check["name"]: check for check in found.get("checks", ())}
