"""Try it, report: begin with an example, see what is wrong with it, and get a PDF."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, at
from api.console.formats import A4_PX, shown_size
from api.console.forms import json_in
from api.console.report_samples import SAMPLES
from api.console.visit import ConsoleRouter, Visit
from api.reports.json_places import lines_of

router = ConsoleRouter()

REPORTS: Final = "/v1/reports"
PLAN: Final = f"{REPORTS}/validation"
MADE: Final = "/console/try/report/made"
START: Final = "figures"
PAGE_PX: Final = 704
"""Of the longer side of the first page."""


@router.page("/try/report")
async def show_report(visit: Visit) -> Response:
    """Where a report is written, or a table is sent."""
    name = visit.query.get("example", START)
    sample = name if name in SAMPLES else START
    return _page(visit, json.dumps(SAMPLES[sample], indent=2, ensure_ascii=False), sample=sample)


@router.action("/try/report")
async def send_report(visit: Visit) -> Response:
    """Make the report of the form, or only say what it would be."""
    form = await visit.form()
    text, sample = form.get("spec", ""), form.get("example", "")
    fault, spec = "", None
    try:
        spec = json_in(text)
    except ValueError as error:
        fault = str(error)
    if not isinstance(spec, dict):
        detail = visit.t("try_report.no_json", problem=fault or visit.t("try_report.no_object"))
        return _page(visit, text, sample=sample, problem={"detail": detail, "code": "invalid_request"}, status=422)
    try:
        if form.get("do") == "validate":
            answer = await visit.api.send(ApiCall("POST", PLAN, body=spec))
            return _page(visit, text, sample=sample, plan=answer.json() if answer.status == 200 else None)
        answer = await visit.api.send(ApiCall("POST", REPORTS, body={**spec, "preview": True}))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return _page(visit, text, sample=sample, problem=error.problem, status=error.status)
    return await visit.acted(answer, to=f"{MADE}?job={answer.json()['id']}")


@router.page("/try/report/made")
async def show_made(visit: Visit) -> Response:
    """What became of a report; without one, where it is written."""
    if not visit.query.get("job"):
        return await show_report(visit)
    job = await visit.api.get(at("jobs", visit.query["job"]))
    files = {file["name"]: file for file in job["files"]}
    preview = files.pop("preview.png", None)
    return visit.show(
        "try/report_made.html",
        tab="report",
        job=job,
        running=job["state"] not in ("succeeded", "failed", "cancelled"),
        preview=preview,
        size=shown_size(preview["about"], width=PAGE_PX, height=PAGE_PX, unknown=A4_PX) if preview else None,
        files=list(files.values()),
        result=job.get("result") or {},
        calls=[
            ApiCall("GET", at("jobs", job["id"]), {"wait": 10}),
            *(ApiCall("GET", at("jobs", job["id"], "files", name)) for name in files),
        ],
    )


def refuse_file(visit: Visit, problem: Mapping[str, Any], status: int) -> Response:
    """The page, with what is wrong with a file that was sent.

    Args:
        visit: The visit.
        problem: As the API has it.
        status: Of HTTP.
    """
    text = json.dumps(SAMPLES[START], indent=2, ensure_ascii=False)
    return _page(visit, text, sample=START, file_problem=problem, status=status)


def _page(
    visit: Visit,
    text: str,
    *,
    file_problem: Any = None,
    sample: str = "",
    plan: Any = None,
    problem: Any = None,
    status: int = 200,
) -> Response:
    try:
        call = ApiCall("POST", REPORTS, body=json_in(text))
    except ValueError:
        call = None
    return visit.show(
        "try/report.html",
        status=status,
        tab="report",
        text=text,
        sample=sample,
        samples=list(SAMPLES),
        plan=plan,
        problem=problem,
        file_problem=file_problem,
        lines=lines_of(text, problem),
        forbidden="reports" not in visit.access.scopes,
        call=call,
        max_bytes=visit.context.settings.max_dataset_bytes,
    )
