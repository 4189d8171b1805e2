"""The columns of a table in their places: which size, which widths, and on how many pages side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tasks.report.fonts.line_breaking import break_lines, limit_lines
from tasks.report.formats.cleaning import quoted
from tasks.report.layout.flow import Flow
from tasks.report.spec.structs import TableBlock
from tasks.report.table.demand import label_column
from tasks.report.table.fit import Fit
from tasks.report.table.layout import (
    CAPTION_SIZE,
    GROUP_INDENT,
    HEAD_SCALE,
    MIN_SIZE,
    Layout,
    PlacedColumn,
    TableMetrics,
)
from tasks.report.table.measure import Extent, NumberExtent
from tasks.report.table.pages import ROUNDING_PT
from tasks.report.table.rows import ColumnInfo, Rows
from tasks.report.table.share import Demand, key_columns, needed, share, slices
from tasks.report.table.survey import Survey

_MAX_TITLE_LINES: Final = 4
_A_HAIR: Final = 1e-9
"""Shrunk to the very room, the columns may come out wider than it by rounding, on one Python and not on another."""


@dataclass(frozen=True)
class Choice:
    """turned: on landscape pages. factor: by how much everything is shrunk. slices: the columns of each page."""

    turned: bool
    factor: float
    widths: Sequence[float]
    slices: tuple[tuple[int, ...], ...]


def choose(demands: Sequence[Demand], overflow: str, flow: Flow, metrics: TableMetrics) -> Choice:
    """What to do about columns that are wider than the page: as `overflow` says, and more if that is not enough."""
    room, turned = flow.width, False
    if overflow == "landscape" and flow.turns and needed(demands, "words") > room:
        across = flow.width_in("landscape")
        room, turned = max(room, across), across > room
    words = needed(demands, "words")
    factor = 1.0
    if words > room and overflow != "columns":
        factor = max(room / words * (1 - _A_HAIR), MIN_SIZE / metrics.size)
    shrunk = [demand.times(factor) for demand in demands]
    together = tuple(range(len(demands)))
    if needed(shrunk, "words" if overflow == "columns" else "bare") <= room:
        return Choice(turned, factor, share(shrunk, room), (together,))
    widths, parts = _side_by_side(demands, room)
    if overflow != "columns":
        flow.warn(
            "table_too_wide",
            f"The columns do not fit side by side even at {MIN_SIZE:g} points: each row stands on {len(parts)} pages.",
        )
    return Choice(turned, 1.0, widths, parts)


def _side_by_side(demands: Sequence[Demand], room: float) -> tuple[list[float], tuple[tuple[int, ...], ...]]:
    """Widths and columns of pages that stand side by side. Each page's own columns share what its key column leaves."""
    key = key_columns([demand.good for demand in demands], room)
    taken = sum(demands[index].good for index in key)
    demands = [demand if index in key else demand.capped(room - taken) for index, demand in enumerate(demands)]
    widths = [demand.good for demand in demands]
    parts = slices(widths, room)
    for part in parts:
        own = [index for index in part if index not in key]
        for index, width in zip(own, share([demands[index] for index in own], room - taken), strict=True):
            widths[index] = width
    return widths, parts


def columns_of(
    rows: Rows, found: Survey, choice: Choice, flow: Flow, metrics: TableMetrics
) -> tuple[PlacedColumn, ...]:
    """The columns with their titles in lines. Those with texts wider than they are get a fit."""
    columns = []
    faces = flow.theme.faces
    title_lines = int((flow.full_height() / 2 - metrics.row) / metrics.leading) + 1
    title_lines = max(1, min(_MAX_TITLE_LINES, title_lines))
    gutters = metrics.gutters(rows)
    label = label_column(rows)
    for index, column in enumerate(rows.columns):
        own, total = found.rows[index], found.totals[index]
        width = choice.widths[index]
        inner = max(width - 2 * metrics.pad - gutters[index], 1.0)
        face = faces.bold if any(rule.bold for rule in column.rules) else faces.regular
        fits = own.whole * metrics.size <= inner and not own.multiline
        head = metrics.size * HEAD_SCALE
        title, cut = limit_lines(
            break_lines(column.title, faces.bold, head, inner), title_lines, faces.bold, head, inner
        )
        if cut:
            flow.warn("clipped", f"The title {quoted(column.title)} is too long for its column and cut off.")
        columns.append(
            PlacedColumn(
                index,
                tuple(title),
                column.align,
                width,
                inner,
                _figures(own, total),
                None if fits else Fit(face, metrics.size, inner, cuts=column.overflow == "clip"),
                column.rules,
                index == label,
            )
        )
    return tuple(columns)


def column_name(column: ColumnInfo) -> str:
    """The column as messages tell it: by its title, or by its field where that is blank."""
    return quoted(column.title or column.field)


def _figures(own: Extent, total: Extent) -> NumberExtent | None:
    """The shapes of a column's numbers, those of its totals among them: all stand under each other."""
    if isinstance(own, NumberExtent) and isinstance(total, NumberExtent):
        own.include(total)
        return own
    return None


def warn_of_cut_caption(layout: Layout, block: TableBlock, found: Survey, flow: Flow) -> None:
    """Say that the line above a table on its further pages, which names its groups, can be wider than it."""
    face = flow.theme.faces.regular
    width = face.width(" · ".join(filter(None, (layout.title, layout.caption))), CAPTION_SIZE)
    width += len(block.group_by) * (found.headings * CAPTION_SIZE + face.width(" · ", CAPTION_SIZE))
    if width > min(sum(layout.columns[index].width for index in part) for part in layout.slices):
        said = "The line above the table on its further pages, with its title, can be wider than it"
        flow.warn("clipped", f"{said}; it then ends in an ellipsis.")


def warn_of_cuts(layout: Layout, rows: Rows, block: TableBlock, found: Survey, flow: Flow) -> None:
    """Say which headings and totals are cut off: they stand in one line, however long."""
    size, columns = layout.metrics.size, layout.columns
    narrowest = min(sum(columns[index].width for index in part) for part in layout.slices)
    indent = GROUP_INDENT * max(len(block.group_by) - 1, 0)
    if found.headings * size + indent + 2 * layout.metrics.pad > narrowest:
        flow.warn("clipped", "Headings of groups are wider than the table and cut off with an ellipsis.")
    for column in columns:
        room = column.inner
        if column.label:
            beside = takewhile(lambda other: other.total is None, rows.columns[column.index + 1 :])
            room += sum(columns[column.index + 1 + place].width for place, _ in enumerate(beside))
        if found.totals[column.index].whole * size > room + ROUNDING_PT:
            flow.warn(
                "clipped",
                f"Totals in the column {column_name(rows.columns[column.index])} are wider than it and cut off with an "
                "ellipsis.",
            )
