"""XLS workbooks (Excel 97 to 2003, and before)."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.data.reading import Reading
from tasks.report.data.workbooks.built_in_formats import built_in_code
from tasks.report.data.workbooks.cell_format import CellFormat
from tasks.report.data.workbooks.choose_sheet import choose_sheet
from tasks.report.data.workbooks.date_display import iso_of
from tasks.report.data.workbooks.sheet_rows import Cell, LeftOut, NumberCell, Row
from tasks.report.spec.structs import DatasetSpec

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5
_ROWS_AT_ONCE: Final = 200
_LOCALE_FORMATS: Final = frozenset({14, 22, *range(27, 37), *range(50, 59)})
"""Built-in formats that depend on the language: XLS names them as the United States have them."""


class XlsSheet:
    """A sheet; a `tasks.report.data.workbooks.sheet_rows.SheetRows`. book and sheet are those of xlrd."""

    def __init__(self, book: Any, sheet: Any, reading: Reading, *, include_hidden: bool, left_out: LeftOut) -> None:
        self.left_out = left_out
        self._book = book
        self._sheet = sheet
        self._reading = reading
        self._include_hidden = include_hidden
        self._formats: dict[int, CellFormat] = {}

    def rows(self) -> Iterator[tuple[list[Row], float]]:
        sheet = self._sheet
        hidden = set() if self._include_hidden else {n for n, one in sheet.colinfo_map.items() if one.hidden}
        rows: list[Row] = []
        for index in range(sheet.nrows):
            cells: dict[int, Cell] = {}
            info = sheet.rowinfo_map.get(index)
            row_hidden = info is not None and bool(info.hidden) and not self._include_hidden
            for column, found in enumerate(sheet.row(index)):
                cell = self._cell(found)
                if cell == "":
                    continue
                if column in hidden:
                    if not row_hidden:
                        self.left_out.columns.add(column)
                else:
                    cells[column] = cell
            if cells and row_hidden:
                self.left_out.rows += 1
            elif cells:
                rows.append((index + 1, cells))
            if len(rows) == _ROWS_AT_ONCE:
                yield rows, (index + 1) / sheet.nrows
                rows = []
        if rows:
            yield rows, 1.0

    def merged(self) -> list[tuple[int, int, int, int]]:
        return [(first + 1, last, left, right - 1) for first, last, left, right in self._sheet.merged_cells]

    def _cell(self, cell: Any) -> Cell:
        match cell.ctype:
            case kind if kind == _TEXT:
                return self._format(cell.xf_index).text(str(cell.value))
            case kind if kind in (_NUMBER, _DATE):
                return self._number(float(cell.value), self._format(cell.xf_index))
            case kind if kind == _BOOLEAN:
                return "TRUE" if cell.value else "FALSE"
            case kind if kind == _ERROR:
                from xlrd.biffh import error_text_from_code  # noqa: PLC0415 - few reports need it

                return str(error_text_from_code.get(cell.value, "#ERROR!"))
            case _:
                return ""

    def _number(self, value: float, form: CellFormat) -> Cell:
        if not math.isfinite(value):
            return str(value)
        exact = f"{value:.15g}"
        plain = (iso_of(value, starts_1904=bool(self._book.datemode)) or exact) if form.is_date else exact
        return NumberCell(exact, plain, form)

    def _format(self, style: int | None) -> CellFormat:
        found = self._formats.get(style or 0)
        if found is None:
            locale, code = self._reading.locale, "General"
            if style is not None and 0 <= style < len(self._book.xf_list):
                key = self._book.xf_list[style].format_key
                known = self._book.format_map.get(key)
                code = built_in_code(key, locale) if key in _LOCALE_FORMATS or known is None else known.format_str
            found = self._formats[style or 0] = CellFormat(code, locale, starts_1904=bool(self._book.datemode))
        return found


@dataclass(frozen=True, slots=True)
class _XlsEntry:
    """A sheet as the workbook lists it."""

    name: str
    is_hidden: bool
    sheet: Any


class XlsFile:
    """A workbook, of which a sheet can be opened as often as it is read. The whole of it is in memory, once.

    Args:
        path: The file.
        spec: How it is read.
        reading: What is common to the sources of a report.
    """

    def __init__(self, path: str, spec: DatasetSpec, reading: Reading) -> None:
        self._path = path
        self._spec = spec
        self._reading = reading

    @contextmanager
    def open(self) -> Iterator[XlsSheet]:
        """Open the sheet that the spec asks for. Raises: Refusal `malformed_dataset`, `unknown_sheet`."""
        spec, left_out = self._spec, LeftOut()
        entries = [_XlsEntry(sheet.name, sheet.visibility != 0, sheet) for sheet in self._book.sheets()]
        if not entries:
            raise Refusal("malformed_dataset", "The workbook has no sheet with cells. Save the data in a sheet.")
        chosen = choose_sheet(entries, spec.sheet, spec.include_hidden, lambda entry: _is_filled(entry.sheet), left_out)
        yield XlsSheet(self._book, chosen.sheet, self._reading, include_hidden=spec.include_hidden, left_out=left_out)

    @cached_property
    def _book(self) -> Any:
        return _open(self._path)


def _open(path: str) -> Any:
    import xlrd  # noqa: PLC0415 - few reports need it

    try:
        return xlrd.open_workbook(path, logfile=io.StringIO(), formatting_info=True)
    except (MemoryError, Refusal):
        raise
    except Exception as error:  # xlrd raises whatever its unpacking of damaged records runs into
        encrypted = "encrypted" in str(error).lower() or "password" in str(error).lower()
        message = (
            "The workbook has a password. Save it without one."
            if encrypted
            else "The workbook has a password, or it is damaged. Save it as XLSX without a password."
        )
        raise Refusal("malformed_dataset", message) from error


def _is_filled(sheet: Any) -> bool:
    return any(kind not in (0, 6) for row in range(sheet.nrows) for kind in sheet.row_types(row))
