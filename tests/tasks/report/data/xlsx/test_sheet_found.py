"""Workbooks: no cell is lost without a warning, and cells are as the sheet shows them."""

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tasks.refusal import Refusal
from tests.support.report.tables import cells, dataset, opened
from tests.support.report.workbooks import inline, number, pack

Warnings = dict[str, str]


def read(
    path: Path, types: dict[str, str] | None = None, lang: str = "en", **said: Any
) -> tuple[list[tuple[str, ...]], Warnings]:
    """The headings and the rows of all columns, and the warnings by their code."""
    told = list[tuple[str, str]]()
    columns = [{"field": field, "type": kind} for field, kind in (types or {}).items()]
    rows = opened(dataset(path, **said), columns, path.parent, lang=lang, warnings=told, every_column=True)
    return [tuple(column.title for column in rows.columns), *cells(rows)], dict(told)


def saved(folder: Path, *rows: list[Any], change: Any = None) -> Path:
    """A workbook of these rows. change: called with the workbook before it is saved."""
    book: Any = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change:
        change(book)
    book.save(folder / "data.xlsx")
    return folder / "data.xlsx"


def test_a_title_above_the_headings_is_left_out_and_told_of(tmp_path: Path) -> None:
    path = saved(tmp_path, ["Sales 2026"], ["Region", "Amount"], ["North", 1200])
    rows, warnings = read(path)
    assert rows == [("Region", "Amount"), ("North", "1200")]
    assert warnings.keys() == {"rows_above_headings"}
    assert "'Sales 2026'" in warnings["rows_above_headings"]
    assert read(path, header_row=2) == (rows, {})
    assert read(path, skip_rows=1) == (rows, {})


def test_columns_right_of_the_last_heading_are_shown(tmp_path: Path) -> None:
    rows, warnings = read(saved(tmp_path, ["a", None, "b"], [1, 2, 3, 4], [5, None, 7]))
    assert rows == [("a", "Column B", "b", "Column D"), ("1", "2", "3", "4"), ("5", "", "7", "")]
    assert warnings == {"unnamed_columns": "Columns without a heading are called 'Column B', 'Column D'."}


def test_cells_that_come_late_without_a_heading_are_counted(tmp_path: Path) -> None:
    path = saved(tmp_path, ["a", "b"], *([1, 2] for _ in range(300)), [1, 2, None, 4], [1, 2, 3])
    rows, warnings = read(path)
    assert len(rows) == 303
    assert warnings["cells_left_out"].startswith("2 cells were left out")


def test_headings_that_stand_above_several_columns_name_each_of_them(tmp_path: Path) -> None:
    path = saved(
        tmp_path, ["Region", "2026", None], ["North", 1, 2], change=lambda book: book.active.merge_cells("B1:C1")
    )
    rows, warnings = read(path)
    assert rows == [("Region", "2026", "2026 (2)"), ("North", "1", "2")]
    assert warnings.keys() == {"duplicate_columns"}


def test_merged_cells_show_their_value_once(tmp_path: Path) -> None:
    path = saved(tmp_path, ["a", "b"], ["x", 1], [None, 2], change=lambda book: book.active.merge_cells("A2:A3"))
    assert read(path)[0] == [("a", "b"), ("x", "1"), ("", "2")]


def test_cells_are_as_the_sheet_shows_them(tmp_path: Path) -> None:
    formats = {"0.0%": 0.075, "[h]:mm": datetime.timedelta(hours=37, minutes=30), "00000": 1234, "0.00": 1 / 3}
    book: Any = openpyxl.Workbook()
    book.active.append(["kind", "value"])
    for code, value in formats.items():
        book.active.append([code, value])
        book.active.cell(book.active.max_row, 2).number_format = code
    book.save(tmp_path / "data.xlsx")
    rows, warnings = read(tmp_path / "data.xlsx")
    assert [row[1] for row in rows] == ["value", "7.5%", "37:30", "01234", "0.33"]
    assert warnings == {}
    rows, _ = read(tmp_path / "data.xlsx", {"value": "decimal"})
    assert [row[1] for row in rows][1:4] == ["0.075", "1.563", "1,234"]
    assert [row[1] for row in read(tmp_path / "data.xlsx", lang="de")[0]][1] == "7,5%"


def test_numbers_are_right_whatever_the_decimal_mark_of_texts_is(tmp_path: Path) -> None:
    path = saved(tmp_path, ["a", "b"], [1240.5, "1.240,5"], [1.24, "1,24"])
    rows, _ = read(path, {"a": "decimal", "b": "decimal"}, decimal=",")
    assert rows[1:] == [("1,240.5", "1,240.5"), ("1.24", "1.24")]


