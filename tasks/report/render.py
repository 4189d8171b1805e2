"""A report from its spec: what the sandbox calls. Everything that it is told comes in a plain dict, and files by path.

A job: `spec`, the dump of a `Spec`; `datasets`, name -> path; `images`, key of a `FileRef` -> path; `limits`, by the
names of the settings; `now`, ISO 8601.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tasks.progress import Progress
from tasks.report.data.expand_columns import expand_columns
from tasks.report.data.rows import open_rows
from tasks.report.formats.columns import ReportLocale, locale_of
from tasks.report.formats.dates import date_format
from tasks.report.layout.flow import Flow, Geometry
from tasks.report.layout.pdf_renderer import PdfRenderer, PrintContext
from tasks.report.pdf.encrypt import lock
from tasks.report.pdf.preview import draw_preview
from tasks.report.planner import Planner
from tasks.report.spec.paper import PAGE_SIZES

TYPES: Final = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
}
Job = dict[str, Any]


def render(job: Job, folder: str, *, report: Progress) -> dict[str, Any]:
    """Make the files of a job in `folder`: `report.pdf`, `preview.png`, `report.xlsx`, `report.csv` (`report-2.csv`,
    …), as far as the spec asks for them.

    Returns `files`, each with `name`, `path`, `type` and `bytes`; `pages` of the PDF, 0 without one; `rows` of all
    tables; `warnings`, each with `code`, `message` and `block`. Raises: `Refusal` with the path of the field that is at
    fault.
    """
    spec = job["spec"]
    report_locale = locale_of(spec["document"])
    planner = _planner(job, folder, report)
    made: list[Path] = []
    pages = 0
    if "pdf" in spec["formats"] or spec["preview"]:
        renderer = _plan(job, planner, report_locale)
        pages = renderer.pages
        made += _write_pdf(spec, renderer, Path(folder), report)
    else:
        planner.open_tables()
    if {"xlsx", "csv"} & set(spec["formats"]):
        made += _write_sheets(spec, planner, Path(folder))
    return {"files": [_described(path) for path in made], **_facts(planner, pages)}


def preflight(job: Job, folder: str, *, report: Progress) -> dict[str, Any]:
    """What `render` would make: reads the data and plans the pages, but draws nothing.

    Returns `tables`, each with its `block`, its `rows` and what its `columns` are called; `pages`, `rows` and
    `warnings` as `render` does. Raises: `Refusal` as `render` does.
    """
    planner = _planner(job, folder, report)
    renderer = _plan(job, planner, locale_of(job["spec"]["document"]))
    tables = [
        {"block": place, "rows": rows.count, "columns": [column.title for column in rows.columns]}
        for place, _, rows in planner.tables
    ]
    return {"tables": tables, **_facts(planner, renderer.pages)}


def _planner(job: Job, folder: str, report: Progress) -> Planner:
    spec, limits = job["spec"], job["limits"]
    datasets = {name: {**dataset, "path": job["datasets"][name]} for name, dataset in spec["datasets"].items()}
    keep_values = bool({"xlsx", "csv"} & set(spec["formats"]))

    def rows_of(block: dict[str, Any], warn: Callable[[str, str], None]) -> Any:
        expand_columns(block, datasets, folder, warn)
        return open_rows(block, datasets, spec["document"], limits, folder, warn, report, keep_values=keep_values)

    return Planner(job, rows_of)


def _plan(job: Job, planner: Planner, report_locale: ReportLocale) -> PdfRenderer:
    document, max_pages = job["spec"]["document"], job["limits"]["max_report_pages"]
    geometry = _geometry(document["page"])
    flow = Flow(geometry, planner.theme, planner.warn, max_pages)
    cover = document["cover"]
    logo = planner.picture(cover["logo"], "document.cover.logo") if cover and cover["logo"] else None
    planner.plan(job["spec"]["blocks"], flow, "blocks")
    now = None if document["reproducible"] else datetime.fromisoformat(job["now"]).astimezone(report_locale.zone)
    context = PrintContext(document, planner.theme, geometry, _written(now, report_locale), now, logo)
    return PdfRenderer(context, flow, planner.warn, max_pages)


def _geometry(page: dict[str, Any]) -> Geometry:
    size, margins = page["size"], page["margins"]
    width, height = PAGE_SIZES[size] if isinstance(size, str) else size
    return Geometry(width, height, **margins).turned(page["orientation"])


def _written(now: datetime | None, report_locale: ReportLocale) -> str:
    """The date as it is printed: of the day, in words. None in a report that is to be the same tomorrow."""
    return date_format("long", report_locale.locale)(now.date()) if now else ""


def _write_pdf(spec: dict[str, Any], renderer: PdfRenderer, folder: Path, report: Progress) -> list[Path]:
    made: list[Path] = []
    pdf = folder / "report.pdf"
    renderer.render(str(pdf), report)
    if spec["preview"]:
        preview = folder / "preview.png"
        draw_preview(str(pdf), str(preview))
        made.append(preview)
    if "pdf" not in spec["formats"]:
        pdf.unlink()
        return made
    if spec["document"]["password"]:
        lock(str(pdf), spec["document"]["password"])
    return [pdf, *made]


def _write_sheets(spec: dict[str, Any], planner: Planner, folder: Path) -> list[Path]:
    from tasks.report.spreadsheets.writing import write_sheets  # noqa: PLC0415 - few reports need it

    return write_sheets(spec, planner.tables, folder)


def _facts(planner: Planner, pages: int) -> dict[str, Any]:
    rows = sum(rows.count for _, _, rows in planner.tables)
    return {"pages": pages, "rows": rows, "warnings": planner.warnings}


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "path": str(path), "type": TYPES[path.suffix], "bytes": path.stat().st_size}
