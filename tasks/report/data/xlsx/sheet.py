"""The cells of one sheet, row by row, as text.

What the file says of its size is not believed, and formulas are not read: only the values that were stored with them.
"""

import math
from collections.abc import Iterator
from typing import IO, Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS
from tasks.report.data.workbooks.cell_format import CellFormat
from tasks.report.data.workbooks.date_display import iso_of
from tasks.report.data.workbooks.sheet_rows import Cell, LeftOut, NumberCell, Row, column_number
from tasks.report.data.xlsx.markup import MarkupText, read_markup
from tasks.report.data.xlsx.strings import SharedStrings, unescape
from tasks.report.data.xlsx.styles import NumberFormats

MAX_ROW: Final = 1_048_576
MAX_COLUMN: Final = 16_384
_DIGITS: Final = "0123456789"
_EXCEL_DIGITS: Final = 15
_MAX_NUMBER_CHARS: Final = 60
_TRUE: Final = ("1", "true")


class Sheet:
    """One pass over a sheet.

    Args:
        strings: The texts that its cells share.
        formats: The number formats of its styles.
        include_hidden: Whether hidden rows and columns are given too.
        left_out: Where those that are not given are counted, and formulas that were stored without a value.
    """

    def __init__(
        self, strings: SharedStrings, formats: NumberFormats, *, include_hidden: bool, left_out: LeftOut
    ) -> None:
        self._strings = strings
        self._formats = formats
        self._include_hidden = include_hidden
        self._left_out = left_out
        self._text = MarkupText()
        self._columns: dict[str, int] = {}
        self._hidden: list[tuple[int, int]] = []
        self._rows: list[Row] = []
        self._number = 0
        self._row: dict[int, Cell] = {}
        self._row_chars = 0
        self._row_hidden = False
        self._column = -1
        self._kind = ""
        self._style = "0"
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
            self._style = attributes.get("s", "0")
            self._formula = False
        elif (name == "v" and self._text.is_empty) or (name == "t" and not self._spoken):
            self._text.open()
        elif name == "is":
            self._text.take()  # some programs write the text of a cell as its value too
        elif name == "f":
            self._formula = True
        elif name == "rPh":
            self._spoken = True
        elif name == "row":
            self._begin_row(attributes.get("r"))
            self._row_hidden = not self._include_hidden and attributes.get("hidden") in _TRUE
        elif name == "col" and not self._include_hidden and attributes.get("hidden") in _TRUE:
            first, last = _position(attributes.get("min", "")), _position(attributes.get("max", ""))
            self._hidden.append((first - 1, last - 1))

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
                self._put(value)
            elif self._formula:
                self._left_out.uncached += 1
        elif name == "rPh":
            self._spoken = False
        elif name == "row" and self._row:
            if self._row_hidden:
                self._left_out.rows += 1
            else:
                self._rows.append((self._number, self._row))

    def _put(self, value: str) -> None:
        if self._hidden and any(first <= self._column <= last for first, last in self._hidden):
            if not self._row_hidden:
                self._left_out.columns.add(self._column)
            return
        cell = self._read(value)
        if cell != "":
            self._row[self._column] = cell

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
            column = self._columns[letters] = column_number(letters) if found is None else found
        if not 0 <= column < MAX_COLUMN:
            raise Refusal(
                "malformed_dataset", f"Row {self._number:,} has a cell beyond the last column. Save the workbook again."
            )
        return column

    def _read(self, value: str) -> Cell:
        match self._kind:
            case "n":
                return self._read_number(value)
            case "s":
                return self._strings[_position(value)]
            case "b":
                return "TRUE" if value == "1" else "FALSE"
            case "str" | "inlineStr":
                return self._formats[self._style].text(unescape(value))
            case _:
                return unescape(value)

    def _read_number(self, value: str) -> Cell:
        form = self._formats[self._style]
        if form.is_general and len(value) <= _EXCEL_DIGITS:
            return value if value.isdecimal() else NumberCell(value, value, form)
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return unescape(value)
        if not math.isfinite(number):
            return value
        # Excel stores 1.1 as 1.1000000000000001, and shows, as it promises, 15 digits.
        exact = f"{number:.{_EXCEL_DIGITS}g}" if _EXCEL_DIGITS < len(value) <= _MAX_NUMBER_CHARS else value.strip()
        return NumberCell(exact, self._plain(number, exact, form), form)

    def _plain(self, number: float, exact: str, form: CellFormat) -> str:
        if not form.is_date:
            return exact
        return iso_of(number, starts_1904=self._formats.starts_1904) or exact


def _position(text: str) -> int:
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else -1
