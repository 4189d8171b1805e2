"""NDJSON and inline rows: numbers keep their digits, and nothing but flat, finite values gets in."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data.text.lines import BLOCK_BYTES
from tests.support.report.tables import cells, dataset, opened, printed


def read(folder: Path, *lines: str, kind: str = "text") -> list[tuple[str, ...]]:
    path = folder / "data.ndjson"
    path.write_text("\n".join(lines), encoding="utf-8")
    return cells(opened(dataset(path), [{"field": "a", "type": kind}], folder))


def refused(folder: Path, *lines: str, kind: str = "text") -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(folder, *lines, kind=kind)
    return caught.value


def test_each_line_is_a_row(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a": "x"}', "", '{"b": 1, "a": null}', "  ", '{"b": 2}', '{"a": ""}') == [
        ("x",),
        ("",),
        ("",),
        ("",),
    ]


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    lines = ['{"a": 12345678901234567890.10}', '{"a": 1.10}', '{"a": 0.1}', '{"a": true}']
    assert read(tmp_path, *lines) == [("12345678901234567890.10",), ("1.10",), ("0.1",), ("true",)]
    assert read(tmp_path, lines[0], kind="money") == [("€12,345,678,901,234,567,890.10",)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_are_refused_with_their_line(tmp_path: Path, number: str) -> None:
    refusal = refused(tmp_path, '{"a": 1}', f'{{"a": {number}}}', kind="decimal")
    assert refusal.code == "invalid_cell"
    assert refusal.message.startswith("Line 2")
    assert refused(tmp_path, f'{{"a": "{number}"}}', kind="decimal").code == "invalid_cell"


def test_a_number_of_thousands_of_digits_is_refused_at_once(tmp_path: Path) -> None:
    assert refused(tmp_path, f'{{"a": {"9" * 100_000}}}', kind="integer").code == "invalid_cell"
    assert refused(tmp_path, '{"a": 1e999999999}', kind="decimal").code == "invalid_cell"


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "7", "null"])
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: str) -> None:
    refusal = refused(tmp_path, '{"a": 1}', line)
    assert refusal.code == "malformed_dataset"
    assert refusal.message.startswith("Line 2")


@pytest.mark.parametrize("line", ['{"a": 1', "{'a': 1}", '{"a": 1} {"a": 2}', '{"a": 1},', "a,b"])
def test_a_line_that_is_no_json_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    refusal = refused(tmp_path, '{"a": 1}', "", line, '{"a": 3}')
    assert refusal.code == "malformed_dataset"
    assert refusal.message.startswith("Line 3 ")


def test_nesting_is_shown_as_json_where_text_is_wanted_and_refused_elsewhere(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a": "x"}', '{"a": {"b": ["é", null]}}') == [("x",), ('{"b": ["é", null]}',)]
    assert refused(tmp_path, '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}").code == "malformed_dataset"
    refusal = refused(tmp_path, '{"a": 1}', '{"a": {"b": 1}}', kind="integer")
    assert (refusal.code, refusal.field) == ("invalid_cell", "columns.0")
    assert refusal.message.startswith("Line 2")


def test_half_of_a_surrogate_pair_becomes_a_sign_of_it(tmp_path: Path) -> None:
    assert read(tmp_path, '{"a": "x\\ud83d"}', '{"a": "\\ud83d\\ude00"}') == [("x\ufffd",), ("\U0001f600",)]


def test_a_field_that_no_row_has_is_a_misspelt_one(tmp_path: Path) -> None:
    refusal = refused(tmp_path, '{"amount": 1, "b": 2}', '{"amount": 2}')
    assert (refusal.code, refusal.field) == ("unknown_column", "columns.0.field")
    assert "'amount', 'b'" in refusal.message


def test_a_field_may_come_late(tmp_path: Path) -> None:
    assert read(tmp_path, *['{"b": 1}'] * 2_500, '{"a": "x"}')[-1] == ("x",)


def test_thousands_of_keys_are_refused(tmp_path: Path) -> None:
    line = "{" + ", ".join(f'"{number}": 1' for number in range(3_000)) + "}"
    assert refused(tmp_path, line).code == "too_many_columns"


def test_a_file_without_rows_is_a_table_without_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "") == []


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        ("x", "text", "x"),
        (12, "text", "12"),
        (1.5, "text", "1.5"),
        (True, "text", "true"),
        (None, "text", ""),
        (12, "integer", "12"),
        (12.0, "integer", "12"),
        ("12", "integer", "12"),
        (0.1, "decimal", "0.1"),
        (1e22, "integer", "10,000,000,000,000,000,000,000"),
        ("2.675", "money", "€2.68"),
        (False, "boolean", "No"),
        ("2026-01-05", "date", "Jan 5, 2026"),
    ],
)
def test_inline_rows_are_typed_as_their_column_says(tmp_path: Path, value: Any, kind: str, written: str) -> None:
    assert cells(opened([{"a": value}], [{"field": "a", "type": kind}], tmp_path)) == [(written,)]


def test_a_wrong_inline_cell_is_refused_by_its_row(tmp_path: Path) -> None:
    rows = [{"a": 1}] * 1_500 + [{"a": "x"}]
    with pytest.raises(Refusal) as caught:
        opened(rows, [{"field": "a", "type": "integer"}], tmp_path)
    assert caught.value.message.startswith("Row 1,501, column 'a'")
    assert caught.value.field == "columns.0"


def test_no_inline_rows_are_no_lines(tmp_path: Path) -> None:
    assert printed(opened([], [{"field": "a", "type": "money", "total": "sum"}], tmp_path)) == []


ROWS = [{"a": 1}, {"b": "2", "a": 12.50}, {"c": [1], "a": None, "d\n": True}]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("kind", ["json", "ndjson", "auto"])
def test_the_columns_are_the_keys_of_all_rows(tmp_path: Path, kind: str, indent: int | None) -> None:
    path = tmp_path / "data.json"
    lines = "\n".join(map(json.dumps, ROWS)) if kind == "ndjson" else json.dumps(ROWS, indent=indent)
    path.write_text(lines.replace("12.5", "12.50"), encoding="utf-8-sig")
    rows = opened(dataset(path, format=kind), [], tmp_path, every_column=True)
    assert [column.title for column in rows.columns] == ["a", "b", "c", "d"]
    assert cells(rows) == [("1", "", "", ""), ("12.50", "2", "", ""), ("", "", '["1"]', "true")]


def test_an_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"a": str(number) * 9} for number in range(60_000)]))
    assert path.stat().st_size > 4 * BLOCK_BYTES
    found = cells(opened(dataset(path), [{"field": "a"}], tmp_path))
    assert found == [(str(number) * 9,) for number in range(60_000)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}', "not a JSON array"),
        ('[{"a": 1}', "Row 2 is not valid JSON"),
        ('[{"a": 1} {"a": 2}]', "not a JSON array"),
        ('[{"a": 1}, 5]', "Row 2 is not a JSON object"),
        ('[{"a": 1}, {"a": NaN}]', "Row 2 contains NaN"),
        ('[{"a": 1}]x', "Row 2 is not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_array_of_rows_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [{"field": "a"}], tmp_path)
    assert said in caught.value.message


def test_an_empty_array_is_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(" [ ] ")
    assert cells(opened(dataset(path), [{"field": "a"}], tmp_path)) == []
