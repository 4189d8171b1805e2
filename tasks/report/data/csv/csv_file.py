"""CSV as a source: RFC 4180, strictly, with the delimiter and the encoding that the spec says."""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.source import (
    CHUNK_CHARS,
    CHUNK_ROWS,
    MAX_FIELD_CHARS,
    RowChunk,
    WantedColumn,
    check_columns,
    choose,
)
from tasks.report.data.text_lines import TextLines
from tasks.report.formats.cleaning import clean

_SLICE_ROWS: Final = 20
_OTHER_DELIMITERS: Final = (";", "\t", "|", ",")


class CsvFile:
    """A CSV file whose first line names the columns."""

    def __init__(self, path: str, delimiter: str | None, encoding: str) -> None:
        self._path = path
        self._delimiter = delimiter or ","
        self._encoding = encoding
        if self._delimiter in '"\r\n' or self._delimiter.isalnum():
            raise Refusal(
                "invalid_request",
                "The delimiter must be one character such as ; or a tab, not a letter, digit or quote.",
            )

    def headings(self) -> list[str]:
        return _CsvReader(self._path, self._delimiter, self._encoding).headings

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        return _CsvReader(self._path, self._delimiter, self._encoding).chunks(wanted)


class _CsvReader:
    """One pass over the file."""

    def __init__(self, path: str, delimiter: str, encoding: str) -> None:
        csv.field_size_limit(MAX_FIELD_CHARS)
        self._lines = TextLines(path, encoding)
        self._reader = csv.reader(chain.from_iterable(self._lines.blocks()), delimiter=delimiter, strict=True)
        self._delimiter = delimiter
        first: list[list[str]] = []
        while not any(first):  # blank lines before the headings
            first = self._take(1, [])
            if not first:
                raise Refusal("malformed_dataset", "The dataset is empty. Its first line must name the columns.")
        self.headings = [clean(name).strip() for name in first[0]]
        check_columns(len(self.headings))

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        chosen = choose(self.headings, wanted, self._hint())
        everything = chosen == list(range(len(self.headings)))
        pick = itemgetter(*chosen, chosen[0])  # one more than asked: a single one would come without its tuple
        counted = 0
        while True:
            start_line, start_chars = self._reader.line_num, self._lines.chars
            records: list[list[str]] = []
            while len(records) < CHUNK_ROWS and self._lines.chars - start_chars < CHUNK_CHARS:
                if not self._take(_SLICE_ROWS, records):
                    break
            if not records:
                return
            places = _Places(records, start_line)
            rows = records if all(records) else [record for record in records if record]
            self._check_widths(rows, places)
            columns = list(zip(*(rows if everything else map(pick, rows)), strict=True))[: len(chosen)]
            if rows:
                yield RowChunk(columns, len(rows), places, self._lines.chars - counted, self._lines.share)
                counted = self._lines.chars

    def _take(self, count: int, records: list[list[str]]) -> list[list[str]]:
        """Read `count` more records; those before an error stay in `records`, and tell where it is."""
        start = self._reader.line_num
        before = len(records)
        try:
            records.extend(islice(self._reader, count))
        except csv.Error as error:
            line = _Places(records[before:], start).line(len(records) - before)
            raise self._malformed(error, line) from error
        return records[before:]

    def _malformed(self, error: csv.Error, line: int) -> Refusal:
        if "field larger than" in str(error):
            message = (
                f"A cell that begins in line {line:,} has more than {MAX_FIELD_CHARS:,} characters. "
                "Check that every quote is closed."
            )
            return Refusal("cell_too_long", message, limit=MAX_FIELD_CHARS)
        if "unexpected end" in str(error):
            message = f"A quote in the row of line {line:,} is not closed. Write a quote inside a cell twice."
        else:
            message = (
                f"Line {line:,} is not valid CSV. After a closing quote, a delimiter or the line's end must follow."
            )
        return Refusal("malformed_dataset", message)

    def _check_widths(self, rows: list[list[str]], places: "_Places") -> None:
        width = len(self.headings)
        if set(map(len, rows)) <= {width}:
            return
        index = next(index for index, row in enumerate(rows) if len(row) != width)
        message = f"{places(index)} has {len(rows[index]):,} cells, but the first line has {width:,}. Correct the row."
        raise Refusal("malformed_dataset", message)

    def _hint(self) -> str:
        name = self.headings[0]
        if len(self.headings) == 1 and any(mark in name for mark in _OTHER_DELIMITERS):
            return " Say the dataset's delimiter if it is no comma."
        return ""


class _Places:
    """In which line a row begins; worked out only when something is wrong there."""

    def __init__(self, records: list[list[str]], start_line: int) -> None:
        self._records = records
        self._start_line = start_line

    def __call__(self, row: int) -> str:
        """row: counted without blank lines, as a chunk does."""
        filled = [index for index, record in enumerate(self._records) if record]
        return f"Line {self.line(filled[row]):,}"

    def line(self, record: int) -> int:
        """record: counted with blank lines."""
        before = self._records[:record]
        return self._start_line + 1 + len(before) + sum(cell.count("\n") for one in before for cell in one)
