"""A report as a whole: what it costs, and what its answer tells."""

import gc
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from tasks.refusal import Refusal
from tasks.report import render
from tasks.report.render_job import RenderJob
from tests.support.report.rendering import LOREM, RenderedReport, heading, job, render_report, silent, text

ROWS = [
    {"region": f"Region {number}", "orders": number * 1_000, "revenue": f"{number}234.50"} for number in range(1, 10)
]
TABLE = {
    "type": "table",
    "title": "Regions",
    "columns": [
        {"field": "region"},
        {"field": "orders", "type": "integer", "total": "sum"},
        {"field": "revenue", "type": "money", "total": "sum"},
    ],
    "rows": ROWS,
}
CHART = {
    "type": "chart",
    "kind": "bar",
    "categories": ["Jul", "Aug", "Sep"],
    "series": [{"name": "2025", "values": [1.1, 1.2, 1.3]}, {"name": "2026", "values": [1.2, None, 1.4]}],
}
KPIS = {
    "type": "kpis",
    "items": [{"label": "Revenue", "value": "€ 1,000", "change": "+1 %", "trend": "up", "good": True}],
}
ONE_PAGE: list[dict[str, Any]] = [heading("Summary"), text(LOREM * 5), KPIS, TABLE, CHART]
BARE = {"header": None, "footer": None}
WARM_CPU_S = 0.05
"""Of a page with text, figures, a table and a chart; a tenth of it is usual."""
GROWTH_BYTES = 2 * 1024 * 1024


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_page_with_a_table_and_a_chart_is_quick_and_a_hundred_leave_the_memory_flat(
    tmp_path: Path,
) -> None:
    wanted = job(ONE_PAGE)
    for _ in range(20):
        RenderedReport(tmp_path, wanted)
    gc.collect()
    before, start = resident_bytes(), time.process_time()
    for _ in range(100):
        answer = RenderedReport(tmp_path, wanted).answer
    assert (time.process_time() - start) / 100 < WARM_CPU_S
    gc.collect()
    assert resident_bytes() - before < GROWTH_BYTES
    assert (answer["pages"], answer["rows"], answer["warnings"]) == (1, 9, [])


def test_a_look_tells_what_printing_would_give_and_writes_nothing_that_stays(tmp_path: Path) -> None:
    blocks = [*ONE_PAGE, text(LOREM * 200), text([{"text": "x", "link": "#nowhere"}])]
    wanted = job(blocks, document={"toc": {}, "cover": {}}, formats=["pdf", "xlsx", "csv"])
    looked = render.preflight(wanted, str(tmp_path), report=silent)
    assert not {path.name for path in tmp_path.iterdir()} & {"report.pdf", "report.xlsx", "report.csv"}
    printed = render.render(wanted, str(tmp_path), report=silent)
    assert {name: looked[name] for name in ("pages", "rows", "warnings")} == {
        name: printed[name] for name in ("pages", "rows", "warnings")
    }
    assert looked["tables"] == [{"block": "blocks.3", "rows": 9, "columns": ["region", "orders", "revenue"]}]
    assert [Path(file["path"]).name for file in printed["files"]] == ["report.pdf", "report.xlsx", "report.csv"]


def test_formats_that_are_not_asked_for_are_not_made(tmp_path: Path) -> None:
    made = render.render(job(ONE_PAGE, formats=["csv"], preview=True), str(tmp_path), report=silent)
    assert [file["name"] for file in made["files"]] == ["preview.png", "report.csv"]
    assert not (tmp_path / "report.pdf").exists()


