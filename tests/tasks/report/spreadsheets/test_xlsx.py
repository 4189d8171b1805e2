"""XLSX out: typed, formatted, formulas escaped, the same bytes for the same tables; read back by another's reader."""

import datetime
import zipfile
from pathlib import Path
from typing import Any
from xml.dom import minidom

import openpyxl
import pytest

from tasks.refusal import Refusal
from tasks.report.data.rows import TableRows
from tasks.report.fonts.face import faces
from tasks.report.layout.theme import ReportTheme
from tasks.report.spec.structs import PageSpec, ThemeSpec
from tasks.report.spreadsheets import xlsx
from tasks.report.spreadsheets.writing import Table, write_sheets
from tasks.report.spreadsheets.xlsx import SheetOptions, write_xlsx
from tests.support.report.rendering import LIMITS
from tests.support.report.tables import LEDGER, cells, dataset, ledger, opened, write_csv

COLUMNS: list[dict[str, Any]] = [
    {"field": "id", "title": "Number"},
    {"field": "day", "type": "date"},
    {"field": "moment", "type": "datetime"},
    {"field": "ok", "type": "boolean"},
    {"field": "amount", "type": "money", "total": "sum"},
]
ROW = {"id": "00123", "day": "2026-01-05", "moment": "2026-07-01T12:30:00Z", "ok": "no", "amount": "-1234.50"}
OPTIONS = SheetOptions(ReportTheme(ThemeSpec(), faces("en", lambda _: None)), PageSpec(size="Letter"))


def never(number: int, cut: int) -> None:
    raise AssertionError(number, cut)


def written(folder: Path, *tables: tuple[str, TableRows]) -> Any:
    write_xlsx(folder / "out.xlsx", tables, OPTIONS)
    with zipfile.ZipFile(folder / "out.xlsx") as archive:
        for name in archive.namelist():
            minidom.parseString(archive.read(name))  # noqa: S318 - we wrote it
    return openpyxl.load_workbook(folder / "out.xlsx")


