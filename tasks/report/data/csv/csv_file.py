"""CSV as a source: RFC 4180, and what spreadsheet programs make of it; encoding and delimiter are said or found."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Final

from tasks.refusal import Refusal
from tasks.report.data.csv.decimal_mark import find_forms
from tasks.report.data.csv.dialect import CANDIDATES, check_delimiter, find_delimiter, sep_line
from tasks.report.data.headings import SAMPLE_ROWS, could_name, find_heading_row, name_columns, warn_of_rows_above
from tasks.report.data.reading import Reading
from tasks.report.data.source import (
    CHUNK_CHARS,
    CHUNK_ROWS,
    MAX_FIELD_CHARS,
    RowChunk,
    WantedColumn,
    WrittenForms,
    choose,
)
from tasks.report.data.text.encodings import TextEncoding, find_encoding
from tasks.report.data.text.lines import TextLines
from tasks.report.spec.structs import DatasetSpec

_SLICE_ROWS: Final = 20
_LEAST_WIDTH: Final = 3
"""Of data whose headings may be below the first line: a title above two columns looks like the heading of one."""


@dataclass(frozen=True, slots=True)
class _CsvForm:
    """How a file is read, once that is known. headings: the record that names the columns, from 0; -1 for none."""

    encoding: TextEncoding
    delimiter: str
    skip_lines: int
    headings: int
    names: list[str]
    forms: WrittenForms


class CsvFile:
    """A CSV file.

    Args:
        path: The file.
        spec: How it is read.
        reading: What is common to the sources of a report.
    """

    def __init__(self, path: str, spec: DatasetSpec, reading: Reading) -> None:
        self._path = path
        self._spec = spec
        self._reading = reading
        if spec.delimiter is not None:
            check_delimiter(spec.delimiter)

    def headings(self) -> list[str]:
        return self._form.names

    def forms(self) -> WrittenForms:
        return self._form.forms

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        form = self._form
        reader = _CsvReader(self._path, form.encoding, form.delimiter, form.skip_lines)
        if form.headings >= 0:
            reader.skip(form.headings + 1)
        hint = ""
        if len(form.names) == 1 and any(mark in form.names[0] for mark in CANDIDATES):
            hint = " Set 'delimiter' to that of the file."
        yield from _EvenRows(reader, form.names, fill=self._spec.ragged == "fill").chunks(
            choose(form.names, wanted, hint), self._reading.warn
        )

    @cached_property
    def _form(self) -> _CsvForm:
        spec, warn = self._spec, self._reading.warn
        encoding = find_encoding(Path(self._path), spec.encoding, self._reading.lang, warn)
        head = _head(self._path, encoding)
        said = sep_line(head)
        delimiter = spec.delimiter or ("\t" if spec.format == "tsv" else said)
        if delimiter is None:
            delimiter = find_delimiter("".join(head.splitlines(keepends=True)[spec.skip_rows :]))
        check_delimiter(delimiter)
        skip_lines = max(spec.skip_rows, (spec.header_row or 1) - 1, 1 if said else 0)
        reader = _CsvReader(self._path, encoding, delimiter, skip_lines)
        sample = reader.take(SAMPLE_ROWS, broken=True)
        if not any(sample):
            raise Refusal("malformed_dataset", "The dataset is empty. Its first line must name the columns.")
        row = self._heading_row(sample)
        data = [record for record in sample[row + 1 :] if record]
        names = self._names(sample[row] if row >= 0 else [], data)
        above = [next(filter(str.strip, record), "") for record in sample[: max(row, 0)]]
        warn_of_rows_above([text for text in above if text], warn)
        forms = find_forms(spec, delimiter, self._reading.lang, data)
        return _CsvForm(encoding, delimiter, skip_lines, row, names, forms)

    def _heading_row(self, sample: Sequence[Sequence[str]]) -> int:
        first = next(index for index, record in enumerate(sample) if record)
        if self._spec.header == "none":
            return -1
        if self._spec.header_row is not None:
            return first
        filled = [{column: could_name(cell) for column, cell in enumerate(record) if cell.strip()} for record in sample]
        found = find_heading_row(filled, _LEAST_WIDTH)
        # A record that is no wider than the first one is no better: there the headings are where they belong.
        return found if found >= 0 and len(sample[found]) >= len(sample[first]) else first

    def _names(self, headings: Sequence[str], data: Sequence[Sequence[str]]) -> list[str]:
        widest = max(map(len, data), default=0)
        width = widest if self._spec.ragged == "fill" or not headings else len(headings)
        used = {column for record in data for column, cell in enumerate(record[:width]) if cell.strip()}
        names = name_columns(dict(enumerate(headings)), used, lambda column: f"Column {column + 1}", self._reading.warn)
        if not headings:
            return [name or f"Column {column + 1}" for column, name in enumerate(names)]
        return names


def _head(path: str, encoding: TextEncoding) -> str:
    block = next(TextLines(path, encoding).blocks(), None)
    return block.getvalue() if block else ""


class _CsvReader:
    """One pass over the records of a file."""

    def __init__(self, path: str, encoding: TextEncoding, delimiter: str, skip_lines: int) -> None:
        csv.field_size_limit(MAX_FIELD_CHARS)
        self.lines = TextLines(path, encoding)
        lines = chain.from_iterable(self.lines.blocks())
        self._skipped = sum(1 for _ in islice(lines, skip_lines))
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)

    @property
    def line(self) -> int:
        """How many lines of the file were read."""
        return self._skipped + self._reader.line_num

    def skip(self, records: int) -> None:
        self.take(records)

    def take(self, count: int, *, broken: bool = False) -> list[list[str]]:
        """The next `count` records, blank lines too. broken: what stands before a malformed one is enough."""
        records: list[list[str]] = []
        try:
            self.read(count, records)
        except Refusal:
            if not (broken and any(records)):
                raise
        return records

    def read(self, count: int, records: list[list[str]]) -> bool:
        """Add `count` more records; False if there are no more. Those before an error stay: they tell where it is."""
        start = self.line
        before = len(records)
        try:
            records.extend(islice(self._reader, count))
        except csv.Error as error:
            line = Places(records[before:], start).line(len(records) - before)
            raise _malformed(error, line) from error
        return len(records) > before


class _EvenRows:
    """The rows of a file, of which each has a cell for each column."""

    def __init__(self, reader: _CsvReader, names: Sequence[str], *, fill: bool) -> None:
        self._reader = reader
        self._width = len(names)
        self._unnamed = [column for column, name in enumerate(names) if not name]
        self._fill = fill
        self._filled = self._surplus = self._left_out = 0
        self._first: str | None = None

    def chunks(self, chosen: Sequence[int], warn: Callable[[str, str], None]) -> Iterator[RowChunk]:
        """Yields: The chosen columns, some rows at a time."""
        lines, reader = self._reader.lines, self._reader
        everything = list(chosen) == list(range(self._width))
        pick = itemgetter(*chosen, chosen[0])  # one more than asked: a single one would come without its tuple
        counted = 0
        while True:
            start_line, start_chars = reader.line, lines.chars
            records: list[list[str]] = []
            while len(records) < CHUNK_ROWS and lines.chars - start_chars < CHUNK_CHARS:
                if not reader.read(_SLICE_ROWS, records):
                    break
            if not records:
                break
            places = Places(records, start_line)
            rows = records if all(records) else [record for record in records if record]
            if not set(map(len, rows)) <= {self._width}:
                rows = self._even(rows, places)
            if self._unnamed:
                self._left_out += sum(1 for row in rows for column in self._unnamed if row[column].strip())
            columns = list(zip(*(rows if everything else map(pick, rows)), strict=True))[: len(chosen)]
            if rows:
                yield RowChunk(columns, len(rows), places, lines.chars - counted, lines.share)
                counted = lines.chars
        self._warn(warn)

    def _even(self, rows: list[list[str]], places: "Places") -> list[list[str]]:
        """The rows made as wide as the headings; what that adds or leaves out is counted. Raises: Refusal."""
        width = self._width
        result = []
        for index, row in enumerate(rows):
            surplus = sum(map(bool, map(str.strip, row[width:])))
            if len(row) < width or surplus:
                if not self._fill:
                    raise _uneven(places(index), len(row), width)
                self._filled += len(row) < width
                self._surplus += surplus
                self._first = self._first or places(index)
            result.append(row[:width] + [""] * (width - len(row)))
        return result

    def _warn(self, warn: Callable[[str, str], None]) -> None:
        if self._filled:
            warn(
                "filled_rows",
                f"{self._filled:,} rows had fewer cells than there are columns and were filled with empty ones. "
                f"The first: {self._first}.",
            )
        if self._surplus or self._left_out:
            count = self._surplus + self._left_out
            message = f"{count:,} cells were left out: their columns have no heading and are empty in the first rows."
            warn("cells_left_out", message)


class Places:
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


def _malformed(error: csv.Error, line: int) -> Refusal:
    if "field larger than" in str(error):
        message = (
            f"A cell that begins in line {line:,} has more than {MAX_FIELD_CHARS:,} characters. "
            "Check that every quote is closed."
        )
        return Refusal("cell_too_long", message, limit=MAX_FIELD_CHARS)
    if "unexpected end" in str(error):
        message = f"A quote in the row of line {line:,} is not closed. Write a quote inside a cell twice."
    else:
        message = f"Line {line:,} is not valid CSV. After a closing quote, a delimiter or the line's end must follow."
    return Refusal("malformed_dataset", message)


def _uneven(place: str, cells: int, width: int) -> Refusal:
    message = (
        f"{place} has {cells:,} cells, but there are {width:,} columns. Correct the row, set 'header_row' or "
        "'skip_rows' if the headings are elsewhere, or set 'ragged' to fill."
    )
    return Refusal("malformed_dataset", message, field="ragged")
