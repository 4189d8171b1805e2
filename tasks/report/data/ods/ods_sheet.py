"""The cells of one sheet of an ODS workbook. The file itself says how each is shown."""

from collections.abc import Iterator
from typing import IO, Final

from tasks.refusal import Refusal
from tasks.report.data.source import MAX_LINE_CHARS
from tasks.report.data.workbooks.sheet_rows import Cell, LeftOut, Row, ShownCell
from tasks.report.data.xlsx.markup import MarkupText, read_markup

MAX_ROW: Final = 1_048_576
MAX_COLUMN: Final = 16_384
_MAX_SPACES: Final = 100
_CELLS: Final = ("table:table-cell", "table:covered-table-cell")
_ASIDE: Final = ("annotation", "office:annotation", "draw:frame", "draw:custom-shape", "draw:control", "text:ruby-text")
"""What stands in a cell and is no text of it."""
_HIDDEN: Final = ("collapse", "filter")
_VALUES: Final = ("office:value", "office:date-value", "office:boolean-value")


class OdsSheet:
    """A sheet; a `tasks.report.data.workbooks.sheet_rows.SheetRows`.

    Args:
        part: The workbook's content.
        size: Its bytes.
        number: Which of its sheets it is, from 0.
        include_hidden: Whether hidden rows and columns are given too.
        left_out: Where those that are not given are counted.
    """

    def __init__(self, part: IO[bytes], size: int, number: int, *, include_hidden: bool, left_out: LeftOut) -> None:
        self.left_out = left_out
        self._part = part
        self._size = max(size, 1)
        self._wanted = number
        self._include_hidden = include_hidden
        self._merged: list[tuple[int, int, int, int]] = []
        self._rows: list[tuple[dict[int, Cell], int, int]] = []
        self._text = MarkupText()
        self._table = -1
        self._depth = 0
        self._inside = False
        self._ended = False
        self._number = 0
        self._columns = 0
        self._hidden: list[tuple[int, int]] = []
        self._row: dict[int, Cell] = {}
        self._row_repeated = 1
        self._row_hidden = False
        self._row_chars = 0
        self._column = 0
        self._attributes: dict[str, str] = {}
        self._paragraphs = 0
        self._aside = 0

    def rows(self) -> Iterator[tuple[list[Row], float]]:
        for done in read_markup(self._part, self._start, self._end, self._add):
            rows, self._rows = self._rows, []
            for cells, first, count in rows:
                for number in range(first, first + count):  # each by itself: a file of few bytes can have a million
                    yield [(number, cells)], done / self._size
            if self._ended:
                return

    def merged(self) -> list[tuple[int, int, int, int]]:
        return self._merged

    def _add(self, text: str) -> None:
        if not self._aside:
            self._text.add(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self._depth += 1
            if self._depth == 1:
                self._table += 1
                self._inside = self._table == self._wanted
        if not self._inside or self._depth > 1:
            return
        if name in _CELLS:
            self._attributes = attributes
            self._paragraphs = 0
        elif name in _ASIDE:
            self._aside += 1
        elif name.startswith("text:") and not self._aside:
            self._start_text(name, attributes)
        elif name == "table:table-row":
            self._row, self._column, self._row_chars = {}, 0, 0
            self._row_repeated = _count(attributes.get("table:number-rows-repeated"))
            self._row_hidden = self._is_hidden(attributes)
        elif name == "table:table-column":
            count = _count(attributes.get("table:number-columns-repeated"))
            if self._is_hidden(attributes):
                self._hidden.append((self._columns, self._columns + count - 1))
            self._columns += count

    def _start_text(self, name: str, attributes: dict[str, str]) -> None:
        if name == "text:p":
            self._text.open()
            if self._paragraphs:
                self._text.add("\n")
            self._paragraphs += 1
        elif name == "text:s":
            self._text.add(" " * min(_count(attributes.get("text:c")), _MAX_SPACES))
        elif name in ("text:tab", "text:line-break"):
            self._text.add(" " if name == "text:tab" else "\n")

    def _is_hidden(self, attributes: dict[str, str]) -> bool:
        return not self._include_hidden and attributes.get("table:visibility") in _HIDDEN

    def _end(self, name: str) -> None:
        if name == "table:table":
            self._depth -= 1
            self._ended = self._inside and self._depth == 0
            self._inside = self._inside and not self._ended
        if not self._inside or self._depth > 1:
            return
        if name in _ASIDE:
            self._aside -= 1
        elif name == "text:p" and not self._aside:
            self._text.close()
        elif name in _CELLS:
            self._put(self._text.take())
        elif name == "table:table-row":
            self._end_row()

    def _put(self, text: str) -> None:
        attributes = self._attributes
        count = _count(attributes.get("table:number-columns-repeated"))
        first, self._column = self._column, self._column + count
        plain = next((attributes[name] for name in _VALUES if name in attributes), text)
        if not text and plain:
            text = plain
        if not text:
            return
        self._row_chars += len(text) * count
        if self._row_chars > MAX_LINE_CHARS or first + count > MAX_COLUMN:
            message = f"Row {self._number + 1:,} has more than {MAX_LINE_CHARS:,} characters or {MAX_COLUMN:,} cells."
            raise Refusal("cell_too_long", message, limit=MAX_LINE_CHARS)
        columns, rows = (_count(attributes.get(f"table:number-{one}-spanned")) for one in ("columns", "rows"))
        if columns > 1 or rows > 1:
            self._merged.append((self._number + 1, self._number + rows, first, first + columns - 1))
        cell: Cell = text if plain == text else ShownCell(text, plain)
        for column in range(first, first + count):
            if any(start <= column <= last for start, last in self._hidden):
                if not self._row_hidden:
                    self.left_out.columns.add(column)
            else:
                self._row[column] = cell

    def _end_row(self) -> None:
        first, count = self._number + 1, self._row_repeated
        self._number += count
        if not self._row:
            return
        if self._row_hidden:
            self.left_out.rows += count
        elif self._number <= MAX_ROW:
            self._rows.append((self._row, first, count))
        else:
            message = f"The workbook has a row numbered {self._number:,}. Save it again."
            raise Refusal("malformed_dataset", message)


def _count(text: str | None) -> int:
    return int(text) if text and len(text) < 9 and text.isascii() and text.isdigit() and int(text) else 1
