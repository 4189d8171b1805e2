"""What a table looks like once its widths are known: everything that drawing needs and nothing that it decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tasks.report.layout.theme import CELL, TINY, ReportTheme
from tasks.report.pdf.canvas import Align
from tasks.report.spec.structs import CellRuleSpec
from tasks.report.table.fit import Fit
from tasks.report.table.measure import NumberExtent
from tasks.report.table.pages import GROUP, KINDS, ROW, SUBTOTAL, TOTAL
from tasks.report.table.rows import Rows

HEAD_SCALE: Final = 8.5 / 9
LEADING: Final = 1.32
MIN_SIZE: Final = 6.0
GROUP_INDENT: Final = 10.0
"""Of each level of groups."""
TITLE_SIZE, TITLE_HEIGHT = 10.0, 20.0
CAPTION_SIZE, CAPTION_HEIGHT = 7.5, 16.0


@dataclass(frozen=True)
class TableMetrics:
    """Sizes and heights in points, all of them shrunk alike where a table must.

    heights: of a line with one line of text, by kind.
    """

    size: float
    pad: float
    row: float
    leading: float
    heights: tuple[float, ...]

    @classmethod
    def of(cls, theme: ReportTheme, factor: float = 1.0) -> "TableMetrics":
        size = (TINY if theme.compact else CELL) * factor
        row = theme.row_height * factor
        heights = dict.fromkeys(KINDS.values(), row) | {GROUP: row * 1.3, TOTAL: row * 1.15}
        leading = round(size * LEADING, 2)
        pad = (4.0 if theme.compact else 6.0) * factor
        return cls(size, pad, row, leading, (heights[ROW], heights[GROUP], heights[SUBTOTAL], heights[TOTAL], leading))

    def gutters(self, rows: Rows) -> list[float]:
        """More space to the right of columns whose text ends where that of the next begins."""
        aligns = [column.align for column in rows.columns]
        meets = [here == "right" and after == "left" for here, after in pairwise([*aligns, "right"])]
        return [1.5 * self.pad if meet else 0.0 for meet in meets]


@dataclass(frozen=True)
class PlacedColumn:
    """One column in its place.

    title: its lines. width: with the padding on both sides; inner: without. number_extent: the shapes of its numbers or
    dates. fit: how its texts are fitted, if some are wider than it. rules: as the spec has them. label: whether lines
    of totals have their label here; it may reach into empty cells beside it.
    """

    index: int
    title: tuple[str, ...]
    align: Align
    width: float
    inner: float
    number_extent: NumberExtent | None
    fit: Fit | None
    rules: Sequence[CellRuleSpec]
    label: bool


Placed = Sequence[tuple[float, PlacedColumn]]
"""Columns, and where the text in each begins from the left."""


@dataclass(frozen=True)
class Layout:
    """A table's columns, in as many slices as it takes side by side; usually one.

    head: height of the header. repeats: whether each page has one. caption: stands above it from the second page on,
    after the table's title and the group that goes on.
    """

    title: str | None
    columns: tuple[PlacedColumn, ...]
    slices: tuple[tuple[int, ...], ...]
    metrics: TableMetrics
    head: float
    repeats: bool
    zebra: bool
    caption: str

    def above(self, *, first: bool, leftmost: bool) -> float:
        """How much stands above the lines of a page: `first` of the table, `leftmost` of its slices."""
        if first and leftmost:
            return self.head
        return CAPTION_HEIGHT + self.head if self.repeats else self.head if first else 0.0

    def placed(self, number: int, x: float) -> Placed:
        """The columns of slice `number`, on a page whose content begins at x."""
        placed = []
        for index in self.slices[number]:
            column = self.columns[index]
            placed.append((x + self.metrics.pad, column))
            x += column.width
        return placed
