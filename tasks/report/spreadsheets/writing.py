"""The other outputs of a report: its tables as one workbook, and each as a CSV file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.refusal import Refusal
from tasks.report.data.rows import TableRows
from tasks.report.spreadsheets.csv import write_csv
from tasks.report.spreadsheets.xlsx import write_xlsx

Table = tuple[str, Mapping[str, Any], TableRows]
"""Where its block is, the block, and its rows, opened with their values."""


def write_sheets(spec: Mapping[str, Any], tables: Sequence[Table], folder: Path) -> list[Path]:
    """Make `report.xlsx` and `report.csv` (`report-2.csv`, … for further tables), as far as the spec asks for them.

    Raises: Refusal `invalid_request` if there is no table to put into them.
    """
    wanted = [name for name in ("xlsx", "csv") if name in spec["formats"]]
    if wanted and not tables:
        message = f"A report without a table cannot be {' or '.join(wanted)}. Request only pdf."
        raise Refusal("invalid_request", message, field="formats")
    made: list[Path] = []
    if "xlsx" in wanted:
        made.append(folder / "report.xlsx")
        title = spec["document"]["title"]
        write_xlsx(made[0], [(block["title"] or title, rows) for _, block, rows in tables])
    if "csv" in wanted:
        for number, (_, _, rows) in enumerate(tables, start=1):
            made.append(folder / ("report.csv" if number == 1 else f"report-{number}.csv"))
            write_csv(made[-1], rows)
    return made
