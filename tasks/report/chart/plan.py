"""The chart block in the flow of a report."""

from typing import Any

from tasks.report.blocks.context import PlanContext
from tasks.report.chart.chart import layout_chart
from tasks.report.chart.drawing import draw
from tasks.report.formats.locales import find_locale
from tasks.report.layout.flow import Flow
from tasks.report.pdf.canvas import Canvas


def plan(block: dict[str, Any], flow: Flow, context: PlanContext) -> None:
    """Place a chart. It never breaks over pages; one higher than a page is made as high as a page."""
    height = min(block["height"], flow.full_height())
    document = context.document
    marks = layout_chart(
        block,
        flow.width,
        height,
        flow.theme,
        locale=find_locale(document["lang"]),
        currency=document["currency"],
        warn=context.warn,
    )

    def draw_chart(canvas: Canvas, x: float, y: float) -> None:
        draw(marks, canvas, x, y, flow.theme)

    flow.place(height, draw_chart, space_before=flow.theme.gap)
