"""The chart block in the flow of a report."""

from typing import Any

from tasks.report.blocks.context import Context
from tasks.report.chart.chart import lay_out
from tasks.report.chart.drawing import draw
from tasks.report.formats.locales import find_locale
from tasks.report.layout.flow import Flow
from tasks.report.pdf.canvas import Pen


def plan(block: dict[str, Any], flow: Flow, context: Context) -> None:
    """Place a chart. It never breaks over pages; one higher than a page is made as high as a page."""
    height = min(block["height"], flow.full_height())
    document = context.document
    marks = lay_out(
        block,
        flow.width,
        height,
        flow.theme,
        locale=find_locale(document["lang"]),
        currency=document["currency"],
        warn=context.warn,
    )

    def draw_chart(pen: Pen, x: float, y: float) -> None:
        draw(marks, pen, x, y, flow.theme)

    flow.place(height, draw_chart, space_before=flow.theme.gap)
