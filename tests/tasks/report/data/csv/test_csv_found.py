"""What a CSV file does not say is found by looking at it, and whatever is left out or guessed is told."""

from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_NAME_CHARS
from tests.support.report.tables import cells, dataset, opened

Warnings = dict[str, str]


def read(
    folder: Path, content: str | bytes, types: dict[str, str] | None = None, lang: str = "en", **said: Any
) -> tuple[list[tuple[str, ...]], Warnings]:
    """The headings and the rows of all columns, and the warnings by their code."""
    path, told = folder / "data.csv", list[tuple[str, str]]()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    columns = [{"field": field, "type": kind} for field, kind in (types or {}).items()]
    rows = opened(dataset(path, **said), columns, folder, lang=lang, warnings=told, every_column=True)
    return [tuple(column.title for column in rows.columns), *cells(rows)], dict(told)


def refused(folder: Path, content: str, types: dict[str, str] | None = None, **said: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(folder, content, types, **said)
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    lines = [["name", "note"], ["x", '"a,b;c|d\te, f"'], ["y", "1"], ["z", "2"]]
    content = "".join(f"{delimiter.join(line)}\n" for line in lines)
    rows, warnings = read(tmp_path, content)
    assert rows == [("name", "note"), ("x", "a,b;c|d e, f"), ("y", "1"), ("z", "2")]
    assert warnings == {}


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", [("a", "b"), ("1,5", "2,5"), ("3,5", "4,5")]),
        ("a\n1\n2\n", [("a",), ("1",), ("2",)]),
        ("a;b\n", [("a", "b")]),
        ("sep=;\na,x;b\n1;2\n", [("a,x", "b"), ("1", "2")]),
        ('"sep=|"\r\na|b\r\n1|2\r\n', [("a", "b"), ("1", "2")]),
        ("\ufeffSEP=;\na;b\n1;2\n", [("a", "b"), ("1", "2")]),
        ("a,b\nx; y,1; 2\nz; t,3; 4\n", [("a", "b"), ("x; y", "1; 2"), ("z; t", "3; 4")]),
    ],
)
def test_a_file_is_parted_as_it_means(tmp_path: Path, content: str, rows: list[tuple[str, ...]]) -> None:
    assert read(tmp_path, content) == (rows, {})


def test_a_tsv_is_parted_by_tabs_alone(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "a,b\tc\n1,2\t3\n", format="tsv")
    assert rows == [("a,b", "c"), ("1,2", "3")]


@pytest.mark.parametrize("written", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, "ä;b\n1;2\n".encode(written)) == ([("ä", "b"), ("1", "2")], {})


def test_another_encoding_is_guessed_and_told(tmp_path: Path) -> None:
    rows, warnings = read(tmp_path, "Straße;b\n1;2\n".encode("cp1252"))
    assert rows == [("Straße", "b"), ("1", "2")]
    assert warnings.keys() == {"guessed_encoding"}
    assert read(tmp_path, "Straße;b\n1;2\n".encode("cp1252"), encoding="latin1")[1] == {}


def test_lines_above_the_headings_are_left_out_and_told_of(tmp_path: Path) -> None:
    content = "Account 5\n\nFrom,2026-01-01\nday,text,amount\n2026-01-05,x,1\n2026-01-06,y,2\n"
    rows, warnings = read(tmp_path, content)
    assert rows == [("day", "text", "amount"), ("2026-01-05", "x", "1"), ("2026-01-06", "y", "2")]
    assert warnings == {
        "rows_above_headings": "2 rows above the headings were left out: 'Account 5', 'From'. If the headings are "
        "elsewhere, set 'header_row' or 'skip_rows'."
    }


@pytest.mark.parametrize("said", [{"header_row": 3}, {"skip_rows": 2}])
def test_the_line_of_the_headings_can_be_said(tmp_path: Path, said: dict[str, Any]) -> None:
    content = "a,b,c\n1,2,3\nd,e,f\n4,5,6\n\nx,y\n"
    refusal = refused(tmp_path, content, **said)
    assert refusal.message.startswith("Line 6 has 2 cells, but there are 3 columns.")
    assert read(tmp_path, content[:-5], **said) == ([("d", "e", "f"), ("4", "5", "6")], {})


def test_a_file_may_have_no_headings(tmp_path: Path) -> None:
    rows, warnings = read(tmp_path, "1,2\n3,4\n", {"Column 2": "integer"}, header="none")
    assert rows == [("Column 1", "Column 2"), ("1", "2"), ("3", "4")]
    assert warnings.keys() == {"unnamed_columns"}


