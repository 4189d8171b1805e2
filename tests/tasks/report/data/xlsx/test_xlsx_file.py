"""XLSX: values as their columns' types want them, whatever a workbook does to hide them."""

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tasks.refusal import Refusal
from tests.support.report.tables import cells, dataset, opened
from tests.support.report.workbooks import MAIN, book_of, inline, number, pack, sheet, styles

AB = f'<row r="1">{inline("A1", "a")}{inline("B1", "b")}</row>'


def read(path: Path, *fields: Any, warnings: list[tuple[str, str]] | None = None, **said: Any) -> list[tuple[str, ...]]:
    columns = [field if isinstance(field, dict) else {"field": field} for field in fields or ("a", "b")]
    return cells(opened(dataset(path, **said), columns, path.parent, warnings=warnings))


def refused(path: Path, *fields: Any, **said: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(path, *fields, **said)
    return caught.value


def test_what_a_spreadsheet_program_saves_is_read(tmp_path: Path) -> None:
    book: Any = openpyxl.Workbook()
    book.active.append(["id", "day", "moment", "amount", "ok", "note"])
    moment = datetime.datetime(2026, 1, 5, 13, 45)  # noqa: DTZ001 - a workbook knows no zones
    book.active.append(["00123", datetime.date(2026, 1, 5), moment, 1234.1, True, "東京 & <b>"])
    book.active.append([None, None, None, 0.1 + 0.2, False, "two\nlines"])
    book.save(tmp_path / "data.xlsx")
    columns = [
        {"field": "id"},
        {"field": "day", "type": "date", "format": "yyyy-MM-dd"},
        {"field": "moment", "type": "datetime", "format": "yyyy-MM-dd HH:mm"},
        {"field": "amount", "type": "money"},
        {"field": "ok", "type": "boolean"},
        {"field": "note"},
    ]
    assert read(tmp_path / "data.xlsx", *columns) == [
        ("00123", "2026-01-05", "2026-01-05 13:45", "€1,234.10", "Yes", "東京 & <b>"),
        ("", "", "", "€0.30", "No", "two\nlines"),
    ]


def test_a_sheet_is_found_by_its_name(tmp_path: Path) -> None:
    other = {"xl/worksheets/sheet2.xml": sheet(f'{AB}<row r="2">{inline("A2", "second")}</row>')}
    path = pack(
        tmp_path / "data.xlsx", f'{AB}<row r="2">{inline("A2", "first")}</row>', other, book=book_of("One", "Two")
    )
    assert read(path) == [("first", "")]
    assert read(path, sheet="Two") == [("second", "")]
    refusal = refused(path, sheet="Three")
    assert refusal.code == "unknown_sheet"
    assert "'One', 'Two'" in refusal.message


def test_shared_texts_are_joined_from_their_runs_without_how_they_are_spoken(tmp_path: Path) -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>a</t></si><si><t xml:space="preserve"> b </t></si>'
        '<si><r><rPr><b/></rPr><t>東</t></r><r><t>京</t></r><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>'
        "<si><t>x_x000D_y_x005F_x0041_</t></si></sst>"
    )
    rows = '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row><c t="s"><v>2</v></c><c t="s"><v>3</v></c></row>'
    path = pack(tmp_path / "data.xlsx", rows, {"xl/sharedStrings.xml": strings})
    assert read(path) == [("東京", "x\ny_x0041_")]
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".strings"] == []


