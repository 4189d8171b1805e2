"""Tables that show every column of their dataset: their columns are listed before they are read."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_NAME_CHARS, RowSource, WantedColumn, choose
from tasks.report.formats.cleaning import clean, quoted, short
from tasks.report.spec.structs import ColumnSpec, TableBlock

MAX_COLUMNS: Final = 60
"""As the spec has it for columns that are named."""
Warn = Callable[[str, str], None]


def expand_columns(table: TableBlock, source: RowSource) -> TableBlock:
    """The table with a list of all its columns, where it shows every column of its dataset.

    Args:
        table: The block. One that names its columns is returned as it is.
        source: Its rows.

    Raises:
        Refusal: The dataset cannot be read, has too many columns, or lacks one that the table names.
    """
    if not table.every_column:
        return table
    return msgspec.structs.replace(table, columns=_columns(table.columns, source.headings()), every_column=False)


def _columns(named: Sequence[ColumnSpec], headings: Sequence[str]) -> tuple[ColumnSpec, ...]:
    choose(headings, [WantedColumn(column.field, f"columns.{index}.field") for index, column in enumerate(named)])
    by_name = {short(clean(column.field).strip(), MAX_NAME_CHARS): column for column in named}
    names = [name for name in headings if name]
    if not names:
        raise Refusal("malformed_dataset", "The dataset has no column names. Its first line must name the columns.")
    if len(names) > MAX_COLUMNS:
        message = (
            f"The dataset has {len(names):,} columns. A table shows at most {MAX_COLUMNS}: name those to show in "
            f"'columns'. The first are {', '.join(quoted(name) for name in names[:3])}."
        )
        raise Refusal("too_many_columns", message, field="columns", limit=MAX_COLUMNS)
    return tuple(by_name.get(name) or ColumnSpec(field=name) for name in names)