def test_short_and_long_rows_are_filled_if_that_is_asked_for(tmp_path: Path) -> None:
    content = "a,b\n1\n1,2,3\n1,2,,\n"
    rows, warnings = read(tmp_path, content, ragged="fill")
    assert rows == [("a", "b", "Column 3"), ("1", "", ""), ("1", "2", "3"), ("1", "2", "")]
    assert warnings.keys() == {"filled_rows", "unnamed_columns"}
    assert warnings["filled_rows"].endswith("The first: Line 2.")
    refusal = refused(tmp_path, content)
    assert (refusal.code, refusal.field) == ("malformed_dataset", "ragged")


def test_cells_that_come_late_in_columns_without_a_heading_are_counted(tmp_path: Path) -> None:
    content = "a,b,\n" + "1,2,\n" * 1_500 + "1,2,x\n" * 3
    rows, warnings = read(tmp_path, content)
    assert rows[-1] == ("1", "2")
    assert warnings["cells_left_out"].startswith("3 cells were left out: their columns have no heading")
    assert "3 cells" in read(tmp_path, "a,b\n" + "1,2\n" * 1_500 + "1,2,x\n" * 3, ragged="fill")[1]["cells_left_out"]


def test_empty_cells_beyond_the_headings_are_no_cells(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,2,,\n3,4\n") == ([("a", "b"), ("1", "2"), ("3", "4")], {})


def test_a_heading_of_100_000_characters_is_clipped(tmp_path: Path) -> None:
    rows, warnings = read(tmp_path, "x" * 100_000 + ",b\n1,2\n")
    assert len(rows[0][0]) == MAX_NAME_CHARS
    assert warnings.keys() == {"clipped_headings"}
    assert len(warnings["clipped_headings"]) < 200


@pytest.mark.parametrize(
    ("content", "lang", "said"),
    [
        ("Betrag;x\n1.240,10;a\n980,00;b\n", "en", {}),  # proved by the cells
        ("Betrag;x\n1.240;a\n980;b\n", "de", {}),  # as the language has it
        ("Betrag;x\n1.240;a\n980;b\n", "en", {"decimal": ","}),
        ("Betrag;x\n1.240;a\n980;b\n", "en", {"thousands": "."}),
        ("Betrag,x\n1240.00,a\n980.00,b\n", "de", {}),
        ('Betrag,x\n"1,240",a\n980,b\n', "en", {}),
        ("Betrag;x\n€ 1.240,00;a\n980,00 €;b\n", "en", {}),
        ("Betrag;x\n1 240,00;a\n980,00;b\n", "fr", {}),
    ],
)
def test_sums_are_right_however_numbers_are_written(
    tmp_path: Path, content: str, lang: str, said: dict[str, Any]
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(content, encoding="utf-8")
    column = {"field": "Betrag", "type": "money", "total": "sum", "format": "0"}
    rows = opened(dataset(path, **said), [{"field": "x"}, column], tmp_path, lang=lang)
    total = [batch.columns[1][0] for batch in rows.batches() if batch.kind == "total"]
    assert total == ["2220"]


def test_a_number_that_may_be_two_is_refused(tmp_path: Path) -> None:
    refusal = refused(tmp_path, "amount;x\n1,240;a\n", {"amount": "decimal"})
    assert refusal.message.startswith("Line 2, column 'amount': '1,240' is no number")
    assert refusal.message.endswith("It may be 1240 or 1.240: set 'decimal' to '.' or ','.")


def test_an_error_names_line_column_value_and_what_would_help(tmp_path: Path) -> None:
    content = "shop,day,amount\nA,05.01.2026,1\nB,06.01.2026,-\n"
    refusal = refused(tmp_path, content, {"day": "date"})
    assert refusal.message == (
        "Line 2, column 'day': '05.01.2026' is no date; write it as 2026-11-30. "
        "Set 'date_format' to that of the file, such as 'dd.MM.yyyy'."
    )
    refusal = refused(tmp_path, content, {"amount": "integer"})
    assert refusal.message.startswith("Line 3, column 'amount': '-' is no whole number")
    assert refusal.message.endswith("Set 'nulls' to '-' if that means an empty cell.")
    rows, _ = read(tmp_path, content, {"day": "date", "amount": "integer"}, date_format="dd.MM.yyyy", nulls=["-", "NA"])
    assert rows[1:] == [("A", "Jan 5, 2026", "1"), ("B", "Jan 6, 2026", "")]


def test_texts_that_mean_an_empty_cell_are_shown_in_columns_of_text(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\nNA,1\n", nulls=["NA"])[0][1] == ("NA", "1")


def test_date_times_of_a_pattern_are_in_the_documents_zone(tmp_path: Path) -> None:
    content = "at\n05.01.2026 13:45\n"
    rows, _ = read(tmp_path, content, {"at": "datetime"}, date_format="dd.MM.yyyy HH:mm")
    assert rows[1] == ("Jan 5, 2026, 1:45\u202fPM",)
