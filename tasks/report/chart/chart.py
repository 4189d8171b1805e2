"""A chart from its block to its marks: the title, what is in it, or that there is no data."""

from collections.abc import Callable
from typing import Final

from tasks.report.blocks.context import PlanContext
from tasks.report.chart.axes import NARROW
from tasks.report.chart.drawing import draw_marks
from tasks.report.chart.labels import LEADING, TextMetrics
from tasks.report.chart.marks.bar_chart import bar_chart
from tasks.report.chart.marks.line_chart import line_chart
from tasks.report.chart.marks.mark import Edges, Mark, Stroke
from tasks.report.chart.marks.pie_chart import pie_chart
from tasks.report.chart.marks.scatter import scatter_chart
from tasks.report.chart.model import ChartModel, chart_model
from tasks.report.chart.number_format import ChartNumberFormat
from tasks.report.chart.telling import tell_losses
from tasks.report.formats.columns import ReportLocale
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import BODY, ReportTheme
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import ChartBlock

Warn = Callable[[str, str], None]

TITLE_LEADING: Final = 14.0
AFTER_TITLE: Final = 6.0
AFTER_Y_TITLE: Final = 4.0
LEAST_PLOT: Final = 48.0
"""Points of height: a title that would leave the plot less than this is left out."""
EMPTY_LINES: Final = 4


def plan_chart(block: ChartBlock, flow: Flow, context: PlanContext) -> None:
    """Place a chart. It never breaks over pages: one that is higher than a page, or than a page with the heading above
    it, is made lower."""
    height = min(block.height, flow.full_height())
    beside_heading = flow.full_height() - flow.kept_height - flow.theme.gap
    if flow.full_height() / 2 < beside_heading < height:
        height = beside_heading
    marks = layout_chart(block, (flow.width, height), flow.theme, context.locale, context.warn)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        draw_marks(marks, canvas, x, y, flow.theme)

    flow.place(height, draw, space_before=flow.theme.gap)


def layout_chart(
    block: ChartBlock, size: tuple[float, float], theme: ReportTheme, report_locale: ReportLocale, warn: Warn
) -> list[Mark]:
    """The marks of a chart block.

    Args:
        block: The chart.
        size: Width and height of its box, in points.
        theme: Colours and fonts.
        report_locale: How its numbers and words are written.
        warn: Called with a code and a message.

    Raises:
        Refusal: `invalid_format` for a number pattern that is none.
    """
    locale, words = report_locale.locale, report_locale.words
    model = chart_model(block, theme, ChartNumberFormat(locale, block.format, report_locale.currency))
    metrics = TextMetrics(theme)
    marks, area = _headed(model, Edges(0, 0, *size), metrics)
    if not model.known or (model.kind in ("pie", "donut") and not any(model.known)):
        tell_losses(model, marks, warn, empty=True)
        return marks + _empty(area, words.no_data, metrics)
    match model.kind:
        case "bar" | "stacked_bar":
            found, condensed = bar_chart(model, area, metrics)
            if condensed:
                warn(
                    "condensed",
                    f"It has more bars than the page can show ({len(model.known):,}); where several fall "
                    "into one column, the highest and the lowest are drawn.",
                )
        case "line" | "area":
            found = line_chart(model, area, metrics)
        case "scatter":
            found = scatter_chart(model, area, ChartNumberFormat(locale), metrics)
        case _:
            found = pie_chart(model, area, words.other, metrics)
    tell_losses(model, marks + found, warn)
    return marks + found


def _headed(model: ChartModel, area: Edges, metrics: TextMetrics) -> tuple[list[Mark], Edges]:
    """The title and what the values are, and the area below them."""
    ink = metrics.theme.ink
    marks: list[Mark] = []
    y = area.top
    if model.title and area.height - TITLE_LEADING - AFTER_TITLE >= LEAST_PLOT:
        most = 2 if area.height >= 3 * LEAST_PLOT else 1
        for line in metrics.lines(model.title, area.width, most, BODY, bold=True):
            baseline = y + TITLE_LEADING - 4
            marks.append(metrics.line(line, area.left, baseline, size=BODY, colour=ink, bold=True, of=("title", 0)))
            y += TITLE_LEADING
        y += AFTER_TITLE
    lone = model.series[0].name if len(model.series) == 1 and model.kind not in ("pie", "donut") else ""
    note = model.y_title or (lone if lone != model.title else "")
    if note and area.bottom - y - LEADING - AFTER_Y_TITLE >= LEAST_PLOT and area.width > NARROW:
        role = "y_title" if model.y_title else "series"
        marks.append(metrics.line(metrics.fit(note, area.width), area.left, y + LEADING - 2, of=(role, 0)))
        y += LEADING + AFTER_Y_TITLE
    return marks, Edges(area.left, y, area.right, area.bottom)


def _empty(area: Edges, text: str, metrics: TextMetrics) -> list[Mark]:
    """A calm grid that says that nothing is wrong, there is only nothing to show."""
    step = area.height / EMPTY_LINES
    rule = metrics.theme.rule
    marks: list[Mark] = [
        Stroke(((area.left, area.top + row * step), (area.right, area.top + row * step)), rule)
        for row in range(EMPTY_LINES + 1)
        if row != EMPTY_LINES // 2
    ]
    middle = (area.top + area.bottom) / 2
    marks.append(
        metrics.line(
            metrics.fit(text, area.width), (area.left + area.right) / 2, metrics.middle(middle), align="center"
        )
    )
    return marks
