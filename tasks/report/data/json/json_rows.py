"""NDJSON, arrays of JSON, and rows that stand in the spec itself, as sources.

Numbers keep their digits: they are text until typed.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, NoReturn

from tasks.refusal import Refusal
from tasks.report.data.csv.decimal_mark import said_forms
from tasks.report.data.headings import name_columns
from tasks.report.data.json.json_array import array_elements
from tasks.report.data.reading import Reading
from tasks.report.data.source import (
    CHUNK_CHARS,
    CHUNK_ROWS,
    RowChunk,
    WantedColumn,
    WrittenForms,
    check_columns,
    unknown_column,
)
from tasks.report.data.text.encodings import find_encoding
from tasks.report.data.text.lines import TextLines
from tasks.report.formats.cleaning import clean, quoted
from tasks.report.spec.structs import DatasetSpec

Row = Mapping[str, Any]
_END: Final[Row] = {}
_WORDS: Final = {True: "true", False: "false", None: ""}


class _NotFinite(ValueError):  # noqa: N818 - it is caught where it is raised
    pass


def _refuse_constant(name: str) -> NoReturn:
    raise _NotFinite(name)


_DECODER: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)


class JsonFile:
    """A file of JSON objects, one a line (`ndjson`) or as an array (`json`). Its columns are the keys of all."""

    def __init__(self, path: str, spec: DatasetSpec, reading: Reading, *, one_a_line: bool) -> None:
        self._one_a_line = one_a_line
        self._path = path
        self._spec = spec
        self._reading = reading
        self._named = False

    def headings(self) -> list[str]:
        self._named = True
        return list(self._keys)

    def forms(self) -> WrittenForms:
        return said_forms(self._spec)

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        columns = _RowColumns(wanted, self._keys if self._named else {})
        for rows, places, chars, share in self._rows():
            yield columns.chunk(rows, places, chars, share)
        columns.check()

    @cached_property
    def _keys(self) -> dict[str, str]:
        """Name of a column -> key of the objects, in the order in which they appear. The whole file is read for it."""
        found: dict[str, None] = {}
        for rows, _, _, _ in self._rows():
            for row in rows:
                if not row.keys() <= found.keys():
                    found.update(dict.fromkeys(row))
                    check_columns(len(found))
        return _named(list(found), self._reading.warn)

    def _rows(self) -> Iterator[tuple[list[Row], Callable[[int], str], int, float]]:
        lines = TextLines(self._path, self._encoding)
        decoded, word = (_ndjson(lines), "Line") if self._one_a_line else (_array(lines), "Row")
        rows: list[Row] = []
        numbers: list[int] = []
        chars = 0
        for row, number, size in decoded:
            rows.append(row)
            numbers.append(number)
            chars += size
            if len(rows) == CHUNK_ROWS or chars >= CHUNK_CHARS:
                yield rows, _numbered(word, numbers), chars, lines.share
                rows, numbers, chars = [], [], 0
        if rows:
            yield rows, _numbered(word, numbers), chars, 1.0

    @cached_property
    def _encoding(self) -> Any:
        return find_encoding(Path(self._path), self._spec.encoding, self._reading.lang, self._reading.warn)


class InlineRows:
    """The rows of the spec's own table."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def headings(self) -> list[str]:
        return list(dict.fromkeys(_name(key) for row in self._rows for key in row))

    def forms(self) -> WrittenForms:
        return WrittenForms()

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        columns = _RowColumns(wanted, {})
        for start in range(0, len(self._rows), CHUNK_ROWS):
            rows = self._rows[start : start + CHUNK_ROWS]
            share = (start + len(rows)) / len(self._rows)
            yield columns.chunk(rows, _rows_after(start), 0, share)
        columns.check()


class _RowColumns:
    """Turns rows into columns. A field that no row has at all is a misspelt one.

    keys: the key of a column that is called otherwise.
    """

    def __init__(self, wanted: Sequence[WantedColumn], keys: Mapping[str, str]) -> None:
        self._wanted = [(one, keys.get(one.field, one.field)) for one in wanted]
        self._unseen = {key for _, key in self._wanted}
        self._names: dict[str, None] = {}

    def chunk(self, rows: Sequence[Row], place: Callable[[int], str], chars: int, share: float) -> RowChunk:
        if self._unseen:
            self._names.update(dict.fromkeys(rows[0]))
            self._unseen -= {key for key in self._unseen if any(key in row for row in rows)}
        columns: list[list[str]] = []
        for one, key in self._wanted:
            cells: list[Any] = [row.get(key) for row in rows]
            if set(map(type, cells)) != {str}:
                cells = [_text(cell, place, index, one) for index, cell in enumerate(cells)]
            columns.append(cells)
        chars = chars or sum(len(cell) for cells in columns for cell in cells)
        return RowChunk(columns, len(rows), place, chars, share)

    def check(self) -> None:
        if self._names:
            for one, key in self._wanted:
                if key in self._unseen:
                    raise unknown_column(one.field, one.place, [_name(name) for name in self._names])


def _ndjson(lines: TextLines) -> Iterator[tuple[Row, int, int]]:
    for number, line in enumerate(chain.from_iterable(lines.blocks()), start=1):
        if not line.isspace():
            yield _row(partial(_DECODER.decode, line), f"Line {number:,}"), number, len(line)


def _array(lines: TextLines) -> Iterator[tuple[Row, int, int]]:
    elements = array_elements(lines, _DECODER)
    size = 0

    def following() -> Any:
        nonlocal size
        value, size = next(elements, (None, 0))
        return value if size else _END

    for number in count(1):
        row = _row(following, f"Row {number:,}")
        if row is _END:
            return
        yield row, number, size


def _row(decode: Callable[[], Any], place: str) -> Row:
    try:
        row = decode()
    except _NotFinite as error:
        raise Refusal("invalid_cell", f"{place} contains {error}. Numbers must be finite.") from error
    except RecursionError as error:
        raise Refusal("malformed_dataset", f"{place} is nested too deeply. A row must be a flat object.") from error
    except ValueError as error:
        message = (
            f'{place} is not valid JSON. Each line of NDJSON is one object, such as {{"name": "value"}}; '
            "an array of objects has the format json."
        )
        raise Refusal("malformed_dataset", message) from error
    if not isinstance(row, dict):
        raise Refusal("malformed_dataset", f"{place} is not a JSON object. Each row must be an object.")
    check_columns(len(row))
    return row


def _text(cell: Any, place: Callable[[int], str], index: int, wanted: WantedColumn) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return repr(cell)
    if isinstance(cell, list | dict):
        if not wanted.typed:
            return json.dumps(cell, ensure_ascii=False)
        message = (
            f"{place(index)}, column {quoted(wanted.field)}: a list or an object stands here. A cell must be text, a "
            "number, true, false or null, unless its column is text."
        )
        raise Refusal("invalid_cell", message, field=wanted.place.removesuffix(".field"))
    return _WORDS[cell]


def _named(keys: Sequence[str], warn: Callable[[str, str], None]) -> dict[str, str]:
    headings = dict(enumerate(keys))
    names = name_columns(headings, headings, lambda column: f"Column {column + 1}", warn)
    return dict(zip(names, keys, strict=True))


def _name(key: str) -> str:
    return clean(key).strip()


def _numbered(word: str, numbers: list[int]) -> Callable[[int], str]:
    return lambda row: f"{word} {numbers[row]:,}"


def _rows_after(start: int) -> Callable[[int], str]:
    return lambda row: f"Row {start + row + 1:,}"
