"""ODS: cells as the workbook says that they are shown, in bounded memory."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tests.support.report.rendering import LIMITS
from tests.support.report.tables import cells, dataset, opened

_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style", "draw")
)


def text(*paragraphs: str, more: str = "") -> str:
    """A cell of text."""
    inside = "".join(f"<text:p>{one}</text:p>" for one in paragraphs)
    return f'<table:table-cell office:value-type="string" {more}>{inside}</table:table-cell>'


def value(shown: str, number: str, kind: str = "float", name: str = "value") -> str:
    """A cell of a number or date."""
    said = f'office:value-type="{kind}" office:{name}="{number}"'
    return f"<table:table-cell {said}><text:p>{shown}</text:p></table:table-cell>"


def row(*markup: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(markup)}</table:table-row>"


def pack(folder: Path, *sheets: str, styles: str = "") -> Path:
    """A workbook of the markup of its sheets."""
    tables = "".join(sheets)
    content = (
        f"<office:document-content {_SPACES}><office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(folder / "data.ods", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return folder / "data.ods"


def sheet(*markup: str, name: str = "One", more: str = "") -> str:
    return f'<table:table table:name="{name}" {more}>{"".join(markup)}</table:table>'


def read(path: Path, types: dict[str, str] | None = None, **said: Any) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    told = list[tuple[str, str]]()
    columns = [{"field": field, "type": kind} for field, kind in (types or {}).items()]
    rows = opened(dataset(path, **said), columns, path.parent, warnings=told, every_column=True)
    return [tuple(column.title for column in rows.columns), *cells(rows)], dict(told)


def test_cells_are_as_the_workbook_shows_them_and_typed_columns_get_the_value(tmp_path: Path) -> None:
    path = pack(
        tmp_path,
        sheet(
            row(text("a"), text("b"), text("c")),
            row(
                value("7.5 %", "0.075", "percentage"),
                value("05.01.26", "2026-01-05", "date", "date-value"),
                text("two", "lines<text:s text:c='2'/>x<text:tab/>y"),
            ),
            row(text("x"), '<table:table-cell table:number-columns-repeated="2"/>'),
        ),
    )
    rows, warnings = read(path)
    assert rows == [("a", "b", "c"), ("7.5 %", "05.01.26", "two\nlines  x y"), ("x", "", "")]
    assert warnings == {}
    rows, _ = read(path, {"b": "datetime"})
    assert rows[1][1] == "Jan 5, 2026, 12:00\u202fAM"
    rows, _ = read(pack(tmp_path, sheet(row(text("a")), row(value("7,5 %", "0.075")))), {"a": "decimal"}, decimal=",")
    assert rows[1] == ("0.075",)


def test_notes_and_pictures_are_no_text_of_a_cell(tmp_path: Path) -> None:
    note = "<office:annotation><text:p>a note</text:p></office:annotation>"
    cell = f"<table:table-cell>{note}<text:p>x<draw:frame><text:p>y</text:p></draw:frame></text:p></table:table-cell>"
    assert read(pack(tmp_path, sheet(row(text("a")), row(cell))))[0] == [("a",), ("x",)]


def test_what_is_hidden_is_left_out_and_counted(tmp_path: Path) -> None:
    styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    path = pack(
        tmp_path,
        sheet(row(text("salary")), name="Secret", more='table:style-name="h"'),
        sheet(
            '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>',
            row(text("a"), text("b"), text("c")),
            row(text("1"), text("2"), text("3"), more='table:visibility="filter"'),
            row(text("4"), text("5"), text("6")),
        ),
        sheet(row(text("other")), name="Other"),
        styles=styles,
    )
    rows, warnings = read(path)
    assert rows == [("a", "c"), ("4", "6")]
    assert warnings["hidden_left_out"].startswith("1 hidden row, 1 hidden column, 1 hidden sheet ('Secret')")
    assert "'Other'" in warnings["other_sheets"]
    assert read(path, sheet="Other")[0] == [("other",)]
    assert read(path, sheet=2, include_hidden=True)[0] == [("a", "b", "c"), ("1", "2", "3"), ("4", "5", "6")]


def test_repeated_rows_and_cells_count_as_often_as_they_are(tmp_path: Path) -> None:
    path = pack(
        tmp_path,
        sheet(
            row(text("a"), text("b")),
            row(text("x", more='table:number-columns-repeated="2"'), more='table:number-rows-repeated="3"'),
            row("<table:table-cell/>", more='table:number-rows-repeated="1000000"'),
        ),
    )
    assert read(path)[0] == [("a", "b"), ("x", "x"), ("x", "x"), ("x", "x")]


@pytest.mark.parametrize(
    ("columns", "rows", "code"),
    [(2, 1_000_000, "too_many_cells"), (16_384, 1_000_000, "too_many_columns"), (99_999_999, 1, "cell_too_long")],
)
def test_few_bytes_that_say_many_cells_are_refused(tmp_path: Path, columns: int, rows: int, code: str) -> None:
    cell = text("x", more=f'table:number-columns-repeated="{columns}"')
    many = row(cell, more=f'table:number-rows-repeated="{rows}"')
    path = pack(tmp_path, sheet(row(text("a"), text("b")), many))
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [], tmp_path, every_column=True, limits={**LIMITS, "max_report_cells": 10_000})
    assert caught.value.code == code


@pytest.mark.parametrize("content", [None, "<office:document-content/>", "<x", "<!DOCTYPE x><x/>"])
def test_a_workbook_without_sheets_is_refused(tmp_path: Path, content: str | None) -> None:
    with zipfile.ZipFile(tmp_path / "data.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        if content is not None:
            archive.writestr("content.xml", content)
    with pytest.raises(Refusal) as caught:
        read(tmp_path / "data.ods")
    assert caught.value.code == "malformed_dataset"
