"""The other outputs of a report: its tables as one workbook, and each as a CSV file."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tasks.refusal import Refusal
from tasks.report.data.rows import TableRows
from tasks.report.spreadsheets.csv import write_csv
from tasks.report.spreadsheets.xlsx import SheetOptions, write_xlsx

Table = tuple[str, TableRows]
"""Its title, and its rows, opened with their values."""


def write_sheets(
    formats: Collection[str],
    tables: Sequence[Table],
    folder: Path,
    options: SheetOptions,
    tell_cut: Callable[[int, int], None],
) -> list[Path]:
    """Make `report.xlsx` and `report.csv` (`report-2.csv`, … for further tables).

    Args:
        formats: Which are wanted, of `xlsx` and `csv`.
        tables: In their order.
        folder: Where the files are put.
        options: What the sheets of the workbook share.
        tell_cut: Called for a table, by its number from 0, with how many of its texts were cut in the workbook.

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
        for number, cut in enumerate(write_xlsx(made[0], tables, options)):
            if cut:
                tell_cut(number, cut)
    if "csv" in wanted:
        for number, (_, rows) in enumerate(tables, start=1):
            made.append(folder / ("report.csv" if number == 1 else f"report-{number}.csv"))
            write_csv(made[-1], rows)
    return made
