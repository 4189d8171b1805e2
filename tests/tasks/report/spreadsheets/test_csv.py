"""CSV out: values for programs, formulas for nobody, and what was read comes back."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tasks.report.spreadsheets.csv import write_csv
from tests.support.report import tables
from tests.support.report.tables import dataset, ledger, opened


def written(folder: Path, rows: list[dict[str, Any]], columns: list[dict[str, Any]], **said: Any) -> list[list[str]]:
    write_csv(folder / "out.csv", opened(rows, columns, folder, keep_values=True, **said))
    with (folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_values_are_written_for_programs_whatever_the_language(tmp_path: Path) -> None:
    columns = [
        {"field": "amount", "type": "money", "title": "Betrag"},
        {"field": "day", "type": "date"},
        {"field": "moment", "type": "datetime"},
        {"field": "ok", "type": "boolean"},
        {"field": "share", "type": "percent"},
        {"field": "id"},
    ]
    row = {
        "amount": -1234.5,
        "day": "2026-01-05",
        "moment": "2026-07-01T12:00Z",
        "ok": True,
        "share": 0.125,
        "id": "007",
    }
    assert written(tmp_path, [row, {}], columns, lang="de") == [
        ["Betrag", "day", "moment", "ok", "share", "id"],
        ["-1234.5", "2026-01-05", "2026-07-01T14:00:00+02:00", "true", "0.125", "007"],
        ["", "", "", "", "", ""],
    ]


def test_formulas_are_defused_in_cells_headings_and_names_of_groups_but_numbers_are_not(tmp_path: Path) -> None:
    rows = [{"=a": "=1+1", "n": -5, "g": "@g"}, {"=a": "-5.5", "n": 7, "g": "@g"}]
    columns = [{"field": "=a"}, {"field": "n", "type": "integer", "total": "min"}]
    assert written(tmp_path, rows, columns, group_by=[{"field": "g"}]) == [
        ["'=a", "n"],
        ["'@g", ""],
        ["'=1+1", "-5"],
        ["-5.5", "7"],
        ["Total @g", "-5"],
        ["Total", "-5"],
    ]


def test_totals_are_those_of_the_other_outputs(tmp_path: Path) -> None:
    rows = [{"a": "0.10", "b": 1, "c": "x"}] * 3
    columns = [
        {"field": "c", "total": "count"},
        {"field": "a", "type": "money", "total": "sum"},
        {"field": "b", "type": "integer", "total": "avg"},
    ]
    assert written(tmp_path, rows, columns)[-1] == ["3", "0.30", "1"]
    thirds = [{"a": 1}, {"a": 0}, {"a": 0}]
    (tmp_path / "out.csv").unlink()
    column = {"field": "a", "type": "decimal", "total": "avg"}
    assert written(tmp_path, thirds, [column])[-1] == ["0.333333333333333"]


@pytest.mark.parametrize("bom", [True, False])
def test_the_mark_that_excel_needs_can_be_left_out(tmp_path: Path, bom: bool) -> None:
    rows = opened([{"a": "東京"}], [{"field": "a"}], tmp_path, keep_values=True)
    write_csv(tmp_path / "out.csv", rows, bom=bom)
    assert (tmp_path / "out.csv").read_bytes() == (b"\xef\xbb\xbf" if bom else b"") + "a\r\n東京\r\n".encode()


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    source = tables.write_csv(tmp_path / "data.csv", ledger(2_500))
    first = opened(dataset(source), tables.LEDGER, tmp_path, keep_values=True)
    write_csv(tmp_path / "again.csv", first)
    again = opened(dataset(tmp_path / "again.csv"), tables.LEDGER, tmp_path, keep_values=True)
    assert list(again.entries()) == list(first.entries())


def test_rows_without_their_values_are_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without their values"):
        write_csv(tmp_path / "out.csv", opened([{"a": 1}], [{"field": "a"}], tmp_path))
