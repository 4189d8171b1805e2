"""Blocks that hold or part others: section, columns, page break, rule."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from tasks.report.blocks.context import PlanContext
from tasks.report.blocks.kpis import CARD_GUTTER
from tasks.report.layout.column_flow import ColumnFlow, PagedColumnFlow
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import HAIRLINE
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import ColumnsBlock, KpisBlock, ReportBlock, RuleBlock, SectionBlock

_LEAST_ROOM: Final = 0.25
"""Of a page's height: columns that are higher than a page do not begin where less is left."""


def plan_page_break(flow: Flow) -> None:
    """What follows begins on a new page; at the top of one there is nothing to do."""
    flow.end_page()


def plan_rule(block: RuleBlock, flow: Flow) -> None:
    """A hairline across."""
    width, colour = flow.width, flow.theme.colour(block.colour, flow.theme.rule)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.line(x, y, x + width, y, colour, 2 * HAIRLINE)

    flow.place(2 * HAIRLINE, draw, space_before=flow.theme.gap)


def plan_section(block: SectionBlock, flow: Flow, context: PlanContext) -> None:
    """Blocks on pages of their own orientation."""
    with flow.turned(block.orientation):
        context.plan(block.blocks, flow, "blocks")


def plan_columns(block: ColumnsBlock, flow: Flow, context: PlanContext) -> None:
    """Blocks side by side. Columns that are higher than a page go on over pages, each at its own pace."""
    contents, gap = block.columns, block.gap
    if any(isinstance(one, KpisBlock) for blocks in contents for one in blocks):
        gap = max(gap, CARD_GUTTER)  # cards never touch
    weights = list(block.weights or ())[: len(contents)]
    weights += [1.0] * (len(contents) - len(weights))
    shared = flow.width - gap * (len(contents) - 1)
    narrowest = shared * min(weights) / sum(weights)
    if narrowest < context.narrowest_column:
        context.warn("columns_stacked", "The columns would be too narrow; they stand one under the other.")
        _stack(contents, flow, context)
        return
    widths = [shared * weight / sum(weights) for weight in weights]
    columns: list[tuple[float, ColumnFlow]] = []
    left = 0.0
    for number, (blocks, width) in enumerate(zip(contents, widths, strict=True)):
        column = ColumnFlow(flow, width)
        context.plan(blocks, column, f"columns.{number}")
        columns.append((left, column))
        left += width + gap
    height = max(column.height for _, column in columns)
    if height > flow.full_height() and flow.breaks:
        _plan_over_pages(
            contents, [(left, width) for (left, _), width in zip(columns, widths, strict=True)], flow, context
        )
        return

    def draw(canvas: Canvas, x: float, y: float) -> None:
        for left, column in columns:
            column.draw(canvas, x + left, y)

    for _, column in columns:
        for mark in column.marks:
            flow.mark(mark)
    flow.place(height, draw, space_before=flow.theme.gap)


def _plan_over_pages(
    contents: Sequence[Sequence[ReportBlock]],
    places: Sequence[tuple[float, float]],
    flow: Flow,
    context: PlanContext,
) -> None:
    """Columns that go on over pages. places: where each begins from the left, and its width."""
    gap = flow.gap(flow.theme.gap)
    if flow.room() - gap < _LEAST_ROOM * flow.full_height() and not flow.at_top():
        flow.new_page()
        gap = flow.gap(flow.theme.gap)
    used = flow.full_height() - flow.room() + gap
    columns: list[tuple[float, PagedColumnFlow]] = []
    for number, (blocks, (left, width)) in enumerate(zip(contents, places, strict=True)):
        column = PagedColumnFlow(flow, width, used)
        context.plan(blocks, column, f"columns.{number}")
        columns.append((left, column))

    def draw(page: int, canvas: Canvas, x: float, y: float) -> None:
        for left, column in columns:
            column.draw(page, canvas, x + left, y)

    marked = [column.marks_by_page() for _, column in columns]
    for page in range(max(len(column.pages) for _, column in columns)):
        if page:
            flow.new_page()
        for marks in marked:
            for mark in marks.get(page, ()):
                flow.mark(mark)
        height = max(column.bottom(page) for _, column in columns)
        if height:
            flow.place(height, partial(draw, page), space_before=0 if page else flow.theme.gap)


def _stack(contents: Sequence[Sequence[ReportBlock]], flow: Flow, context: PlanContext) -> None:
    for number, blocks in enumerate(contents):
        context.plan(blocks, flow, f"columns.{number}")
