"""What a spool holds: the lines of a table, some at a time and by column."""

from collections.abc import Mapping, Sequence
from decimal import Context
from typing import Final, NamedTuple

from tasks.report.data.table_reader import RuleHits, TableReader
from tasks.report.data.totals import Total

AVERAGE: Final = Context(prec=15)
"""As many digits as a spreadsheet's numbers hold; an average may have any number of them."""


class Entry(NamedTuple):
    """Lines of one kind (`row`, `group`, `subtotal`, `total`), as `tasks.report.table.rows.LineBatch` has them.

    rules: which one holds where. packed: the values as text (see `CellCodec.pack`), by column, if they are kept.
    label: of a line of totals, where it is printed before the total of the first column; of `packed` it then stands in
    the first column that has no total, if there is one.
    """

    kind: str
    level: int
    columns: Sequence[Sequence[str]]
    rules: RuleHits
    packed: Sequence[Sequence[str]] | None
    label: str = ""


def heading(level: int, text: str, count: int) -> Entry:
    """The heading of a group in a table of `count` columns."""
    columns = [[text], *([""] for _ in range(count - 1))]
    return Entry("group", level, columns, {}, columns)


def total_line(kind: str, level: int, label: str, totals: Mapping[int, Total], reader: TableReader) -> Entry:
    """A line of totals. Its label stands in the first column: before that one's total, if it has one."""
    columns = [[""] for _ in reader.columns]
    packed = [[""] for _ in reader.columns]
    joined = 0 in totals
    free = next((index for index in range(len(columns)) if index not in totals), None)
    if free is not None:
        packed[free] = [label]
    if not joined:
        columns[0] = [label]
    for index, total in totals.items():
        value = total.value
        if value is None:
            continue
        column = reader.columns[index]
        columns[index] = [column.plan.total_format(value)]
        if column.plan.total == "count":
            packed[index] = [str(value)]
        elif column.plan.total == "avg":
            packed[index] = [f"{AVERAGE.create_decimal(value).normalize(AVERAGE):f}"]
        else:
            packed[index] = column.codec.pack([value])
    if joined:
        columns[0] = [f"{label}: {columns[0][0]}" if columns[0][0] else label]
    return Entry(
        kind, level, columns, {}, packed, label if joined else ""
    )  # a rule speaks of one row's value, not of a sum of many