def values(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_values_have_their_types_and_formats(tmp_path: Path) -> None:
    book = written(tmp_path, ("Sales", opened([ROW, {}], COLUMNS, tmp_path, lang="de", keep_values=True)))
    sheet = book["Sales"]
    moment = datetime.datetime(2026, 7, 1, 14, 30)  # noqa: DTZ001 - in the document's zone, on the wall
    day = datetime.datetime(2026, 1, 5)  # noqa: DTZ001
    assert values(sheet) == [
        ("Number", "day", "moment", "ok", "amount"),
        ("00123", day, moment, False, -1234.5),
        (None, None, None, None, None),
        ("Summe", None, None, None, -1234.5),
    ]
    assert [cell.data_type for cell in sheet[2]] == ["s", "d", "d", "b", "n"]
    assert sheet["B2"].number_format == 'dd"."mm"."yyyy'
    assert sheet["E2"].number_format == sheet["E4"].number_format == '#,##0.00"\u00a0€"'


def test_headings_are_bold_and_stay_in_sight(tmp_path: Path) -> None:
    sheet = written(tmp_path, ("Sales", opened([ROW], COLUMNS, tmp_path, keep_values=True)))["Sales"]
    assert sheet.freeze_panes == "A2"
    assert all(cell.font.b for cell in sheet[1])
    assert not sheet["A2"].font.b
    assert sheet["E3"].font.b
    assert sheet.column_dimensions["E"].width > 8


def test_formulas_are_texts_that_say_so(tmp_path: Path) -> None:
    texts = ["=1+1", "+1+1", "@SUM(A1)", "-2+3", "plain", "-5"]
    sheet = written(tmp_path, ("T", opened([{"a": t} for t in texts], [{"field": "a"}], tmp_path, keep_values=True)))[
        "T"
    ]
    there = [sheet.cell(row, 1) for row in range(2, 8)]
    assert [cell.value for cell in there] == texts
    assert {cell.data_type for cell in there} == {"s"}
    assert [bool(cell.quotePrefix) for cell in there] == [True, True, True, True, False, False]
    with zipfile.ZipFile(tmp_path / "out.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    "text",
    [
        "<b>&amp;</b>",
        "]]>",
        '"quoted"',
        "_x",
        "two\nlines",
        "  spaces  ",
        "東京😀",
        "\x00\x1b\ufffe",
        "é" * 9_999,
    ],
)
def test_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    rows = opened([{"a": text, "b": 1}], [{"field": "b"}, {"field": "a"}], tmp_path, keep_values=True)
    (_, (_, back)) = values(written(tmp_path, (text[:20], rows)).worksheets[0])
    assert back == (text if text != "\x00\x1b\ufffe" else None)


def test_text_that_looks_like_an_escape_is_none(tmp_path: Path) -> None:
    """Another reader leaves escapes in such cells as they are; ours reads them as Excel does."""
    write_xlsx(
        tmp_path / "data.xlsx",
        [("T", opened([{"a": "_x0041_"}], [{"field": "a"}], tmp_path, keep_values=True))],
        OPTIONS,
    )
    assert cells(opened(dataset(tmp_path / "data.xlsx"), [{"field": "a"}], tmp_path)) == [("_x0041_",)]


def test_numbers_with_more_digits_than_excel_has_are_kept_as_text(tmp_path: Path) -> None:
    amounts = ["123456789012345.00", "1234567890123456.78", "0.1234567890123456789", "0.10000000000000000000"]
    column = {"field": "a", "type": "decimal", "total": "sum"}
    sheet = written(tmp_path, ("T", opened([{"a": a} for a in amounts], [column], tmp_path, keep_values=True)))["T"]
    assert [row[0] for row in values(sheet)[1:]] == [
        123456789012345, "1234567890123456.78", "0.1234567890123456789", 0.1,
        "Total: 1358024679135802.00345678901234567890",
    ]  # fmt: skip


def test_days_that_programs_disagree_on_are_kept_as_text(tmp_path: Path) -> None:
    rows = [{"d": "1900-02-28", "m": "1890-01-01T10:00"}, {"d": "1900-03-01", "m": ""}]
    columns = [{"field": "d", "type": "date"}, {"field": "m", "type": "datetime"}]
    sheet = written(tmp_path, ("T", opened(rows, columns, tmp_path, keep_values=True)))["T"]
    assert sheet["A2"].value == "1900-02-28"
    assert str(sheet["B2"].value).startswith("1890-01-01T10:00:00")
    assert sheet["A3"].value == datetime.datetime(1900, 3, 1)  # noqa: DTZ001


def test_groups_have_headings_and_subtotals(tmp_path: Path) -> None:
    rows = [{"g": "=b", "n": 1}, {"g": "a", "n": 2}, {"g": "a", "n": 4}]
    columns = [{"field": "g", "total": "count"}, {"field": "n", "type": "integer", "total": "avg"}, {"field": "x"}]
    table = opened([{**row, "x": ""} for row in rows], columns, tmp_path, group_by=[{"field": "g"}], keep_values=True)
    sheet = written(tmp_path, ("T", table))["T"]
    assert values(sheet)[1:] == [
        ("=b", None, None), ("=b", 1, None), (1, 1, None),
        ("a", None, None), ("a", 2, None), ("a", 4, None), (2, 3, None),
        (3, 2.33333333333333, None),
    ]  # fmt: skip
    assert [sheet.cell(row, 1).number_format for row in (4, 8, 9)] == [
        f'"{label}: "#,##0' for label in ("Total =b", "Total a", "Total")
    ]
    assert sheet["A2"].font.b
    assert sheet["A2"].quotePrefix
    assert sheet["A2"].data_type == "s"


def test_each_table_has_a_sheet_with_a_name_of_its_own(tmp_path: Path) -> None:
    rows = opened([{"a": 1}], [{"field": "a"}], tmp_path, keep_values=True)
    titles = [
        "Sales: Q1/2026 [draft]*?",
        "sales  q1 2026 draft",
        "x" * 50,
        "x" * 50,
        "",
        "History",
        "'quoted'",
        "\u202e\x00",
        "b" * 30 + "'c",
        "😀" * 20,
        "😀" * 20,
        "a" * 28 + "' '",
    ]
    assert written(tmp_path, *((title, rows) for title in titles)).sheetnames == [
        "Sales Q1 2026 draft", "sales q1 2026 draft (2)", "x" * 31, "x" * 27 + " (2)", "Table", "Table (2)", "quoted",
        "Table (3)", "b" * 30, "😀" * 15, "😀" * 13 + " (2)", "a" * 28,
    ]  # fmt: skip


def test_a_table_longer_than_a_sheet_goes_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = opened([{"a": n} for n in range(2_500)], [{"field": "a", "type": "integer"}], tmp_path, keep_values=True)
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2_001)
    book = written(tmp_path, ("Long", rows))
    assert book.sheetnames == ["Long", "Long (2)"]
    assert [row[0] for sheet in book for row in values(sheet)[1:]] == list(range(2_500))
    (tmp_path / "out.xlsx").unlink()
    monkeypatch.setattr(xlsx, "MAX_SHEET_BYTES", 10_000)
    assert [len(values(sheet)) for sheet in written(tmp_path, ("Long", rows))] == [1_001, 1_001, 501]


