"""A table as CSV: RFC 4180, in UTF-8, with what looks like a formula escaped.

Numbers have a point and no other mark, dates are ISO 8601: it is for programs. Totals and headings of groups are rows
as in the other outputs; a table without them is rows alone.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from tasks.report.data.entries import Entry
from tasks.report.data.rows import TableRows
from tasks.report.formats.columns import DATES, NUMBERS
from tasks.report.spreadsheets.formula_escape import escape_formula

_BOM = "\ufeff"


def write_csv(path: Path, rows: TableRows, *, bom: bool = True) -> None:
    """Write the table to `path`, a new file.

    bom: begin with a byte order mark. Without it Excel takes the file for one in the code page of its country, and
    spoils whatever is not ASCII; other programs read past it.
    """
    typed = [index for index, column in enumerate(rows.columns) if column.type in NUMBERS or column.type in DATES]
    with path.open("x", encoding="utf-8", newline="") as file:
        if bom:
            file.write(_BOM)
        writer = csv.writer(file)
        if any(column.title for column in rows.columns):
            writer.writerow([escape_formula(column.title) for column in rows.columns])
        for entry in rows.entries():
            writer.writerows(zip(*_columns(entry, typed), strict=True))


def _columns(entry: Entry, typed: Sequence[int]) -> list[Sequence[str]]:
    if entry.packed is None:
        raise ValueError("the rows were opened without their values")
    safe = typed if entry.kind == "row" else ()  # labels stand in columns of any type
    return [
        texts if index in safe else [escape_formula(text) for text in texts] for index, texts in enumerate(entry.packed)
    ]
