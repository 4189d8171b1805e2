"""A report from its spec to its files: what the sandbox calls."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec

from tasks.progress import Progress
from tasks.report.data.open_source import DatasetFile
from tasks.report.data.rows import ReadOptions, TextCount, open_rows
from tasks.report.formats.cleaning import short
from tasks.report.formats.columns import ReportLocale, locale_of
from tasks.report.formats.dates import date_format
from tasks.report.layout.flow import Flow, Geometry
from tasks.report.layout.pdf_renderer import PdfRenderer, PrintContext
from tasks.report.pdf.encrypt import lock
from tasks.report.pdf.preview import draw_preview
from tasks.report.planner import Planner
from tasks.report.render_job import RenderJob
from tasks.report.spec.structs import PageSpec, ReportSpec

MAX_WARNINGS: Final = 100
"""Warnings that a record keeps; the rest are counted."""
MAX_LIST_BYTES: Final = 100_000
"""Of a record's 256 KiB that the warnings may take as JSON, and of a preflight's that the list of tables may."""
MAX_TITLE_CHARS: Final = 200
"""Of a column, as `preflight` lists it: a dataset's headings may be as long as its cells."""
TYPES: Final = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
}
_SHEETS: Final = {"xlsx", "csv"}


def render_file(job: str, folder: str, *, report: Progress) -> dict[str, Any]:
    """`render` for the job in the JSON file `job`: a job is larger than what may cross to the sandbox in a call."""
    return _with_few_warnings(render(_read(job), folder, report=report))


def preflight_file(job: str, folder: str, *, report: Progress) -> dict[str, Any]:
    """`preflight` for the job in the JSON file `job`."""
    return _with_few_warnings(preflight(_read(job), folder, report=report))


def render(job: RenderJob, folder: str, *, report: Progress) -> dict[str, Any]:
    """Make the files of a report: `report.pdf`, `preview.png`, `report.xlsx`, `report.csv` (`report-2.csv`, …).

    Args:
        job: What is made of what.
        folder: Where the files are put, and whatever is kept on disk meanwhile.
        report: Told of rows read and pages drawn.

    Returns:
        `files`, each with `name`, `path`, `type` and `bytes`, and `width` and `height` of a picture, as far as the spec
        asks for them; `pages` of the PDF, 0 without one; `rows` of all tables; `warnings`, each with `code`, `message`
        and `block`, and `page` if it is known.

    Raises:
        Refusal: With the path of the field that is at fault.
    """
    spec, report_locale = job.spec, locale_of(job.spec.document)
    planner = _planner(job, report_locale, folder, report)
    made: list[dict[str, Any]] = []
    pages = 0
    if "pdf" in spec.formats or spec.preview:
        renderer = _plan(job, planner, report_locale)
        pages = renderer.pages
        made += _write_pdf(spec, renderer, Path(folder), report)
    else:
        planner.open_tables()
    if _SHEETS & set(spec.formats):
        made += map(_described, _write_sheets(spec, planner, Path(folder)))
    return {"files": made, **_facts(planner, pages)}


def preflight(job: RenderJob, folder: str, *, report: Progress) -> dict[str, Any]:
    """What `render` would make: reads the data and plans the pages, but draws nothing.

    Args:
        job: What would be made of what.
        folder: For what is kept on disk meanwhile.
        report: Told of rows read.

    Returns:
        `tables`, each with its `block`, its `rows`, the titles of its `columns` and, if it shows columns that it does
        not name, `guesses` of these; `pages`, `rows` and `warnings` as `render` returns them.

    Raises:
        Refusal: As `render` does.
    """
    report_locale = locale_of(job.spec.document)
    planner = _planner(job, report_locale, folder, report, guess=True)
    renderer = _plan(job, planner, report_locale)
    tables = [
        {
            "block": table.path,
            "rows": table.rows.count,
            "columns": [short(column.title, MAX_TITLE_CHARS) for column in table.rows.columns],
            **({"guesses": list(map(asdict, table.rows.guesses))} if table.rows.guesses else {}),
        }
        for table in planner.tables
    ]
    listed = tables[: _count_within(MAX_LIST_BYTES, tables)]
    if len(listed) < len(tables):
        planner.warnings.add("not_listed", f"{len(tables) - len(listed):,} more tables are not listed in `tables`.")
    return {"tables": listed, **_facts(planner, renderer.pages)}