def test_the_same_tables_are_the_same_bytes(tmp_path: Path) -> None:
    rows = opened(dataset(write_csv(tmp_path / "data.csv", ledger(500))), LEDGER, tmp_path, keep_values=True)
    for name in ("one.xlsx", "two.xlsx"):
        write_xlsx(tmp_path / name, [("Ledger", rows)], OPTIONS)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    first = opened(dataset(write_csv(tmp_path / "data.csv", ledger(2_500))), LEDGER, tmp_path, keep_values=True)
    write_xlsx(tmp_path / "again.xlsx", [("Ledger", first)], OPTIONS)
    again = opened(dataset(tmp_path / "again.xlsx"), LEDGER, tmp_path)
    assert list(again.batches()) == list(first.batches())


def test_an_empty_table_is_its_headings(tmp_path: Path) -> None:
    assert values(written(tmp_path, ("T", opened([], COLUMNS, tmp_path, keep_values=True)))["T"]) == [
        ("Number", "day", "moment", "ok", "amount")
    ]


def test_a_report_has_one_workbook_and_a_csv_for_each_table(tmp_path: Path) -> None:
    rows = opened([ROW], COLUMNS, tmp_path, keep_values=True)
    tables: list[Table] = [("Sales", rows), ("Quarter", rows)]
    made = write_sheets(["pdf", "csv", "xlsx"], tables, tmp_path, OPTIONS, never)
    assert [path.name for path in made] == ["report.xlsx", "report.csv", "report-2.csv"]
    assert openpyxl.load_workbook(made[0]).sheetnames == ["Sales", "Quarter"]
    assert made[1].read_bytes() == made[2].read_bytes()
    assert write_sheets(["pdf"], tables, tmp_path, OPTIONS, never) == []


def test_a_report_without_tables_has_no_other_outputs(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        write_sheets(["xlsx"], [], tmp_path, OPTIONS, never)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "formats")
    assert list(tmp_path.iterdir()) == []


