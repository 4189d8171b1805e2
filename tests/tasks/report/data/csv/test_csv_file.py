"""CSV: what the standard allows is read, what an attacker or an accident made of it is refused with its line."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_DATASET_COLUMNS, MAX_FIELD_CHARS
from tests.support.report.rendering import LIMITS
from tests.support.report.tables import cells, dataset, opened


def read(folder: Path, content: bytes | str, *fields: str, **said: Any) -> list[tuple[str, ...]]:
    """The rows of a CSV file with these bytes, as text; of the columns a and b if none are named."""
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return cells(opened(dataset(path, **said), [{"field": field} for field in fields or ("a", "b")], folder))


def refused(folder: Path, content: bytes | str, *fields: str, **said: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(folder, content, *fields, **said)
    return caught.value


def test_text_stays_what_it_is(tmp_path: Path) -> None:
    """Nothing is guessed: no leading zero, no exponent, no word and no long id changes."""
    values = [
        "00123",
        "1e5",
        "NA",
        "null",
        "NaN",
        "12345678901234567890",
        "1,5",
        "TRUE",
        " padded ",
        "=1+1",
        "2026-13-45",
    ]
    content = "a,b\n" + "".join(f'"{value}",x\n' for value in values)
    assert [row[0] for row in read(tmp_path, content)] == values


def test_quotes_delimiters_and_line_ends_in_cells_are_text(tmp_path: Path) -> None:
    content = 'a,b\r\n"say ""hi"", or not","two\r\nlines"\r\n"",x\r\n'
    assert read(tmp_path, content) == [('say "hi", or not', "two\nlines"), ("", "x")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_ends_a_line(tmp_path: Path, end: str, last: bool) -> None:
    assert read(tmp_path, end.join(["a,b", "1,2", "3,4", *([""] if last else [])])) == [("1", "2"), ("3", "4")]


def test_line_ends_that_only_unicode_knows_end_no_row(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\nx\x0by,1\nx\u2028y,2\n") == [("xy", "1"), ("x\ny", "2")]


def test_a_byte_order_mark_is_no_part_of_the_first_heading(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffa,b\n1,2\n") == [("1", "2")]


@pytest.mark.parametrize(
    ("encoding", "written", "text"),
    [
        ("utf-8", "utf-8", "Grüße 東京"),
        ("utf-16", "utf-16", "Grüße 東京"),
        ("utf-16", "utf-16-be", "\ufeffGrüße 東京"),
        ("cp1252", "cp1252", "Grüße 5 €"),
        ("shift_jis", "cp932", "東京①～㈱"),  # noqa: RUF001 - Windows has them, the standard has not
        ("gb18030", "gb18030", "北京 €"),
        ("euc_kr", "cp949", "서울 똠"),
    ],
)
def test_the_encoding_is_the_one_that_is_said(tmp_path: Path, encoding: str, written: str, text: str) -> None:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    content = f"{mark}a,b\n{text.removeprefix(mark)},x\n".encode(written)
    assert read(tmp_path, content, encoding=encoding) == [(text.removeprefix(mark), "x")]


def test_bytes_that_are_not_of_the_encoding_that_is_said_are_refused_with_their_line(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "a,b\n1,2\nGrüße,x\n".encode("cp1252"), encoding="euc_jp")
    assert refusal.code == "wrong_encoding"
    assert refusal.message.startswith("Line 3 is not euc_jp (byte 0xFC). Set 'encoding'")


def test_the_line_of_a_wrong_byte_is_found_beyond_the_first_block(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 100_000 + b"\xff,2\n"
    assert "Line 100,002 " in refused(tmp_path, content, encoding="euc_jp").message


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ":"])
def test_the_delimiter_is_the_one_that_is_said(tmp_path: Path, delimiter: str) -> None:
    content = f'a{delimiter}b\n"x{delimiter}y"{delimiter}1,5\n'
    shown = f"x{delimiter}y".replace("\t", " ")
    assert read(tmp_path, content, delimiter=delimiter) == [(shown, "1,5")]


@pytest.mark.parametrize("delimiter", ['"', "\n", "x", "1"])
def test_what_delimits_nothing_is_refused(tmp_path: Path, delimiter: str) -> None:
    assert refused(tmp_path, "a,b\n", delimiter=delimiter).code == "invalid_request"


def test_columns_are_found_by_their_headings_in_any_order(tmp_path: Path) -> None:
    assert read(tmp_path, "a, b ,c\n1,2,3\n", "c", "b") == [("3", "2")]
    assert read(tmp_path, "a,b,c\n1,2,3\n", "b") == [("2",)]


def test_a_misspelt_column_is_refused_by_its_field_with_those_there_are(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "a,b\n1,2\n", "a", "amount")
    assert (refusal.code, refusal.field) == ("unknown_column", "columns.1.field")
    assert "It has 'a', 'b'" in refusal.message


def test_columns_of_one_name_are_told_apart_by_a_number(tmp_path: Path) -> None:
    assert read(tmp_path, "a,a,b,a (2),a\n1,2,3,4,5\n", "a", "a (2)", "a (3)", "a (4)") == [("1", "4", "2", "5")]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "\n\na,b\n\n1,2\n\n\n3,4\n\n") == [("1", "2"), ("3", "4")]


def test_headings_alone_are_a_table_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n") == []
    assert read(tmp_path, "a,b") == []


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content).code == "malformed_dataset"


@pytest.mark.parametrize(("row", "cells_there"), [("1", 1), ("1,2,3", 3), (",,,x", 4)])
def test_a_row_of_another_width_is_refused_with_its_line(tmp_path: Path, row: str, cells_there: int) -> None:
    refusal = refused(tmp_path, f'a,b\n"two\nlines",2\n\n1,2\n{row}\n')
    assert refusal.code == "malformed_dataset"
    assert refusal.message.startswith(f"Line 6 has {cells_there} cells, but there are 2 columns. Correct the row, ")
    assert refusal.message.endswith("set 'ragged' to fill.")


def test_an_unclosed_quote_is_refused_with_the_line_where_it_opens(tmp_path: Path) -> None:
    refusal = refused(tmp_path, 'a,b\n1,2\n"3,4\n5,6\n')
    assert refusal.code == "malformed_dataset"
    assert "line 3 is not closed" in refusal.message


def test_an_unclosed_quote_in_a_large_file_does_not_swallow_it(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "a,b\n" + "1,2\n" * 50_000 + '"3,4\n' + "1,2\n" * 200_000)
    assert (refusal.code, refusal.limit) == ("cell_too_long", MAX_FIELD_CHARS)
    assert "begins in line 50,002 " in refusal.message


def test_text_after_a_closing_quote_is_refused_with_its_line(tmp_path: Path) -> None:
    refusal = refused(tmp_path, 'a,b\n1,2\n"3"x,4\n')
    assert refusal.code == "malformed_dataset"
    assert "Line 3 is not valid CSV" in refusal.message


def test_a_quote_inside_a_cell_that_has_none_around_it_is_text(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n5" pipe,x\n') == [('5" pipe', "x")]


def test_a_line_of_megabytes_is_refused_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(1 << 30)  # a gigabyte of NUL, on one line
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a"}], tmp_path)
    assert caught.value.code == "cell_too_long"
    assert "Line 3 " in caught.value.message


def test_controls_and_tricks_are_taken_out_of_cells_and_headings(tmp_path: Path) -> None:
    assert read(tmp_path, "a\x00,\u202eb\n1\x00\x07,\u202e2\u200b\n") == [("1", "2")]


def test_a_long_cell_is_clipped_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "x" * 50 + ",1\n" + "y" * 11 + ",2\n")
    warnings: list[tuple[str, str]] = []
    limits = {**LIMITS, "max_cell_chars": 10}
    rows = opened(dataset(path), [{"field": "a"}], tmp_path, limits=limits, warnings=warnings)
    assert cells(rows) == [("x" * 10,), ("y" * 10,)]
    assert warnings == [("clipped_cells", "Column 'a': 2 cells had more than 10 characters and were clipped.")]


def test_thousands_of_columns_are_refused(tmp_path: Path) -> None:
    refusal = refused(tmp_path, ",".join(map(str, range(10_000))) + "\n", "1")
    assert (refusal.code, refusal.limit) == ("too_many_columns", MAX_DATASET_COLUMNS)


@pytest.mark.parametrize(
    ("limit", "code"), [("max_report_rows", "too_many_rows"), ("max_report_cells", "too_many_cells")]
)
def test_rows_and_cells_beyond_their_limit_are_refused(tmp_path: Path, limit: str, code: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "1,2\n" * 1_000)
    limits = {**LIMITS, limit: 999}
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a"}], tmp_path, limits=limits)
    assert (caught.value.code, caught.value.limit) == (code, 999)
    assert len(cells(opened(dataset(path), [{"field": "a"}], tmp_path, limits={**LIMITS, limit: 1_000}))) == 1_000


def test_a_workbook_that_is_said_to_be_csv_is_refused(tmp_path: Path) -> None:
    refusal = refused(tmp_path, b"PK\x03\x04 and so on")
    assert refusal.code == "malformed_dataset"
    assert "XLSX" in refusal.message


def test_what_csv_writes_is_what_is_read(tmp_path: Path) -> None:
    rows = [[f"{a}{b}", f"{b}\n{a}"] for a in ('"', ",", "x", " ", "'", "\\") for b in ("", '""', ",\n", "é")]
    path = tmp_path / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a", "b"], *rows])
    assert cells(opened(dataset(path), [{"field": "a"}, {"field": "b"}], tmp_path)) == [tuple(row) for row in rows]
