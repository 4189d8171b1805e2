"""The cells of one sheet, row by row, as text.

What the file says of its size is not believed, and formulas are not read: only the values that were stored with them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import IO, Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS
from tasks.report.data.xlsx.markup import MarkupText, read_markup
from tasks.report.data.xlsx.strings import SharedStrings, unescape

MAX_ROW: Final = 1_048_576
MAX_COLUMN: Final = 16_384
_DIGITS: Final = "0123456789"
_EXCEL_DIGITS: Final = 15
_MAX_NUMBER_CHARS: Final = 60
_LEAP_BUG: Final = 60
"""Excel counts a 29 February 1900."""
_MILLISECONDS: Final = 86_400_000

Row = tuple[int, dict[int, str]]
"""Its number, and its cells that are not empty by column, from 0."""


class Sheet:
    """One pass over a sheet. uncached: formulas that were stored without a value."""

    def __init__(self, strings: SharedStrings, dates: Sequence[bool], starts_1904: bool) -> None:
        self.uncached = 0
        self._strings = strings
        self._dates = dates
        self._starts_1904 = starts_1904
        self._text = MarkupText()
        self._columns: dict[str, int] = {}
        self._rows: list[Row] = []
        self._number = 0
        self._row: dict[int, str] = {}
        self._row_chars = 0
        self._column = -1
        self._kind = ""
        self._is_date = False
        self._formula = False
        self._spoken = False

    def rows(self, part: IO[bytes]) -> Iterator[tuple[list[Row], int]]:
        """Rows that have cells, some at a time, and how many bytes of the part were read. Raises: Refusal."""
        for done in read_markup(part, self._start, self._end, self._text.add):
            if self._rows:
                rows, self._rows = self._rows, []
                yield rows, done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._column = self._column_of(attributes.get("r"))
            self._kind = attributes.get("t", "n")
            style = attributes.get("s", "0")
            self._is_date = (
                len(style) < 7 and style.isdecimal() and int(style) < len(self._dates) and self._dates[int(style)]
            )
            self._formula = False
        elif name == "v" or (name == "t" and not self._spoken):
            self._text.open()
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._spoken = True
        elif name == "row":
            self._begin_row(attributes.get("r"))

    def _end(self, name: str) -> None:
        if name == "v" or (name == "t" and not self._spoken):
            self._text.close()
        elif name == "c":
            value = self._text.take()
            if value:
                self._row_chars += len(value)
                if self._row_chars > MAX_LINE_CHARS:
                    message = f"Row {self._number:,} has more than {MAX_LINE_CHARS:,} characters. Shorten it."
                    raise Refusal("cell_too_long", message, limit=MAX_LINE_CHARS)
                self._row[self._column] = self._read(value)
            elif self._formula:
                self.uncached += 1
        elif name == "rPh":
            self._spoken = False
        elif name == "row" and self._row:
            self._rows.append((self._number, self._row))

    def _begin_row(self, said: str | None) -> None:
        number = _position(said) if said else self._number + 1
        if not self._number < number <= MAX_ROW:
            message = f"After row {self._number:,} the workbook has a row numbered {number:,}. Save it again."
            raise Refusal("malformed_dataset", message)
        self._number = number
        self._row = {}
        self._row_chars = 0
        self._column = -1

    def _column_of(self, reference: str | None) -> int:
        if reference is None:
            column = self._column + 1
        else:
            letters = reference.rstrip(_DIGITS)
            found = self._columns.get(letters)
            column = self._columns[letters] = _column(letters) if found is None else found
        if not 0 <= column < MAX_COLUMN:
            raise Refusal(
                "malformed_dataset", f"Row {self._number:,} has a cell beyond the last column. Save the workbook again."
            )
        return column

    def _read(self, value: str) -> str:
        match self._kind:
            case "n":
                return self._read_number(value)
            case "s":
                return self._strings[_position(value)]
            case "b":
                return "true" if value == "1" else "false"
            case _:
                return unescape(value)

    def _read_number(self, value: str) -> str:
        if not self._is_date and len(value) <= _EXCEL_DIGITS:
            return value
        try:
            if self._is_date:
                return self._read_date(float(value))
            # Excel stores 1.1 as 1.1000000000000001, and shows, as it promises, 15 digits.
            return f"{float(value):.{_EXCEL_DIGITS}g}" if len(value) <= _MAX_NUMBER_CHARS else value
        except (ValueError, OverflowError) as error:
            raise Refusal(
                "malformed_dataset", f"Row {self._number:,} has a date or number that is out of range. Correct it."
            ) from error

    def _read_date(self, days: float) -> str:
        milliseconds = round(days * _MILLISECONDS)
        year, month, day = (1904, 1, 1) if self._starts_1904 else (1899, 12, 30 if days >= _LEAP_BUG else 31)
        moment = datetime(year, month, day) + timedelta(milliseconds=milliseconds)  # noqa: DTZ001 - of no zone
        if 0 <= days < 1 and not self._starts_1904:
            return moment.time().isoformat()
        return moment.isoformat() if milliseconds % _MILLISECONDS else moment.date().isoformat()


def _column(letters: str) -> int:
    """A -> 0, Z -> 25, AA -> 26. What is no column is -1."""
    if not (0 < len(letters) <= 3 and letters.isascii() and letters.isalpha()):
        return -1
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _position(text: str) -> int:
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else -1