def test_a_total_in_the_first_column_has_its_label_before_it(tmp_path: Path) -> None:
    column = {"field": "a", "type": "money", "total": "sum"}
    for number, amounts in enumerate((["1.50", "-2.25"], ["123456789012345.67", "1"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = opened(
            [{"a": amount, "b": "x"} for amount in amounts], [column, {"field": "b"}], folder, keep_values=True
        )
        cell = written(folder, ("T", rows))["T"].cell(len(amounts) + 2, 1)
        if number == 0:
            assert (cell.value, cell.number_format) == (-0.75, '"Total: ""€"#,##0.00;"Total: "-"€"#,##0.00')
        else:
            assert cell.value == "Total: 123456789012346.67"


def test_a_label_stands_where_there_is_nothing_to_be_totalled(tmp_path: Path) -> None:
    rows = opened([{"a": ""}], [{"field": "a", "type": "money", "total": "avg"}], tmp_path, keep_values=True)
    assert values(written(tmp_path, ("T", rows))["T"])[-1] == ("Total",)


def test_a_negative_amount_that_is_shown_as_zero_has_no_sign(tmp_path: Path) -> None:
    rows = [{"a": text} for text in ("-0.004", "-0.005", "-0.00", "-12.3")]
    column = {"field": "a", "type": "decimal", "decimals": 2, "total": "sum"}
    sheet = written(tmp_path, ("T", opened(rows, [column], tmp_path, keep_values=True)))["T"]
    formats = [cell.number_format for (cell,) in sheet["A2:A5"]]
    assert formats == ["#,##0.00;#,##0.00", "#,##0.00", "#,##0.00;#,##0.00", "#,##0.00"]
    assert [cell.value for (cell,) in sheet["A2:A5"]] == [-0.004, -0.005, 0, -12.3]


def test_rules_colour_cells(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"op": "<", "value": 0, "colour": "negative", "background": "#FFEEDD", "bold": True},
        {"op": "empty", "background": "#112233"},
        {"op": ">", "value": 5, "colour": "#00ff00"},
    ]
    rows = [{"a": "-1", "b": "x"}, {"a": "", "b": ""}, {"a": "6"}, {"a": "1"}]
    columns: list[dict[str, Any]] = [
        {"field": "a", "type": "decimal", "rules": rules},
        {"field": "b", "rules": [{**rules[2], "value": "a"}]},
    ]
    sheet = written(tmp_path, ("T", opened(rows, columns, tmp_path, keep_values=True)))["T"]
    cells = [cell for (cell,) in sheet["A2:A5"]]
    assert [cell.font.color.rgb if cell.font.color else None for cell in cells] == [
        "FFC0362C", None, "FF00FF00", None,
    ]  # fmt: skip
    assert [cell.fill.fgColor.rgb if cell.fill.fill_type else None for cell in cells] == [
        "FFFFEEDD", "FF112233", None, None,
    ]  # fmt: skip
    assert [cell.font.b for cell in cells] == [True, False, False, False]
    assert [cell.value for cell in cells] == [-1, None, 6, 1]
    assert sheet["B2"].font.color.rgb == "FF00FF00"


def test_a_sheet_is_ready_to_be_filtered_and_printed(tmp_path: Path) -> None:
    few = opened([{"a": 1}, {"a": 2}], [{"field": "a", "type": "integer", "total": "sum"}], tmp_path, keep_values=True)
    wide = opened([{"a": "x" * 70, "b": "y" * 70}], [{"field": "a"}, {"field": "b"}], tmp_path, keep_values=True)
    bare = opened([{"a": 1}], [{"field": "a", "type": "integer", "title": ""}], tmp_path, keep_values=True)
    book = written(tmp_path, ("It's & <few>", few), ("Wide", wide), ("Bare", bare))
    sheets = list(book)
    assert [sheet.auto_filter.ref for sheet in sheets] == ["A1:A3", "A1:B2", None]
    assert [sheet.print_title_rows for sheet in sheets] == ["$1:$1", "$1:$1", None]
    assert [sheet.freeze_panes for sheet in sheets] == ["A2", "A2", None]
    assert [sheet.page_setup.orientation for sheet in sheets] == ["portrait", "landscape", "portrait"]
    assert {str(sheet.page_setup.paperSize) for sheet in sheets} == {"1"}
    assert all(sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToHeight == 0 for sheet in sheets)
    assert "It's && <few>" in sheets[0].oddHeader.left.text
    assert values(sheets[2]) == [(1,)]


def test_texts_too_long_for_a_cell_are_counted(tmp_path: Path) -> None:
    limits = {**LIMITS, "max_cell_chars": 50_000}
    rows = [{"a": "x" * 40_000}, {"a": "y"}]
    table = opened(rows, [{"field": "a", "title": "t" * 200}], tmp_path, keep_values=True, limits=limits)
    assert write_xlsx(tmp_path / "a.xlsx", [("T", table)], OPTIONS) == [1]
