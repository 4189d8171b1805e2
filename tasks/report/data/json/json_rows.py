"""NDJSON, and rows that stand in the spec itself, as sources. Numbers keep their digits: they are text until typed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NoReturn

from tasks.refusal import Refusal
from tasks.report.data.source import CHUNK_CHARS, CHUNK_ROWS, RowChunk, WantedColumn, check_columns, unknown_column
from tasks.report.data.text_lines import TextLines
from tasks.report.formats.cleaning import clean

Row = Mapping[str, Any]
_WORDS: Final = {True: "true", False: "false", None: ""}


class _NotFinite(ValueError):  # noqa: N818 - it is caught where it is raised
    pass


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFinite(name)


_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


class NdjsonFile:
    """A file with one JSON object a line."""

    def __init__(self, path: str, encoding: str) -> None:
        self._path = path
        self._encoding = encoding

    def headings(self) -> list[str]:
        for rows, _, _, _ in self._rows():
            return _names(rows[0])
        return []

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        columns = _RowColumns(wanted)
        for rows, places, chars, share in self._rows():
            yield columns.chunk(rows, places, chars, share)
        columns.check()

    def _rows(self) -> Iterator[tuple[list[Row], Callable[[int], str], int, float]]:
        lines = TextLines(self._path, self._encoding)
        rows: list[Row] = []
        numbers: list[int] = []
        chars = 0
        for number, line in enumerate(chain.from_iterable(lines.blocks()), start=1):
            if line.isspace():
                continue
            rows.append(_decode(line, number))
            numbers.append(number)
            chars += len(line)
            if len(rows) == CHUNK_ROWS or chars >= CHUNK_CHARS:
                yield rows, _lines(numbers), chars, lines.share
                rows, numbers, chars = [], [], 0
        if rows:
            yield rows, _lines(numbers), chars, 1.0


class InlineRows:
    """The rows of the spec's own table."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def headings(self) -> list[str]:
        return _names(self._rows[0]) if self._rows else []

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        columns = _RowColumns(wanted)
        for start in range(0, len(self._rows), CHUNK_ROWS):
            rows = self._rows[start : start + CHUNK_ROWS]
            share = (start + len(rows)) / len(self._rows)
            yield columns.chunk(rows, _rows_after(start), 0, share)
        columns.check()


class _RowColumns:
    """Turns rows into columns. A field that no row has at all is a misspelt one."""

    def __init__(self, wanted: Sequence[WantedColumn]) -> None:
        self._wanted = wanted
        self._unseen = set(wanted)
        self._names: list[str] = []

    def chunk(self, rows: Sequence[Row], place: Callable[[int], str], chars: int, share: float) -> RowChunk:
        self._names = self._names or _names(rows[0])
        if self._unseen:
            self._unseen -= {one for one in self._unseen if any(one.field in row for row in rows)}
        columns: list[list[str]] = []
        for field, where in self._wanted:
            cells: list[Any] = [row.get(field) for row in rows]
            if set(map(type, cells)) != {str}:
                cells = [_text(cell, place, index, where) for index, cell in enumerate(cells)]
            columns.append(cells)
        chars = chars or sum(len(cell) for cells in columns for cell in cells)
        return RowChunk(columns, len(rows), place, chars, share)

    def check(self) -> None:
        if self._names:
            for field, place in self._wanted:
                if WantedColumn(field, place) in self._unseen:
                    raise unknown_column(field, place, self._names)


def _decode(line: str, number: int) -> Row:
    try:
        row = _DECODER.decode(line)
    except _NotFinite as error:
        raise Refusal("invalid_cell", f"Line {number:,} contains {error}. Numbers must be finite.") from error
    except RecursionError as error:
        raise Refusal(
            "malformed_dataset", f"Line {number:,} is nested too deeply. A row must be a flat object."
        ) from error
    except ValueError as error:
        message = f'Line {number:,} is not valid JSON. Each line of NDJSON is one object, such as {{"name": "value"}}.'
        raise Refusal("malformed_dataset", message) from error
    if not isinstance(row, dict):
        raise Refusal(
            "malformed_dataset", f"Line {number:,} is not a JSON object. Each line must be the object of one row."
        )
    check_columns(len(row))
    return row


def _text(cell: Any, place: Callable[[int], str], index: int, where: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return repr(cell)
    if isinstance(cell, list | dict):
        message = f"{place(index)} has a list or an object here. A cell must be text, a number, true, false or null."
        raise Refusal("invalid_cell", message, field=where.removesuffix(".field"))
    return _WORDS[cell]


def _names(row: Row) -> list[str]:
    return [clean(name).strip() for name in row]


def _lines(numbers: list[int]) -> Callable[[int], str]:
    return lambda row: f"Line {numbers[row]:,}"


def _rows_after(start: int) -> Callable[[int], str]:
    return lambda row: f"Row {start + row + 1:,}"
