"""Try it, report from a table: send a file, choose what its columns are, and get a PDF."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, get_args

from fastapi import Response

from api.console.calls import ApiCall, FileCall, ProblemError, at, query_text
from api.console.forms import Form
from api.console.pages.try_it.report import MADE, PLAN, REPORTS, refuse_file, show_report
from api.console.visit import ConsoleRouter, Visit
from api.http.body import chunks_of
from api.http.multipart import Multipart
from tasks.refusal import Refusal
from tasks.report.spec.table import MAX_COLUMNS, CellType

router = ConsoleRouter()

HERE: Final = "/console/try/report/table"
READING_WAIT_S: Final = 5
"""Seconds that the page waits for the columns: most tables take less than one."""
TYPES: Final = get_args(CellType)
TOTALLED: Final = ("integer", "decimal", "money")
OF_COLUMN: Final = re.compile(r"blocks\.\d+\.columns\.(\d+)")
OPTIONS: Final = {"title": "", "lang": "en", "currency": "EUR", "date_format": ""}
"""What the form holds beside the columns."""


@router.action("/try/report/table")
async def send_table(visit: Visit) -> Response:
    """Keep the file of the form as an upload, which its report is made of, and have a job read its columns."""
    kind = visit.request.headers.get("content-type", "")
    try:
        async with aclosing(chunks_of(visit.request)) as chunks:
            name, data = await _file_of(Multipart(chunks, kind))
            kept = await visit.api.send_bytes(ApiCall("POST", "/v1/uploads", {"name": name[:255]}), data)
        upload = kept.json()["id"]
        block = {"type": "table", "dataset": "data", "every_column": True}
        spec = _spec(upload, {**OPTIONS, "title": visit.t("try_report.untitled")}, block)
        reading = await visit.api.send(ApiCall("POST", PLAN, {"wait": 0}, spec))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return refuse_file(visit, error.problem, error.status)
    return await visit.acted(kept, to=f"{HERE}?{query_text({'upload': upload, 'job': reading.json()['id']})}")


@router.page("/try/report/table")
async def show_table(visit: Visit) -> Response:
    """The columns that the job has found in an upload, with the types that they may have; without the two, where a
    table is sent."""
    if not visit.query.get("upload") or not visit.query.get("job"):
        return await show_report(visit)
    upload, job = await asyncio.gather(
        visit.api.get(at("uploads", visit.query["upload"])),
        visit.api.get(at("jobs", visit.query["job"]), wait=READING_WAIT_S),
    )
    title = (upload.get("name") or visit.t("try_report.untitled")).rpartition(".")[0] or upload["name"]
    options = {**OPTIONS, "title": title[:200]}
    if job["state"] not in ("succeeded", "failed", "cancelled"):
        return _page(visit, upload["id"], options, (), reading=True)
    tables = (job.get("result") or {}).get("tables")
    if not tables:  # or it is another kind of job, whose id has been typed
        error = job.get("error") or {"message": visit.t("try_report.not_read")}
        problem = {"detail": error["message"], "field": error.get("field")}
        return _page(visit, upload["id"], options, (), problem=problem)
    columns = [{**one, "show": True, "total": one["type"] == "money"} for one in tables[0].get("guesses") or ()]
    return _page(visit, upload["id"], options, columns, rows=tables[0]["rows"])


@router.action("/try/report/columns")
async def make_report(visit: Visit) -> Response:
    """Make the report of a table, or say which cell does not fit."""
    form = await visit.form()
    upload, columns = form.get("upload", ""), columns_of(form)
    options = {name: form.get(name, "").strip() or start for name, start in OPTIONS.items()}
    spec = spec_of(upload, options, columns)
    try:
        await visit.api.send(ApiCall("POST", PLAN, body=spec))
        answer = await visit.api.send(ApiCall("POST", REPORTS, body=spec))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return _page(visit, upload, options, columns, problem=error.problem, status=error.status)
    return await visit.acted(answer, to=f"{MADE}?job={answer.json()['id']}")


def columns_of(form: Form) -> list[dict[str, Any]]:
    """The columns as they were chosen: `field`, `type`, whether to `show` and to `total` it, and `examples`."""
    fields = form.getlist("field")[:MAX_COLUMNS]
    return [
        {
            "field": field,
            "type": kind if (kind := form.get(f"type.{index}", "text")) in TYPES else "text",
            "show": f"show.{index}" in form,
            "total": f"total.{index}" in form,
            "examples": form.getlist(f"example.{index}"),
        }
        for index, field in enumerate(fields)
    ]


def spec_of(upload: str, options: Mapping[str, str], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The report of an upload with the columns that are shown."""
    shown = [
        {"field": one["field"], "type": one["type"], **({"total": "sum"} if _is_totalled(one) else {})}
        for one in columns
        if one["show"]
    ]
    block = {"type": "table", "dataset": "data", "columns": shown, "overflow": "landscape"}
    return {**_spec(upload, options, block), "formats": ["pdf", "xlsx"], "preview": True}


def _is_totalled(column: Mapping[str, Any]) -> bool:
    return column["total"] and column["type"] in TOTALLED


def _spec(upload: str, options: Mapping[str, str], table: Mapping[str, Any]) -> dict[str, Any]:
    dataset = {"upload": upload, "format": "auto"}
    dataset |= {"date_format": options["date_format"]} if options["date_format"] else {}
    return {
        "document": {name: options[name] for name in ("title", "lang", "currency") if options[name]},
        "datasets": {"data": dataset},
        "blocks": [{"type": "heading", "text": options["title"]}, table],
    }


async def _file_of(form: Multipart) -> tuple[str, AsyncIterator[bytes]]:
    """The first file of a form. Raises: Refusal `no_file`."""
    while (part := await form.next_part()) is not None:
        if part.filename:
            return part.filename, form.data()
    raise Refusal("no_file", "The form has no file. Choose a CSV or an Excel file.", field="file")


def _page(
    visit: Visit,
    upload: str,
    options: Mapping[str, str],
    columns: Sequence[Mapping[str, Any]],
    *,
    rows: int | None = None,
    reading: bool = False,
    problem: Any = None,
    status: int = 200,
) -> Response:
    found = OF_COLUMN.match((problem or {}).get("field") or "")
    shown = [one["field"] for one in columns if one["show"]]
    return visit.show(
        "try/table.html",
        status=status,
        tab="report",
        upload=upload,
        options=options,
        columns=columns,
        rows=rows,
        reading=reading,
        problem=problem,
        wrong=shown[int(found[1])] if found and int(found[1]) < len(shown) else None,
        types=TYPES,
        calls=[
            FileCall("/v1/uploads", ["table.csv"], is_form=False),
            *([ApiCall("POST", REPORTS, body=spec_of(upload, options, columns))] if columns else []),
        ],
    )
