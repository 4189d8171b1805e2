"""One job: what became of it and why, what it has made, and what one can do with it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, Query, at
from api.console.formats import exact
from api.console.pages.jobs.again import advice_of
from api.console.pages.jobs.filters import LIST, JobFilterForm
from api.console.pages.jobs.list import call_of
from api.console.pages.jobs.listed import reasons_of, rows_of, share_of, tries_of
from api.console.pages.jobs.outputs import folded, outputs_of
from api.console.pages.jobs.story import attempts_of, phases_of, steps_of
from api.console.pages.jobs.workflow_graph import graph_of
from api.console.visit import ConsoleRouter, Notice, Visit
from tasks.webhook.events import ONE_OFF

router = ConsoleRouter()

PARENTS: Final = 4
"""Jobs that it comes after whose states are shown; each is a round trip or two."""
CHILDREN: Final = 25
"""Deliveries of an event, or jobs of a batch, that are shown; the list of jobs has all."""
GONE: Final = (404, 410)
OF_REPORTS: Final = ("report", "validation")
WAITING: Final = ("scheduled", "queued", "retrying")
LEFT_OUT: Final = (403, 404, 410)
"""Statuses with which a part of the page is left out: the key lacks its scope, or it is no longer there."""


@router.page("/jobs/{id}")
async def show_job(visit: Visit) -> Response:
    """A job, by its id."""
    job_id = visit.path["id"]
    try:
        answer = await visit.api.send(ApiCall("GET", at("jobs", job_id)))
    except ProblemError as error:
        if error.status not in GONE:
            raise
        return visit.show("job/gone.html", status=error.status, id=job_id, problem=error.problem)
    job = answer.json()
    related = await _related(visit, job)
    attempts = attempts_of(job, related["delivery"], visit.t)
    advice = advice_of((job.get("error") or {}).get("code"), visit.t)
    workflow = related["workflow"] or {"links": {}, "steps": ()}
    job["links"] |= {name: url for name, url in workflow["links"].items() if name == "retry"}
    calls = _calls(job, of_owner(visit, job), may_retry=not advice)
    label = visit.t("job_page.workflow_about", count=exact(len(workflow["steps"])))
    return visit.show(
        "job/page.html",
        job=job,
        name=job.get("name") or job["id"],
        steps=steps_of(job),
        reasons=reasons_of(job, visit.t),
        share=share_of(job),
        tries=tries_of(job),
        attempts=attempts,
        exchange=await _exchange(visit, job, attempts),
        outputs=outputs_of(job),
        parts=folded(answer),
        calls=calls,
        advice=advice,
        done=_bulk_result(job, visit),
        owner_query=of_owner(visit, job),
        list_url=JobFilterForm(of_owner(visit, job)).url,
        came_from=_came_from(visit, job),
        graph=graph_of(workflow["steps"], label, lambda state: visit.t(f"general.{state}"))
        if workflow["steps"]
        else None,
        **related,
    )


@router.page("/jobs/{id}/attempts/{number}")
async def show_attempt(visit: Visit) -> Response:
    """What a failed attempt at a delivery has sent, and what came back."""
    job = await visit.api.get(at("jobs", visit.path["id"]))
    path = at("deliveries", job["id"], "attempts", visit.path["number"], "exchange")
    exchange = await visit.api.get(path, **of_owner(visit, job))
    timing = phases_of(exchange["attempt"].get("timing") or {})
    call = ApiCall("GET", path, of_owner(visit, job))
    return visit.show("job/attempt.html", job=job, exchange=exchange, phases=timing, call=call)


@router.page("/jobs/{id}/raw")
async def show_raw(visit: Visit) -> Response:
    """The job as the API answers it."""
    return await visit.api.forwarded(at("jobs", visit.path["id"]))


@router.page("/jobs/{id}/files/{name}")
async def send_file(visit: Visit) -> Response:
    """A file of a job, from here whatever the storage: a page may load nothing from another site."""
    return await visit.api.forwarded(at("jobs", visit.path["id"], "files", visit.path["name"]), {"redirect": False})


@router.page("/jobs/{id}/original")
async def send_original(visit: Visit) -> Response:
    """The picture that the job was given; never shown here, since workers may have died of it."""
    job = await visit.api.get(at("jobs", visit.path["id"]))
    return await visit.api.forwarded(at("jobs", job["id"], "original"), of_owner(visit, job))


@router.action("/jobs/{id}/retry")
async def retry_job(visit: Visit) -> Response:
    """Run it again; of a delivery, send it again."""
    job = await visit.api.get(at("jobs", visit.path["id"]))
    return await visit.act(_retry_of(job, of_owner(visit, job)), to=_place(visit), done="job_page.retried")


@router.action("/jobs/{id}/run-now")
async def run_job_now(visit: Visit) -> Response:
    """Let a scheduled job run now."""
    return await visit.act(_change(visit.path["id"], delay=0), to=_place(visit), done="job_page.runs_now")


@router.action("/jobs/{id}/priority")
async def change_priority(visit: Visit) -> Response:
    """Let it go before or behind the owner's other jobs."""
    call = _change(visit.path["id"], priority=(await visit.form()).get("priority"))
    return await visit.act(call, to=_place(visit), done="job_page.priority_changed")


@router.action("/jobs/{id}/cancel")
async def cancel_job(visit: Visit) -> Response:
    """Cancel it."""
    return await visit.act(call_of("cancel", visit.path["id"]), to=_place(visit), done="job_page.cancelled_it")


@router.action("/jobs/{id}/delete")
async def delete_job(visit: Visit) -> Response:
    """Delete it, and go where the others are."""
    form = await visit.form()
    await visit.api.send(call_of("delete", visit.path["id"]))
    to = JobFilterForm.of_text(form.get("list", "")).url()
    return visit.go(to, Notice("done", visit.t("job_page.deleted_it", id=visit.path["id"][:8])))


