"""Tables that show every column of their dataset."""

from pathlib import Path

import pytest
from babel import Locale

from tasks.refusal import Refusal
from tasks.report.data.expand_columns import MAX_COLUMNS, expand_columns
from tasks.report.data.json.json_rows import InlineRows
from tasks.report.data.open_source import open_source
from tasks.report.data.reading import Reading
from tasks.report.spec import table as spec
from tasks.report.spec.structs import ColumnSpec, TableBlock
from tests.support.report.tables import dataset


def columns_of(folder: Path, headings: str, *said: ColumnSpec) -> tuple[tuple[ColumnSpec, ...], list[str]]:
    """The columns that a table of every column has, and the codes of warnings."""
    path, codes = folder / "data.csv", list[str]()
    path.write_text(f"{headings}\n1,2,3\n")
    table = TableBlock(dataset="data", columns=said, every_column=True)
    reading = Reading(str(folder), Locale.parse("en"), lambda code, _: codes.append(code))
    expanded = expand_columns(table, open_source(table, dataset(path), reading))
    assert expanded.every_column is False
    return expanded.columns, codes


def test_as_many_columns_are_shown_as_may_be_named() -> None:
    assert MAX_COLUMNS == spec.MAX_COLUMNS


def test_columns_come_in_the_datasets_order_and_those_that_are_named_as_they_say(tmp_path: Path) -> None:
    columns, codes = columns_of(tmp_path, "day,shop,amount", ColumnSpec(field="amount", type="money", total="sum"))
    assert [(column.field, column.type) for column in columns] == [
        ("day", "text"),
        ("shop", "text"),
        ("amount", "money"),
    ]
    assert columns[2].total == "sum"
    assert codes == []


def test_a_table_that_names_its_columns_is_left_alone() -> None:
    table = TableBlock(dataset="nowhere", columns=(ColumnSpec(field="a"),))
    assert expand_columns(table, InlineRows([])) is table


def test_columns_without_a_heading_are_named_by_their_number_and_told_of(tmp_path: Path) -> None:
    columns, codes = columns_of(tmp_path, "day,,amount")
    assert [column.field for column in columns] == ["day", "Column 2", "amount"]
    assert codes == ["unnamed_columns"]


@pytest.mark.parametrize(
    ("headings", "said", "code", "field"),
    [
        ("day,shop,amount", ColumnSpec(field="price"), "unknown_column", "columns.0.field"),
        (",".join(f"c{n}" for n in range(61)), None, "too_many_columns", "columns"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    headings: str, said: ColumnSpec | None, code: str, field: str | None, tmp_path: Path
) -> None:
    with pytest.raises(Refusal) as caught:
        columns_of(tmp_path, headings, *([said] if said else []))
    assert (caught.value.code, caught.value.field) == (code, field)
