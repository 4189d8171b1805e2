"""The columns of one table while its dataset is read: texts become values, values become what is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.data.cell_codecs import Cells, Texts, cells_of
from tasks.report.data.rules import Rules
from tasks.report.data.source import Chunk, Wanted
from tasks.report.data.totals import Total, check_total
from tasks.report.formats.columns import ColumnPlan, Tongue, plan_column

Held = dict[int, dict[int, int]]
"""Column -> row -> the number of the rule that holds there."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table."""

    plan: ColumnPlan
    cells: Cells
    rules: Rules
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """Some rows, by column. values: of every wanted column, those that are only sorted or grouped by at the end.

    written: what is printed, of the table's own columns.
    """

    values: list[list[Any]]
    written: list[list[str]]
    rules: Held


class Reading:
    """Reads the wanted columns: the table's own, then those that it is only sorted or grouped by, which are text.

    Raises: Refusal, naming the field of the table.
    """

    def __init__(self, table: Mapping[str, Any], tongue: Tongue, max_cell_chars: int) -> None:
        self.columns = [
            _column(column, f"columns.{index}", tongue, max_cell_chars) for index, column in enumerate(table["columns"])
        ]
        self.wanted = [Wanted(column.plan.field, f"columns.{index}.field") for index, column in enumerate(self.columns)]
        self.cells: list[Cells] = [column.cells for column in self.columns]
        for name in ("group_by", "sort"):
            for index, one in enumerate(table[name]):
                if self.index(one["field"]) is None:
                    self.wanted.append(Wanted(one["field"], f"{name}.{index}.field"))
                    self.cells.append(Texts(one["field"], f"{name}.{index}", max_cell_chars))
        self.totals = {
            index: Total(column.plan.total)
            for index, column in enumerate(self.columns)
            if column.plan.total is not None
        }

    def index(self, field: str) -> int | None:
        """Which of the wanted columns has that name."""
        return next((index for index, wanted in enumerate(self.wanted) if wanted.field == field), None)

    def read(self, chunk: Chunk) -> Read:
        """Type and write the rows of a chunk, and count them into the totals."""
        values, written = [], []
        rules: Held = {}
        for index, (cells, texts) in enumerate(zip(self.cells, chunk.columns, strict=True)):
            typed, holes = cells.read(texts, chunk.place)
            values.append(typed)
            if index >= len(self.columns):
                continue
            column = self.columns[index]
            written.append(column.plan.write(typed, holes))
            if index in self.totals:
                self.totals[index].add(there(typed) if holes or isinstance(cells, Texts) else typed)
            if column.rules:
                held = column.rules.hold(typed, written[-1])
                if held:
                    rules[index] = held
        return Read(values, written, rules)

    def clipped(self) -> dict[str, int]:
        """Field -> how many of its cells were cut to their limit."""
        return {
            wanted.field: cells.clipped
            for wanted, cells in zip(self.wanted, self.cells, strict=True)
            if isinstance(cells, Texts) and cells.clipped
        }


def there(values: Sequence[Any]) -> list[Any]:
    """The values of cells that are not empty."""
    return [value for value in values if value is not None and value != ""]


def _column(column: Mapping[str, Any], place: str, tongue: Tongue, max_cell_chars: int) -> Column:
    check_total(column, place)
    cells = cells_of(column, place, tongue.zone, max_cell_chars)
    return Column(plan_column(column, place, tongue), cells, Rules(column, place, cells), column)