def of_owner(visit: Visit, job: Mapping[str, Any]) -> dict[str, str]:
    """The query that an admin's call needs for what is another owner's."""
    return {} if job["owner"] == visit.access.owner else {"owner": job["owner"]}


def _came_from(visit: Visit, job: Mapping[str, Any]) -> JobFilterForm:
    """The list from which the job was reached; that of its owner if its URL names none."""
    asked = JobFilterForm.of_text(visit.query.get("list", ""))
    return asked if asked.given else JobFilterForm(of_owner(visit, job))


def _place(visit: Visit) -> str:
    return f"{LIST}/{visit.path['id']}"


def _bulk_result(job: Mapping[str, Any], visit: Visit) -> str:
    """What a job that changes others has done, in words; empty for other jobs."""
    if job["kind"] != "bulk" or job["state"] != "succeeded" or job["params"].get("dry_run"):
        return ""
    changed = (job.get("result") or {}).get("changed", 0)
    return visit.t(f"job_page.bulk_{job['params']['verb']}", count=exact(changed))


def _retry_of(job: Mapping[str, Any], query: Query) -> ApiCall:
    if job["kind"] == "delivery":
        return ApiCall("POST", at("deliveries", job["id"], "redelivery"), query)
    if job["kind"] == "batch":
        return ApiCall("POST", at("workflows", job["id"], "retry"), query)
    return call_of("retry", job["id"])


def _change(job_id: str, **changes: Any) -> ApiCall:
    return ApiCall("PATCH", at("jobs", job_id), body=changes)


def _calls(job: Mapping[str, Any], query: Query, *, may_retry: bool) -> dict[str, ApiCall]:
    """What one can do with it now: the name of a form, and its call. may_retry: whether that may help."""
    job_id, has_ended = job["id"], "finished_at" in job
    calls = {"get": ApiCall("GET", at("jobs", job_id))}
    is_sent_again = job["kind"] == "delivery" and (has_ended or job["state"] == "retrying")
    if may_retry and (is_sent_again or "retry" in job["links"]):
        calls["retry"] = _retry_of(job, query)
    if job["state"] in WAITING and job["kind"] != "delivery":
        if job["state"] == "scheduled":
            calls["run_now"] = _change(job_id, delay=0)
        calls["priority"] = _change(job_id, priority="high" if job["priority"] != "high" else "normal")
    if "cancellation" in job["links"]:
        calls["cancel"] = call_of("cancel", job_id)
    if has_ended:
        calls["delete"] = call_of("delete", job_id)
    if (job["params"].get("upload") or {}).get("bytes") and job["state"] != "succeeded":
        calls["original"] = ApiCall("GET", at("jobs", job_id, "original"), query)
    if job["files"]:
        calls["file"] = ApiCall("GET", at("jobs", job_id, "files", job["files"][0]["name"]))
    return calls


async def _related(visit: Visit, job: Mapping[str, Any]) -> dict[str, Any]:
    """What else the page shows: the delivery, an event's deliveries, a batch's jobs, and the jobs before it."""
    query: dict[str, Any] = of_owner(visit, job)
    wanted: dict[str, tuple[str, dict[str, Any]]] = {}
    if job["kind"] == "delivery":
        wanted["delivery"] = (at("deliveries", job["id"]), query)
        if job["params"]["endpoint"] != ONE_OFF:
            wanted["endpoint"] = (at("endpoints", job["params"]["endpoint"]), query)
    if job["kind"] == "event":
        wanted["deliveries"] = ("/v1/deliveries", {**query, "event": job["id"], "limit": CHILDREN})
    if job["kind"] == "batch" and job["params"].get("steps"):
        wanted["workflow"] = (at("workflows", job["id"]), query)
    elif job["kind"] == "batch":
        wanted["children"] = ("/v1/jobs", {**query, "batch": job["id"], "limit": CHILDREN, "waiting_for": True})
    if job["kind"] in OF_REPORTS and job.get("error"):
        wanted["context"] = (at("jobs", job["id"], "error-context"), query)
    before: dict[str, tuple[str, dict[str, Any]]] = {
        parent: (at("jobs", parent), {}) for parent in (job.get("after") or ())[:PARENTS]
    }
    asked = {**wanted, **before}
    answers = await asyncio.gather(*(_part(visit, path, query) for path, query in asked.values()))
    found = dict(zip(asked, answers, strict=True))
    children = (found.get("children") or {}).get("jobs", ())
    return {
        "excerpts": (found.get("context") or {}).get("excerpts", ()),
        "delivery": found.get("delivery"),
        "endpoint": found.get("endpoint"),
        "deliveries": (found.get("deliveries") or {}).get("deliveries"),
        "children": rows_of(visit, children),
        "workflow": found.get("workflow"),
        "parents": {parent: found.get(parent) for parent in job.get("after") or ()},
    }


async def _exchange(visit: Visit, job: Mapping[str, Any], attempts: list[dict[str, Any]]) -> Any:
    """What the newest attempt of which that is kept has sent and received."""
    newest = next((one for one in attempts if one["has_exchange"]), None)
    if newest is None:
        return None
    path = at("deliveries", job["id"], "attempts", str(newest["number"]), "exchange")
    return await _part(visit, path, of_owner(visit, job))


async def _part(visit: Visit, path: str, query: Mapping[str, Any]) -> Any:
    """A part of the page; None if it is not to be seen."""
    try:
        return await visit.api.get(path, **query)
    except ProblemError as error:
        if error.status not in LEFT_OUT:
            raise
        return None