def test_progress_counts_the_pages(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    blocks = [*ONE_PAGE, text(LOREM * 200)]
    made = render.render(job(blocks), str(tmp_path), report=lambda *said: told.append(said))
    assert told[-1] == (made["pages"], made["pages"], "pages drawn")


def test_a_refusal_names_the_field_in_the_block_however_deep(tmp_path: Path) -> None:
    bad = {**TABLE, "rows": [{"region": "x", "orders": "many", "revenue": "1"}]}
    section = {
        "type": "section",
        "orientation": "landscape",
        "blocks": [text("x"), {"type": "columns", "columns": [[bad]]}],
    }
    with pytest.raises(Refusal) as caught:
        render_report(tmp_path, [text("x"), section])
    assert caught.value.code == "invalid_cell"
    assert (caught.value.field or "").startswith("blocks.1.blocks.1.columns.0.0.")


def test_more_pages_than_the_limit_are_refused_before_any_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        render_report(tmp_path, [text(LOREM * 250)], limits={"max_report_pages": 2})
    assert (caught.value.code, caught.value.limit) == ("too_many_pages", 2)
    assert not (tmp_path / "report.pdf").exists()


def test_an_unknown_time_zone_is_the_documents_fault(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        render_report(tmp_path, [text("x")], document={"timezone": "Mars/Olympus"})
    assert (caught.value.code, caught.value.field) == ("unknown_timezone", "document.timezone")


def test_the_limit_of_text_is_for_all_tables_together_and_names_the_one_that_exceeds_it(tmp_path: Path) -> None:
    rows = [{"a": "x" * 1_000} for _ in range(600)]
    block = {"type": "table", "columns": [{"field": "a"}], "rows": rows}
    render_report(tmp_path, [block], limits={"max_report_text_mb": 1})
    with pytest.raises(Refusal, match="MAX_REPORT_TEXT_MB") as caught:
        render_report(tmp_path, [block, block], limits={"max_report_text_mb": 1})
    assert (caught.value.code, caught.value.field, caught.value.limit) == ("too_much_text", "blocks.1", 1)


@pytest.mark.parametrize(("letter", "size"), [("x", 1), ("ж", 2), ("漢", 3), ("😀", 4)])
def test_printed_text_counts_in_bytes(tmp_path: Path, letter: str, size: int) -> None:
    """Chinese takes three to nine times as long to draw as Latin text of as many characters."""
    most = 1_000_000 // size
    rows = [{"a": letter * (most // 500)} for _ in range(500)]
    block = {"type": "table", "columns": [{"field": "a"}], "rows": rows}
    limits = {"max_report_text_mb": 1}
    render.preflight(job([block], limits=limits), str(tmp_path), report=silent)
    more = job([{**block, "rows": [*rows, rows[0]]}], limits=limits)
    with pytest.raises(Refusal, match=r"1 MB of text in all \(MAX_REPORT_TEXT_MB\)"):
        render.preflight(more, str(tmp_path), report=silent)


def test_text_that_a_format_adds_counts(tmp_path: Path) -> None:
    columns = [{"field": field, "type": "integer", "format": f"0'{'x' * 55}'"} for field in ("a", "b")]
    block = {"type": "table", "columns": columns, "rows": [{"a": 1, "b": 2} for _ in range(10_000)]}
    with pytest.raises(Refusal, match="MAX_REPORT_TEXT_MB"):
        render_report(tmp_path, [block], limits={"max_report_text_mb": 1})


def test_warnings_name_the_page_that_their_block_begins_on(tmp_path: Path) -> None:
    link = text([{"text": "x", "link": "#nowhere"}])
    columns = {"type": "columns", "columns": [[text("left")], [text(LOREM), link]]}
    blocks = [link, {"type": "page_break"}, text("x"), columns, {"type": "page_break"}, link]
    printed = render_report(tmp_path, blocks, document={"cover": {}, "toc": {}})
    assert [(one["block"], one["page"]) for one in printed.answer["warnings"]] == [
        ("blocks.0", 3), ("blocks.3.columns.1.1", 4), ("blocks.5", 5),
    ]  # fmt: skip


def test_no_name_from_the_data_is_told_at_length(tmp_path: Path) -> None:
    """A job's record holds 256 KiB."""
    path = tmp_path / "data.csv"
    names = [f"{number}{'x' * 100_000}" for number in range(40)]
    path.write_text(",".join(names) + "\n" + ",".join(["y" * 12_000] * 40) + "\n")
    table = {"type": "table", "dataset": "data", "every_column": True}
    wanted = job([table], datasets={"data": {"upload": "0" * 32, "format": "csv"}}, formats=["pdf", "xlsx", "csv"])
    wanted = msgspec.structs.replace(wanted, datasets={"data": str(path)})
    looked = render.preflight_file(stored(tmp_path, wanted), str(tmp_path), report=silent)
    made = render.render_file(stored(tmp_path, wanted), str(tmp_path), report=silent)
    for answer in (looked, made):
        assert len(json.dumps(answer)) < 256 * 1024
        assert {one["code"] for one in answer["warnings"]} >= {"clipped_cells", "clipped_headings", "wrapped"}


def test_thousands_of_tables_and_warnings_fit_into_a_record(tmp_path: Path) -> None:
    columns = [{"field": f"{'漢' * 190}{number}"} for number in range(20)]
    table = {"type": "table", "columns": columns, "rows": []}
    wanted = job([table] * 500)
    answer = render.preflight_file(stored(tmp_path, wanted), str(tmp_path), report=silent)
    assert len(json.dumps(answer)) < 256 * 1024
    codes = [one["code"] for one in answer["warnings"]]
    assert {"clipped", "not_listed"} <= set(codes)
    assert any(one["message"].startswith("And ") for one in answer["warnings"])


def test_money_is_rounded_alike_wherever_it_is_shown_and_the_csv_keeps_every_digit(tmp_path: Path) -> None:
    rows = [{"a": amount} for amount in ("2.345", "0.125", "1.005", "-0.004", "-2.345")]
    table = {"type": "table", "columns": [{"field": "a", "type": "money", "total": "sum"}], "rows": rows}
    printed = render_report(tmp_path, [table], formats=["pdf", "xlsx", "csv"], document=BARE)
    assert printed.text().split("\n")[1:] == ["€2.35", "€0.13", "€1.01", "€0.00", "-€2.35", "Total: €1.13"]
    lines = (tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines == ["a", "2.345", "0.125", "1.005", "-0.004", "-2.345", "1.126"]
    [sheet] = openpyxl.load_workbook(tmp_path / "report.xlsx").worksheets
    assert [(cell.value, cell.number_format) for (cell,) in sheet["A2:A6"]] == [
        (2.345, '"€"#,##0.00'),
        (0.125, '"€"#,##0.00'),
        (1.005, '"€"#,##0.00'),
        (-0.004, '"€"#,##0.00;"€"#,##0.00'),
        (-2.345, '"€"#,##0.00'),
    ]


@pytest.mark.parametrize("zebra", [True, False])
def test_columns_without_titles_have_no_head(tmp_path: Path, zebra: bool) -> None:
    columns = [{"field": "key", "title": ""}, {"field": "value", "title": "", "type": "money", "total": "sum"}]
    rows = [{"key": "Subtotal", "value": "10.00"}, {"key": "Tax", "value": "2.00"}] * 30
    table = {"type": "table", "columns": columns, "rows": rows, "zebra": zebra, "title": "T"}
    formats = ["pdf", "xlsx", "csv"]
    printed = render_report(tmp_path, [table], formats=formats, document=BARE)
    first, second = (page.split("\n") for page in printed.texts())
    assert first[:2] == ["T", "Subtotal €10.00"]
    assert second[0] == "T · continued"
    assert second[1].startswith(("Subtotal", "Tax"))
    assert "key" not in printed.text()
    assert (tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()[0] == "Subtotal,10.00"
    [sheet] = openpyxl.load_workbook(tmp_path / "report.xlsx").worksheets
    assert [cell.value for cell in sheet[1]] == ["Subtotal", 10]


def test_a_column_without_a_title_beside_one_with_a_title(tmp_path: Path) -> None:
    columns = [{"field": "key", "title": ""}, {"field": "value", "title": "Value"}]
    table = {"type": "table", "columns": columns, "rows": [{"key": "k", "value": "v"}]}
    printed = render_report(tmp_path, [table], formats=["pdf", "csv"], document=BARE)
    assert printed.text().split() == ["Value", "k", "v"]
    assert (tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()[0] == ",Value"


def stored(folder: Path, wanted: RenderJob) -> str:
    path = folder / "job.json"
    path.write_bytes(msgspec.json.encode(wanted))
    return str(path)
