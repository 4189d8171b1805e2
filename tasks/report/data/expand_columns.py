"""Tables that show every column of their dataset: their columns are spelled out before they are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.data.open_source import open_dataset
from tasks.report.data.source import WantedColumn, choose
from tasks.report.formats.cleaning import clean

MAX_COLUMNS: Final = 60
"""As the spec has it for columns that are named."""
PLAIN: Final[Mapping[str, Any]] = {
    "title": None,
    "type": "text",
    "format": None,
    "currency": None,
    "decimals": None,
    "align": None,
    "width": "auto",
    "overflow": "wrap",
    "total": None,
    "rules": [],
}
"""A column of which nothing is said but its field."""
Block = dict[str, Any]
Warn = Callable[[str, str], None]


def expand_columns(table: Block, datasets: Mapping[str, Mapping[str, Any]], folder: str, warn: Warn) -> None:
    """Give a table that shows every column the list of them.

    datasets, folder: as `open_rows` has them. Raises: Refusal, for a dataset that cannot be read, has too many columns,
    or lacks one that the table names.
    """
    if table["every_column"]:
        headings = open_dataset(datasets[table["dataset"]], folder, warn).headings()
        table["columns"] = _columns(table["columns"], headings, warn)
        table["every_column"] = False


def _columns(said: Sequence[Block], headings: Sequence[str], warn: Warn) -> list[Block]:
    choose(headings, [WantedColumn(column["field"], f"columns.{index}.field") for index, column in enumerate(said)])
    by_name = {clean(column["field"]).strip(): column for column in said}
    named = [name for name in headings if name]
    if len(named) < len(headings):
        warn("unnamed_columns", f"{len(headings) - len(named):,} columns without a heading are left out.")
    if not named:
        raise Refusal("malformed_dataset", "The dataset has no column names. Its first line must name the columns.")
    if len(named) > MAX_COLUMNS:
        message = f"The dataset has {len(named):,} columns. A table shows at most {MAX_COLUMNS}; name the ones to show."
        raise Refusal("too_many_columns", message, field="columns", limit=MAX_COLUMNS)
    return [by_name.get(name) or {"field": name, **PLAIN} for name in named]