def _read(job: str) -> RenderJob:
    return msgspec.json.decode(Path(job).read_bytes(), type=RenderJob)


def _with_few_warnings(answer: dict[str, Any]) -> dict[str, Any]:
    warnings = answer["warnings"]
    kept = _count_within(MAX_LIST_BYTES, warnings[:MAX_WARNINGS])
    more = Counter(warning["code"] for warning in warnings[kept:])
    rest = [{"code": code, "message": f"And {count} more of these."} for code, count in more.items()]
    return {**answer, "warnings": [*warnings[:kept], *rest]}


def _count_within(most_bytes: int, items: Sequence[Any]) -> int:
    """How many of the items, from the first on, take no more than `most_bytes` as JSON."""
    ends = list(accumulate(len(json.dumps(item)) for item in items))
    return bisect_right(ends, most_bytes)


def _planner(
    job: RenderJob, report_locale: ReportLocale, folder: str, report: Progress, *, guess: bool = False
) -> Planner:
    datasets = {name: DatasetFile(spec, job.datasets[name]) for name, spec in job.spec.datasets.items()}
    keep_values = bool(_SHEETS & set(job.spec.formats))
    text = TextCount(job.limits.max_report_text_mb)
    options = ReadOptions(datasets, report_locale, job.limits, folder, report, text, keep_values, guess)
    return Planner(job, report_locale, lambda table, warn: open_rows(table, options, warn))


def _plan(job: RenderJob, planner: Planner, report_locale: ReportLocale) -> PdfRenderer:
    document, max_pages = job.spec.document, job.limits.max_report_pages
    geometry = _geometry(document.page)
    flow = Flow(geometry, planner.theme, planner.warn, max_pages)
    cover = document.cover
    logo = planner.picture(cover.logo, "document.cover.logo") if cover and cover.logo else None
    planner.plan(job.spec.blocks, flow, "blocks")
    now = None if document.reproducible else job.now.astimezone(report_locale.zone)
    context = PrintContext(document, planner.theme, geometry, _written(now, report_locale), now, logo)
    return PdfRenderer(context, flow, planner.warnings, max_pages)


def _geometry(page: PageSpec) -> Geometry:
    (width, height), margins = page.points, page.margins
    upright = Geometry(width, height, margins.top, margins.right, margins.bottom, margins.left)
    return upright.turned(page.orientation)


def _written(now: datetime | None, report_locale: ReportLocale) -> str:
    """The date as it is printed: of the day, in words. None in a report that is to be the same tomorrow."""
    return date_format("long", report_locale.locale)(now.date()) if now else ""


def _write_pdf(spec: ReportSpec, renderer: PdfRenderer, folder: Path, report: Progress) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    pdf = folder / "report.pdf"
    renderer.render(str(pdf), report)
    if spec.preview:
        preview = folder / "preview.png"
        width, height = draw_preview(str(pdf), str(preview))
        made.append({**_described(preview), "width": width, "height": height})
    if "pdf" not in spec.formats:
        pdf.unlink()
        return made
    if spec.document.password:
        lock(str(pdf), spec.document.password)
    return [_described(pdf), *made]


def _write_sheets(spec: ReportSpec, planner: Planner, folder: Path) -> list[Path]:
    from tasks.report.spreadsheets.cells import MAX_CHARS  # noqa: PLC0415 - few reports need it
    from tasks.report.spreadsheets.writing import write_sheets  # noqa: PLC0415
    from tasks.report.spreadsheets.xlsx import SheetOptions  # noqa: PLC0415

    def tell_cut(number: int, cut: int) -> None:
        message = f"{cut:,} texts had more than {MAX_CHARS:,} characters and were clipped in the workbook."
        planner.warnings.add("clipped_cells", message, planner.tables[number].path)

    tables = [(table.block.title or spec.document.title, table.rows) for table in planner.tables]
    return write_sheets(spec.formats, tables, folder, SheetOptions(planner.theme, spec.document.page), tell_cut)


def _facts(planner: Planner, pages: int) -> dict[str, Any]:
    rows = sum(table.rows.count for table in planner.tables)
    return {"pages": pages, "rows": rows, "warnings": planner.warnings.as_list()}


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "path": str(path), "type": TYPES[path.suffix], "bytes": path.stat().st_size}
