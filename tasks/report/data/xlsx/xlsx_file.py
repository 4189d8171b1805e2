"""XLSX as a source: one sheet, whose first row with cells names the columns."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from tasks.refusal import Refusal
from tasks.report.data.csv.decimal_mark import said_forms
from tasks.report.data.reading import Reading
from tasks.report.data.source import (
    CHUNK_CHARS,
    CHUNK_ROWS,
    RowChunk,
    WantedColumn,
    WrittenForms,
    check_columns,
    choose,
)
from tasks.report.data.xlsx.archive import Archive
from tasks.report.data.xlsx.sheet import Row, Sheet
from tasks.report.data.xlsx.strings import SharedStrings
from tasks.report.data.xlsx.styles import date_styles
from tasks.report.data.xlsx.workbook import read_workbook
from tasks.report.formats.cleaning import clean
from tasks.report.spec.structs import DatasetSpec


class XlsxFile:
    """A workbook's sheet, the first one if no name is given. folder: for the texts that its cells share.

    warn: told of formulas that have no value.
    """

    def __init__(self, path: str, spec: DatasetSpec, reading: Reading) -> None:
        self._path = path
        self._sheet = spec.sheet
        self._spec = spec
        self._folder = reading.folder
        self._warn = reading.warn

    def forms(self) -> WrittenForms:
        return said_forms(self._spec)

    def headings(self) -> list[str]:
        for rows, _ in self._rows():
            return _headings(rows[0])
        return []

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        chosen: list[int] | None = None
        chunk = _Growing()
        for rows, share in self._rows():
            if chosen is None:
                chosen = choose(_headings(rows.pop(0)), wanted)
            for number, cells in rows:
                chunk.add(number, [cells.get(column, "") for column in chosen])
                if chunk.is_full():
                    yield chunk.take(share)
        if chosen is None:
            raise Refusal("malformed_dataset", "The sheet is empty. Its first row must name the columns.")
        if chunk.numbers:
            yield chunk.take(1.0)

    def _rows(self) -> Iterator[tuple[list[Row], float]]:
        with closing(Archive(self._path)) as archive:
            workbook = read_workbook(archive, self._sheet)
            dates = date_styles(archive, workbook.styles)
            with closing(SharedStrings(archive, workbook.strings, self._folder)) as strings:
                sheet = Sheet(strings, dates, workbook.starts_1904)
                size = max(archive.size(workbook.sheet), 1) if workbook.sheet in archive else 1
                with archive.open(workbook.sheet) as part:
                    for rows, done in sheet.rows(part):
                        yield rows, done / size
        if sheet.uncached:
            message = (
                f"{sheet.uncached:,} formulas of the workbook have no stored value and are empty in the report. "
                "Open and save it in a spreadsheet program."
            )
            self._warn("uncached_formulas", message)


def _headings(row: Row) -> list[str]:
    _, cells = row
    check_columns(max(cells) + 1)
    return [clean(cells.get(column, "")).strip() for column in range(max(cells) + 1)]


class _Growing:
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