def test_dates_are_dates_whatever_the_format_of_texts_is(tmp_path: Path) -> None:
    path = saved(tmp_path, ["a"], [datetime.date(2026, 1, 5)], ["2026-05-01"])
    rows, _ = read(path, {"a": "date"}, date_format="yyyy-dd-MM")
    assert rows[1:] == [("Jan 5, 2026",), ("Jan 5, 2026",)]


def test_the_first_visible_sheet_that_holds_cells_is_read(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        book.active.sheet_state = "hidden"
        book.create_sheet("Empty")
        for name in ("Shown", "More", "2"):
            book.create_sheet(name).append([f"in {name}"])

    path = saved(tmp_path, ["salary"], [1], change=change)
    rows, warnings = read(path)
    assert rows == [("in Shown",)]
    assert warnings.keys() == {"hidden_left_out", "other_sheets"}
    assert warnings["hidden_left_out"].startswith("1 hidden sheet ('Sheet') with cells was left out.")
    assert "2 more sheets that hold cells: 'More', '2'." in warnings["other_sheets"]
    assert read(path, include_hidden=True)[0] == [("salary",), ("1",)]
    assert read(path, sheet="Sheet") == ([("salary",), ("1",)], {})
    assert read(path, sheet=4) == ([("in More",)], {})
    assert read(path, sheet="2") == ([("in 2",)], {})  # a name goes before a number
    with pytest.raises(Refusal) as caught:
        read(path, sheet="9")
    assert (caught.value.code, caught.value.field) == ("unknown_sheet", "sheet")


def test_hidden_rows_and_columns_are_left_out_and_counted(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        book.active.row_dimensions[3].hidden = True
        book.active.column_dimensions["B"].hidden = True

    path = saved(tmp_path, ["a", "b", "c"], [1, 2, 3], [4, 5, 6], [7, 8, 9], change=change)
    rows, warnings = read(path)
    assert rows == [("a", "c"), ("1", "3"), ("7", "9")]
    assert warnings == {
        "hidden_left_out": "1 hidden row, 1 hidden column with cells were left out. Set 'include_hidden' to read them."
    }
    rows, warnings = read(path, include_hidden=True)
    assert (len(rows), rows[2], warnings) == (4, ("4", "5", "6"), {})


def test_a_sheet_of_hidden_cells_alone_says_so(tmp_path: Path) -> None:
    path = pack(tmp_path / "data.xlsx", f'<row r="1" hidden="1">{inline("A1", "a")}</row>')
    with pytest.raises(Refusal) as caught:
        read(path)
    assert caught.value.field == "include_hidden"


@pytest.mark.parametrize(
    ("area", "rows"), [("B2:C3", [("b", "c"), ("2", "3")]), ("b2:C", [("b", "c"), ("2", "3"), ("5", "6")])]
)
def test_a_range_can_be_named(tmp_path: Path, area: str, rows: list[tuple[str, ...]]) -> None:
    path = saved(tmp_path, ["Title"], ["a", "b", "c"], [1, 2, 3], [4, 5, 6])
    assert read(path, range=area) == (rows, {})


def test_a_sheet_may_have_no_headings(tmp_path: Path) -> None:
    rows, _ = read(saved(tmp_path, [1, 2], [3, 4]), {"Column B": "integer"}, header="none")
    assert rows == [("Column A", "Column B"), ("1", "2"), ("3", "4")]


def test_an_empty_row_cannot_name_the_columns(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        read(saved(tmp_path, ["a"], [1]), header_row=5)
    assert caught.value.field in ("header_row", "sheet")


def test_values_that_their_format_hides_are_counted(tmp_path: Path) -> None:
    def change(book: Any) -> None:
        book.active["A2"].number_format = ";;;"

    rows, warnings = read(saved(tmp_path, ["a", "b"], [5, 1], change=change))
    assert rows[1] == ("", "1")
    assert warnings == {"blank_formats": "1 cells hold values that their number formats show as nothing."}


def test_a_cell_in_the_last_column_is_no_reason_to_hold_them_all(tmp_path: Path) -> None:
    markup = f'<row r="1">{inline("A1", "a")}</row><row r="2">{number("A2", "1")}{number("XFD2", "2")}</row>'
    rows, _ = read(pack(tmp_path / "data.xlsx", markup))
    assert rows == [("a", "Column XFD"), ("1", "2")]
