"""What every kind of workbook gives: the rows of one sheet, and what of it is hidden."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tasks.report.data.workbooks.cell_format import CellFormat


class NumberCell(NamedTuple):
    """A number with a format, or a date: how the sheet shows it is worked out only if it is wanted.

    value: digits with a point, and maybe an exponent. plain: the value for a column of numbers or dates.
    """

    value: str
    plain: str
    format: CellFormat

    @property
    def shown(self) -> str:
        """As the sheet shows it."""
        return self.format.show(self.value)


class ShownCell(NamedTuple):
    """A value that the file itself says how to show."""

    shown: str
    plain: str


Cell = str | NumberCell | ShownCell
Row = tuple[int, dict[int, Cell]]
"""Its number, and its cells that are not empty by column, from 0."""


@dataclass(slots=True)
class LeftOut:
    """What one pass over a sheet met and did not give.

    Attributes:
        rows: Hidden rows with cells.
        columns: Hidden columns with cells.
        uncached: Formulas that were stored without a value.
        sheets: Other sheets with cells that are visible, by name.
        hidden_sheets: Hidden ones.
    """

    rows: int = 0
    columns: set[int] = field(default_factory=set)
    uncached: int = 0
    sheets: list[str] = field(default_factory=list)
    hidden_sheets: list[str] = field(default_factory=list)


class SheetRows(Protocol):
    """One sheet of a workbook that is open."""

    left_out: LeftOut

    def rows(self) -> Iterator[tuple[list[Row], float]]:
        """Visible rows that have cells, some at a time, and how much of the sheet was read, in [0, 1]."""
        ...

    def merged(self) -> list[tuple[int, int, int, int]]:
        """The merged cells: first and last row (from 1), first and last column (from 0)."""
        ...


OpenSheet = Callable[[], AbstractContextManager[SheetRows]]


def column_letters(column: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """A -> 0, Z -> 25, AA -> 26. What is no column is -1."""
    if not (0 < len(letters) <= 3 and letters.isascii() and letters.isalpha()):
        return -1
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
