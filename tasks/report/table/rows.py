"""What a table asks of its data: lines in their order, read as often as needed, many rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from tasks.report.spec.structs import CellRuleSpec, CellType, TotalKind

Kind = Literal["row", "group", "subtotal", "total"]


class LineBatch(NamedTuple):
    """Lines of one kind, by column: `columns[c][r]` is what stands in column c of line r, "" if nothing.

    Rows come many in a batch. A heading, subtotal or total is a batch by itself; level: of its group, from 0. The text
    of a heading is its first cell that is not empty; totals have a label in the first column. rules: by
    column and line, which of the column's rules holds there.
    """

    kind: Kind
    level: int
    columns: Sequence[Sequence[str]]
    rules: Mapping[int, Mapping[int, int]] = {}

    @property
    def lines(self) -> int:
        return len(self.columns[0])

    def part(self, start: int, stop: int) -> "LineBatch":
        rules = {
            column: {line - start: rule for line, rule in by_line.items() if start <= line < stop}
            for column, by_line in self.rules.items()
        }
        return LineBatch(self.kind, self.level, [cells[start:stop] for cells in self.columns], rules)


def heading(batch: LineBatch) -> str:
    """The text of a group's heading, in one line."""
    return next((cells[0] for cells in batch.columns if cells[0]), "").replace("\n", " ")


class ColumnInfo(Protocol):
    """A column of the rows, as its spec says. decimal_mark: what numbers are lined up at, if it holds numbers."""

    @property
    def field(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def type(self) -> CellType: ...

    @property
    def align(self) -> Literal["left", "center", "right"]: ...

    @property
    def width(self) -> Literal["auto", "flex"] | float: ...

    @property
    def overflow(self) -> Literal["wrap", "clip"]: ...

    @property
    def total(self) -> TotalKind | None: ...

    @property
    def rules(self) -> Sequence[CellRuleSpec]: ...

    @property
    def decimal_mark(self) -> str | None: ...


class Rows(Protocol):
    """The lines of one table. count: of its rows, without headings and totals."""

    @property
    def columns(self) -> Sequence[ColumnInfo]: ...

    @property
    def count(self) -> int: ...

    def batches(self) -> Iterator[LineBatch]: ...


class Cursor:
    """Takes lines from batches, some at a time."""

    def __init__(self, batches: Iterator[LineBatch]) -> None:
        self._batches = batches
        self._batch: LineBatch | None = None
        self._taken = 0

    def take(self, count: int) -> LineBatch:
        """The next `count` lines, which are of one kind. Headings are taken one at a time."""
        parts: list[LineBatch] = []
        while count:
            if self._batch is None or self._taken == self._batch.lines:
                self._batch, self._taken = next(self._batches), 0
            stop = min(self._taken + count, self._batch.lines)
            parts.append(self._batch.part(self._taken, stop))
            count -= stop - self._taken
            self._taken = stop
        return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[LineBatch]) -> LineBatch:
    columns = [[text for part in parts for text in part.columns[index]] for index in range(len(parts[0].columns))]
    rules: dict[int, dict[int, int]] = {}
    before = 0
    for part in parts:
        for column, by_line in part.rules.items():
            rules.setdefault(column, {}).update({before + line: rule for line, rule in by_line.items()})
        before += part.lines
    return LineBatch(parts[0].kind, parts[0].level, columns, rules)
