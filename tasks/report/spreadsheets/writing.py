"""The other outputs of a report: its tables as one workbook, and each as a CSV file."""

from collections.abc import Collection, Sequence
from pathlib import Path

from tasks.refusal import Refusal
from tasks.report.data.rows import TableRows
from tasks.report.spreadsheets.csv import write_csv
from tasks.report.spreadsheets.xlsx import write_xlsx

Table = tuple[str, TableRows]
"""Its title, and its rows, opened with their values."""


def write_sheets(formats: Collection[str], tables: Sequence[Table], folder: Path) -> list[Path]:
    """Make `report.xlsx` and `report.csv` (`report-2.csv`, … for further tables).

    Args:
        formats: Which are wanted, of `xlsx` and `csv`.
        tables: In their order.
        folder: Where the files are put.

    Returns:
        The paths of the files.

    Raises:
        Refusal: `invalid_request` if there is no table to put into them.
    """
    wanted = [name for name in ("xlsx", "csv") if name in formats]
    if wanted and not tables:
        message = f"A report without a table cannot be {' or '.join(wanted)}. Request only pdf."
        raise Refusal("invalid_request", message, field="formats")
    made: list[Path] = []
    if "xlsx" in wanted:
        made.append(folder / "report.xlsx")
        write_xlsx(made[0], tables)
    if "csv" in wanted:
        for number, (_, rows) in enumerate(tables, start=1):
            made.append(folder / ("report.csv" if number == 1 else f"report-{number}.csv"))
            write_csv(made[-1], rows)
    return made
