"""A sheet of a workbook as a source, of whichever kind the workbook is."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple

from tasks.refusal import Refusal
from tasks.report.data.csv.decimal_mark import said_forms
from tasks.report.data.headings import SAMPLE_ROWS, could_name, find_heading_row, name_columns, warn_of_rows_above
from tasks.report.data.reading import Reading
from tasks.report.data.source import CHUNK_CHARS, CHUNK_ROWS, RowChunk, WantedColumn, WrittenForms, choose
from tasks.report.data.workbooks.sheet_rows import (
    Cell,
    LeftOut,
    OpenSheet,
    Row,
    column_letters,
    column_number,
)
from tasks.report.formats.cleaning import quoted
from tasks.report.spec.structs import DatasetSpec

_RANGE: Final = re.compile("([A-Za-z]+)([0-9]+):([A-Za-z]+)([0-9]*)")
_LAST_ROW: Final = 1 << 31
_SHOWN_NAMES: Final = 5


class CellArea(NamedTuple):
    """The rows and columns to read, the last ones included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    def cut_out(self, row: Row) -> Row | None:
        number, cells = row
        if not self.first_row <= number <= self.last_row:
            return None
        first, last = self.first_column, self.last_column
        return number, {column: cell for column, cell in cells.items() if first <= column <= last}


class _SheetForm(NamedTuple):
    """Which row names the columns (0 for none), and their names."""

    heading_row: int
    names: list[str]


class WorkbookFile:
    """A sheet of a workbook.

    Args:
        open_sheet: Opens it for one pass.
        spec: How it is read.
        reading: What is common to the sources of a report.
    """

    def __init__(self, open_sheet: OpenSheet, spec: DatasetSpec, reading: Reading) -> None:
        self._open = open_sheet
        self._spec = spec
        self._reading = reading
        self._area = _area(spec)

    def headings(self) -> list[str]:
        return self._form.names

    def forms(self) -> WrittenForms:
        return said_forms(self._spec)

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        heading_row, names = self._form
        chosen = list(zip(choose(names, wanted), [one.typed for one in wanted], strict=True))
        known = {column for column, name in enumerate(names) if name}
        chunk = _GrowingChunk()
        beyond = blank = 0
        with self._open() as sheet:
            for rows, share in self._in_area(sheet.rows()):
                for number, cells in rows:
                    if number <= heading_row:
                        continue
                    if not cells.keys() <= known:
                        beyond += sum(1 for column in cells if column not in known)
                    texts = [self._text(cells.get(column, ""), typed) for column, typed in chosen]
                    if "" in texts:
                        blank += sum(
                            1 for text, (column, _) in zip(texts, chosen, strict=True) if not text and column in cells
                        )
                    chunk.add(number, texts)
                    if chunk.is_full():
                        yield chunk.take(share)
            if chunk.numbers:
                yield chunk.take(1.0)
            self._warn(sheet.left_out, beyond, blank)

    @cached_property
    def _form(self) -> _SheetForm:
        sample: list[Row] = []
        with self._open() as sheet:
            for rows, _ in self._in_area(sheet.rows()):
                sample += rows[: SAMPLE_ROWS - len(sample)]
                if len(sample) >= SAMPLE_ROWS:
                    break
            if not sample:
                raise _empty(sheet.left_out)
            index = self._heading_index(sample)
            above = sample[: max(index, 0)]
            number, headings = sample[index] if index >= 0 else (0, {})
            data = sample[index + 1 :]
            texts = {column: self._text(cell, typed=False) for column, cell in headings.items()}
            used = {column for _, cells in data for column in cells}
            if number and not used <= texts.keys():
                _fill_merged(texts, number, sheet.merged())
            names = name_columns(texts, used, lambda column: f"Column {column_letters(column)}", self._reading.warn)
        warn_of_rows_above([self._text(cells[min(cells)], typed=False) for _, cells in above], self._reading.warn)
        return _SheetForm(number, names)

    def _heading_index(self, sample: Sequence[Row]) -> int:
        if self._spec.header == "none":
            return -1
        said = self._spec.header_row
        if said is not None:
            if sample[0][0] != said:
                message = f"Row {said:,} of the sheet, which 'header_row' names, is empty or hidden. Name another row."
                raise Refusal("malformed_dataset", message, field="header_row")
            return 0
        return find_heading_row(
            [{column: _could_name(cell) for column, cell in cells.items() if cell != " "} for _, cells in sample]
        )

    def _in_area(self, blocks: Iterator[tuple[list[Row], float]]) -> Iterator[tuple[list[Row], float]]:
        area = self._area
        if area is None:
            yield from blocks
            return
        for rows, share in blocks:
            cut_rows = [cut_row for row in rows if (cut_row := area.cut_out(row)) and cut_row[1]]
            if cut_rows:
                yield cut_rows, share

    def _text(self, cell: Cell, typed: bool) -> str:
        if isinstance(cell, str):
            return cell
        if not typed:
            return cell.shown
        plain = cell.plain
        if self._spec.date_format and len(plain) == len("2026-11-30") and plain[4] == "-":
            return f"{plain}T00:00:00"  # so that no pattern of dates fits it
        return plain.replace(".", ",") if self._comma and ":" not in plain else plain

    @cached_property
    def _comma(self) -> bool:
        """Whether texts are said to have decimal commas: then numbers get one too, and all are read alike."""
        return self.forms().decimal == ","

    def _warn(self, left_out: LeftOut, beyond: int, blank: int) -> None:
        warn = self._reading.warn
        if beyond:
            message = (
                f"{beyond:,} cells were left out: their columns have no heading and are empty in the first rows. "
                "Set 'header_row', 'range' or 'header'."
            )
            warn("cells_left_out", message)
        if blank:
            warn("blank_formats", f"{blank:,} cells hold values that their number formats show as nothing.")
        if left_out.uncached:
            message = (
                f"{left_out.uncached:,} formulas of the workbook have no stored value and are empty in the report. "
                "Open and save it in a spreadsheet program."
            )
            warn("uncached_formulas", message)
        hidden = _hidden(left_out)
        if hidden:
            warn("hidden_left_out", f"{hidden} left out. Set 'include_hidden' to read them.")
        if left_out.sheets:
            warn(
                "other_sheets",
                f"The workbook has {len(left_out.sheets):,} more sheets that hold cells: {_listed(left_out.sheets)}. "
                "Name the one to show in 'sheet'.",
            )