@pytest.mark.parametrize("index", ["2", "-1", "99999999999999999999", "x", "1.5"])
def test_a_shared_text_that_is_not_there_is_refused(tmp_path: Path, index: str) -> None:
    path = pack(tmp_path / "data.xlsx", f'{AB}<row r="2"><c r="A2" t="s"><v>{index}</v></c></row>')
    assert refused(path).code == "malformed_dataset"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (number("A2", "1.1000000000000001"), "1.1"),
        (number("A2", "0.30000000000000004"), "0.3"),
        (number("A2", "123456789012345"), "123456789012345"),
        (number("A2", "007"), "007"),
        ('<c r="A2" t="str"><f>1+1</f><v>cached</v></c>', "cached"),
        ('<c r="A2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="A2" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="A2" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A2" t="d"><v>2026-01-05</v></c>', "2026-01-05"),
        (number("A2", "46027", 1), "1/5/2026"),
        (number("A2", "46027.5", 1), "1/5/2026"),
        (number("A2", "46027.573", 2), "2026-01-05 13:45"),
        (number("A2", "46027", 3), "46027 days"),
        (number("A2", "1.5625", 4), "37:30"),
        (number("A2", "59", 1), "2/28/1900"),
        (number("A2", "60", 1), "2/29/1900"),
        (number("A2", "61", 1), "3/1/1900"),
        ('<c r="A2" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>', "inline"),
        ('<c r="A2" t="inlineStr"><is><t>twice</t></is><v>twice</v></c>', "twice"),
        ('<c r="A2" t="inlineStr"><v>twice</v><is><t>twice</t></is></c>', "twice"),
        ("<c><v>5</v></c>", "5"),
    ],
)
def test_a_cell_is_the_text_that_its_type_and_style_mean(tmp_path: Path, markup: str, text: str) -> None:
    parts = {"xl/styles.xml": styles("yyyy\\-mm\\-dd hh:mm", "[Red]0&quot; days&quot;", "[h]:mm")}
    assert read(pack(tmp_path / "data.xlsx", f'{AB}<row r="2">{markup}</row>', parts)) == [(text, "")]


def test_days_may_be_counted_from_1904(tmp_path: Path) -> None:
    rows = f'{AB}<row r="2">{number("A2", "0", 1)}{number("B2", "44565", 1)}</row>'
    path = pack(tmp_path / "data.xlsx", rows, book=book_of("Data", date1904=True))
    assert read(path) == [("1/1/1904", "1/5/2026")]
    assert read(path, {"field": "b", "type": "date", "format": "yyyy-MM-dd"}) == [("2026-01-05",)]


def test_formulas_are_never_run_and_those_without_a_value_are_told_of(tmp_path: Path) -> None:
    warnings: list[tuple[str, str]] = []
    rows = f'{AB}<row r="2">{inline("A2", "x")}<c r="B2"><f>HYPERLINK("http://x","y")</f></c></row>'
    assert read(pack(tmp_path / "data.xlsx", rows), warnings=warnings) == [("x", "")]
    assert [code for code, _ in warnings] == ["uncached_formulas"]


def test_empty_rows_are_left_out_and_errors_name_the_row_of_the_sheet(tmp_path: Path) -> None:
    rows = (
        f'<row r="2"/>{AB.replace("1", "3")}<row r="4"><c r="A4" s="1"/></row>'
        f'<row r="90">{number("A90", "5")}</row><row r="91">{inline("A91", "five")}</row>'
    )
    path = pack(tmp_path / "data.xlsx", rows)
    assert read(path) == [("5", ""), ("five", "")]
    refusal = refused(path, {"field": "a", "type": "integer"})
    assert (refusal.code, refusal.field) == ("invalid_cell", "columns.0")
    assert refusal.message.startswith("Row 91, column 'a'")


def test_names_of_xml_may_have_prefixes(tmp_path: Path) -> None:
    rows = f'{AB}<row r="2">{number("A2", "5")}</row>'
    prefixed = (
        sheet(rows).replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:").replace("xmlns", "xmlns:x")
    )
    path = pack(tmp_path / "data.xlsx", "", {"xl/worksheets/sheet1.xml": prefixed})
    assert read(path) == [("5", "")]


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "data.xlsx", f'{AB}<row r="2">{number("A2", "5")}</row>')
    refusal = refused(path, "c")
    assert (refusal.code, refusal.field) == ("unknown_column", "columns.0.field")


def test_a_sheet_without_cells_is_refused(tmp_path: Path) -> None:
    assert refused(pack(tmp_path / "data.xlsx", "")).code == "malformed_dataset"
    assert read(pack(tmp_path / "data.xlsx", AB)) == []


def test_many_rows_are_read_in_their_order(tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{n}">{number(f"A{n}", str(n))}{inline(f"B{n}", f"text {n}")}</row>' for n in range(2, 7_502)
    )
    found = read(pack(tmp_path / "data.xlsx", AB + rows))
    assert found == [(str(n), f"text {n}") for n in range(2, 7_502)]
