"""Blocks that hold or part others: section, columns, page break, rule."""

from collections.abc import Sequence

from tasks.report.blocks.context import PlanContext
from tasks.report.layout.column_flow import ColumnFlow
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import HAIRLINE
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import ColumnsBlock, ReportBlock, RuleBlock, SectionBlock


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
    """Blocks side by side; one under the other if that is higher than a page."""
    contents, gap = block.columns, block.gap
    weights = list(block.weights or ())[: len(contents)]
    weights += [1.0] * (len(contents) - len(weights))
    shared = flow.width - gap * (len(contents) - 1)
    narrowest = shared * min(weights) / sum(weights)
    if narrowest < context.narrowest_column:
        context.warn("columns_stacked", "The columns would be too narrow; they stand one under the other.")
        _stack(contents, flow, context)
        return
    columns: list[tuple[float, ColumnFlow]] = []
    left = 0.0
    for number, (blocks, weight) in enumerate(zip(contents, weights, strict=True)):
        width = shared * weight / sum(weights)
        column = ColumnFlow(flow, width)
        context.plan(blocks, column, f"columns.{number}")
        columns.append((left, column))
        left += width + gap
    height = max(column.height for _, column in columns)
    if height > flow.full_height():
        context.warn("columns_stacked", "The columns are higher than a page; they stand one under the other.")
        _stack(contents, flow, context)
        return

    def draw(canvas: Canvas, x: float, y: float) -> None:
        for left, column in columns:
            column.draw(canvas, x + left, y)

    for _, column in columns:
        for mark in column.marks:
            flow.mark(mark)
    flow.place(height, draw, space_before=flow.theme.gap)


def _stack(contents: Sequence[Sequence[ReportBlock]], flow: Flow, context: PlanContext) -> None:
    for number, blocks in enumerate(contents):
        context.plan(blocks, flow, f"columns.{number}")
