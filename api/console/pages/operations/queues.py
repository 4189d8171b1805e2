"""Queues and their lanes: what waits, since when and why, and what starts it again."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import Response

from api.console import troubles
from api.console.calls import ApiCall, at, at_queue
from api.console.forms import count_in
from api.console.series_charts import RANGES, DepthCharts, SeriesCharts, range_of
from api.console.visit import ROOT, ConsoleRouter, Visit
from api.operations.queue_path import AS_QUEUE, QueueRoute
from tasks.queue.redis_keys import APPLICATION

router = ConsoleRouter(route_class=QueueRoute)

PAGE: Final = f"{ROOT}/queues"
LANES_IN_LIST: Final = 5
LANES: Final = 50
OWN_JOBS: Final = 50
NUMBERS: Final = ("concurrency", "max_running")
PRIORITIES: Final = ("high", "normal", "low")

Found = Mapping[str, Any]


@router.page("/queues")
async def show_queues(visit: Visit) -> Response:
    """All queues, each over time and with the lanes that cannot start jobs."""
    found, series = await asyncio.gather(
        visit.api.find("/v1/queues"), visit.api.find("/v1/metrics/series", range=range_of(visit.query))
    )
    if found is None or series is None:
        return await _show_own(visit)
    queues = found["queues"]
    waiting = [queue["name"] for queue in queues if queue["waiting"]]
    pages = await asyncio.gather(*(visit.api.get(at_queue(name, "lanes"), limit=LANES_IN_LIST) for name in waiting))
    return visit.show(
        "queues/page.html",
        queues=queues,
        troubles={queue["name"]: troubles.of_queue(queue, visit.t) for queue in queues},
        lanes={name: _shown(page["lanes"], visit) for name, page in zip(waiting, pages, strict=True)},
        more={name: "next" in page for name, page in zip(waiting, pages, strict=True)},
        depths={queue["name"]: DepthCharts.of(series, queue["name"], visit.t) for queue in queues},
        range=series["range"],
        ranges=RANGES,
        pause_of=pause_call,
        jobs_url=troubles.jobs_url,
    )


@router.page(f"/queues/{AS_QUEUE}")
async def show_queue(visit: Visit) -> Response:
    """A queue over time, and all its lanes."""
    name, cursor = visit.path["queue"], visit.query.get("cursor")
    queue = await visit.api.get(at_queue(name))
    lanes, series = await asyncio.gather(
        visit.api.get(at_queue(name, "lanes"), limit=LANES, cursor=cursor),
        visit.api.get("/v1/metrics/series", range=range_of(visit.query), queue=name),
    )
    return visit.show(
        "queues/queue.html",
        queue=queue,
        trouble=troubles.of_queue(queue, visit.t),
        lanes=_shown(lanes["lanes"], visit),
        cursor=cursor,
        following=lanes.get("next"),
        history=SeriesCharts.of(series, visit.t),
        depth=DepthCharts.of(series, name, visit.t),
        ranges=RANGES,
        pause_of=pause_call,
        # An application says itself how many of its jobs run at once.
        change=None if name.startswith(APPLICATION) else change_call(name, queue),
        deletion=ApiCall("DELETE", at_queue(name)) if "made_at" in queue else None,
        priorities=PRIORITIES,
        jobs_url=troubles.jobs_url,
    )


@router.action("/queues/unpark")
async def unpark_endpoint(visit: Visit) -> Response:
    """Have the deliveries to an endpoint sent now."""
    form = await visit.form()
    query = {"owner": form.get("owner")}
    call = ApiCall("PATCH", at("endpoints", form.get("endpoint", "")), query, {"enabled": True})
    return await visit.act(call, to=PAGE, done="queues.unparked")


@router.action(f"/queues/{AS_QUEUE}/pause")
async def pause_queue(visit: Visit) -> Response:
    """Start no more jobs of a queue."""
    queue, reason = visit.path["queue"], (await visit.form()).get("reason", "").strip()
    return await visit.act(pause_call(queue, reason), to=PAGE, done="queues.paused", queue=queue)


@router.action(f"/queues/{AS_QUEUE}/resume")
async def resume_queue(visit: Visit) -> Response:
    """Start its jobs again."""
    queue = visit.path["queue"]
    call = ApiCall("POST", at_queue(queue, "resume"))
    return await visit.act(call, to=PAGE, done="queues.resumed", queue=queue)


@router.action(f"/queues/{AS_QUEUE}/change")
async def change_queue(visit: Visit) -> Response:
    """Set how many of its jobs run at once, and whether it is served first or last."""
    queue, form = visit.path["queue"], await visit.form()
    set_of_it = {name: form.get(name, "").strip() for name in ("priority", *NUMBERS)}
    back = f"{PAGE}/{quote(queue)}"
    return await visit.act(change_call(queue, set_of_it), to=back, done="queues.changed", queue=queue)


@router.action(f"/queues/{AS_QUEUE}/delete")
async def delete_queue(visit: Visit) -> Response:
    """Delete a queue that was made, and is empty."""
    queue = visit.path["queue"]
    call = ApiCall("DELETE", at_queue(queue))
    return await visit.act(call, to=PAGE, done="queues.deleted", queue=queue)


def change_call(queue: str, values: Mapping[str, Any]) -> ApiCall:
    """The call that sets all of a queue."""
    # What is no number is sent as it is: the API says what is wrong.
    numbers = {name: count_in(str(values[name])) or values[name] for name in NUMBERS if values.get(name)}
    return ApiCall("PUT", at_queue(queue), body={"priority": values.get("priority") or "normal", **numbers})


def pause_call(queue: str, reason: str = "") -> ApiCall:
    """The call that pauses a queue."""
    return ApiCall("POST", at_queue(queue, "pause"), body={"reason": reason} if reason else {})


def _shown(lanes: list[Found], visit: Visit) -> list[tuple[Found, str, str, troubles.Cure | None]]:
    """Each lane with what it is of, its id without that, and what starts it again."""
    shown = []
    for lane in lanes:
        kind, _, subject = lane["name"].partition(":")
        can_start = kind == "endpoint" and lane["state"] == "parked" and lane.get("url")
        cure = troubles.unpark_of(subject, lane.get("owner"), visit.t) if can_start else None
        shown.append((lane, kind, subject, cure))
    return shown


async def _show_own(visit: Visit) -> Response:
    """For those who do not see the queues: their own jobs that wait, and why."""
    jobs = await visit.api.find("/v1/jobs", state="queued", waiting_for=True, counts=True, limit=OWN_JOBS)
    return visit.show(
        "queues/own.html",
        counts=jobs["counts"] if jobs else {},
        found=list(troubles.of_own_jobs(jobs["jobs"], visit.t)) if jobs else [],
        jobs_url=troubles.jobs_url,
    )
