"""Tables that show every column of their dataset."""

from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data.expand_columns import MAX_COLUMNS, PLAIN, expand_columns
from tasks.report.spec import table as spec
from tasks.report.spec.table import Column

DATASET = {"format": "csv", "delimiter": None, "encoding": "utf-8", "sheet": None}


def columns_of(folder: Path, headings: str, *said: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The columns that are spelled out, and the codes of warnings."""
    path, codes = folder / "data.csv", list[str]()
    path.write_text(f"{headings}\n1,2,3\n")
    columns = [Column(**one).model_dump(mode="json") for one in said]
    table: dict[str, Any] = {"type": "table", "dataset": "d", "columns": columns, "every_column": True}
    expand_columns(table, {"d": {**DATASET, "path": str(path)}}, str(folder), lambda code, _: codes.append(code))
    assert table["every_column"] is False
    return table["columns"], codes


def test_a_plain_column_is_as_the_spec_fills_it_in() -> None:
    assert Column(field="a").model_dump(mode="json") == {"field": "a", **PLAIN}
    assert MAX_COLUMNS == spec.MAX_COLUMNS


def test_columns_come_in_the_datasets_order_and_those_that_are_named_as_they_say(tmp_path: Path) -> None:
    columns, codes = columns_of(tmp_path, "day,shop,amount", {"field": "amount", "type": "money", "total": "sum"})
    assert [(column["field"], column["type"]) for column in columns] == [
        ("day", "text"),
        ("shop", "text"),
        ("amount", "money"),
    ]
    assert columns[2]["total"] == "sum"
    assert codes == []


def test_a_table_that_names_its_columns_is_left_alone(tmp_path: Path) -> None:
    table = {"type": "table", "dataset": "nowhere", "columns": [{"field": "a"}], "every_column": False}
    expand_columns(table, {}, str(tmp_path), lambda *_: None)
    assert table["columns"] == [{"field": "a"}]


def test_columns_without_a_heading_are_left_out_and_told_of(tmp_path: Path) -> None:
    columns, codes = columns_of(tmp_path, "day,,amount")
    assert [column["field"] for column in columns] == ["day", "amount"]
    assert codes == ["unnamed_columns"]


@pytest.mark.parametrize(
    ("headings", "said", "code", "field"),
    [
        ("day,shop,amount", {"field": "price"}, "unknown_column", "columns.0.field"),
        (",".join(f"c{n}" for n in range(61)), None, "too_many_columns", "columns"),
        (",,", None, "malformed_dataset", None),
    ],
)
def test_what_cannot_be_shown_is_refused(
    headings: str, said: dict[str, Any] | None, code: str, field: str | None, tmp_path: Path
) -> None:
    with pytest.raises(Refusal) as caught:
        columns_of(tmp_path, headings, *([said] if said else []))
    assert (caught.value.code, caught.value.field) == (code, field)