def _could_name(cell: Cell) -> bool:
    return isinstance(cell, str) and could_name(cell)


def _area(spec: DatasetSpec) -> CellArea | None:
    if spec.range is None and not spec.skip_rows and spec.header_row is None:
        return None
    skipped = max(spec.skip_rows + 1, spec.header_row or 1)
    found = _RANGE.fullmatch(spec.range or "A1:XFD")
    if found is None:
        raise Refusal("invalid_request", "The range must have the form B3:F200, or B3:F.", field="range")
    first, last = column_number(found[1]), column_number(found[3])
    return CellArea(max(int(found[2]), skipped), int(found[4] or _LAST_ROW), min(first, last), max(first, last))


def _fill_merged(texts: dict[int, str], number: int, merged: Sequence[tuple[int, int, int, int]]) -> None:
    """Give a heading that stands above several columns to each of them."""
    for first_row, last_row, first_column, last_column in merged:
        if first_row <= number <= last_row and first_column in texts:
            for column in range(first_column + 1, last_column + 1):
                texts.setdefault(column, texts[first_column])


def _hidden(left_out: LeftOut) -> str:
    counts = (
        (left_out.rows, "rows"),
        (len(left_out.columns), "columns"),
        (len(left_out.hidden_sheets), "sheets"),
    )
    found = [f"{count:,} hidden {what if count > 1 else what[:-1]}" for count, what in counts if count]
    if not found:
        return ""
    text = ", ".join(found)
    if left_out.hidden_sheets:
        text += f" ({_listed(left_out.hidden_sheets)})"
    return f"{text} with cells {'was' if sum(count for count, _ in counts) == 1 else 'were'}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(quoted, names[:_SHOWN_NAMES]))
    return f"{shown} and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else shown


def _empty(left_out: LeftOut) -> Refusal:
    if left_out.rows or left_out.columns:
        message = "All cells of the sheet are hidden. Set 'include_hidden' to read them, or name another sheet."
        return Refusal("malformed_dataset", message, field="include_hidden")
    message = "The sheet has no cells there. Its first row must name the columns; name another sheet, range or row."
    return Refusal("malformed_dataset", message, field="sheet")


class _GrowingChunk:
    """Rows on their way into a chunk. Few bytes of a workbook can make much text: cells share theirs."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._rows: list[list[str]] = []
        self._chars = 0

    def add(self, number: int, texts: list[str]) -> None:
        self.numbers.append(number)
        self._rows.append(texts)
        self._chars += sum(map(len, texts))

    def is_full(self) -> bool:
        return len(self._rows) >= CHUNK_ROWS or self._chars >= CHUNK_CHARS

    def take(self, share: float) -> RowChunk:
        numbers, rows, chars = self.numbers, self._rows, self._chars
        self.numbers, self._rows, self._chars = [], [], 0
        return RowChunk(list(zip(*rows, strict=True)), len(rows), lambda row: f"Row {numbers[row]:,}", chars, share)
