"""Tables that show every column of their dataset: their columns are listed before they are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from tasks.refusal import Refusal
from tasks.report.data.open_source import DatasetFile, open_dataset
from tasks.report.data.source import WantedColumn, choose
from tasks.report.formats.cleaning import clean
from tasks.report.spec.structs import ColumnSpec, TableBlock

MAX_COLUMNS: Final = 60
"""As the spec has it for columns that are named."""
Warn = Callable[[str, str], None]


def expand_columns(table: TableBlock, datasets: Mapping[str, DatasetFile], folder: str, warn: Warn) -> TableBlock:
    """The table with a list of all its columns, where it shows every column of its dataset.

    Args:
        table: The block. One that names its columns is returned as it is.
        datasets: By name.
        folder: For what is better kept on disk than in memory.
        warn: Called with a code and a message.

    Raises:
        Refusal: The dataset cannot be read, has too many columns, or lacks one that the table names.
    """
    if not table.every_column:
        return table
    headings = open_dataset(datasets, table.dataset or "", folder, warn).headings()
    return msgspec.structs.replace(table, columns=_columns(table.columns, headings, warn), every_column=False)


def _columns(named: Sequence[ColumnSpec], headings: Sequence[str], warn: Warn) -> tuple[ColumnSpec, ...]:
    choose(headings, [WantedColumn(column.field, f"columns.{index}.field") for index, column in enumerate(named)])
    by_name = {clean(column.field).strip(): column for column in named}
    names = [name for name in headings if name]
    if len(names) < len(headings):
        warn("unnamed_columns", f"{len(headings) - len(names):,} columns without a heading are left out.")
    if not names:
        raise Refusal("malformed_dataset", "The dataset has no column names. Its first line must name the columns.")
    if len(names) > MAX_COLUMNS:
        message = f"The dataset has {len(names):,} columns. A table shows at most {MAX_COLUMNS}; name the ones to show."
        raise Refusal("too_many_columns", message, field="columns", limit=MAX_COLUMNS)
    return tuple(by_name.get(name) or ColumnSpec(field=name) for name in names)
