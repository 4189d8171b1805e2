"""Scatter charts laid out: a dot for each pair of values."""

from typing import Final

from tasks.report.chart.axes import Domain, crossed
from tasks.report.chart.labels import LEADING, TextMetrics
from tasks.report.chart.legend import legend
from tasks.report.chart.marks.mark import Dots, Edges, Mark, Point
from tasks.report.chart.model import ChartModel
from tasks.report.chart.number_format import ChartNumberFormat

FEW: Final = 150
"""Up to so many dots they are large."""
LARGE, SMALL = 2.4, 1.5
OPACITY: Final = 0.72
SAME: Final = 0.2
"""Points within which two dots of a series cannot be told apart."""
AIR_AROUND: Final = 0.03
"""Of a span that is kept free beyond its outermost dots."""


def scatter_chart(model: ChartModel, area: Edges, plain: ChartNumberFormat, metrics: TextMetrics) -> list[Mark]:
    """The marks of a scatter chart. plain: writes the values across, for which no pattern is asked."""
    marks: list[Mark] = []
    if len(model.series) > 1:
        marks, area = legend([(one.name, one.colour) for one in model.series], area, metrics)
    pairs = [
        [(x, value) for x, value in zip(one.x, one.values, strict=True) if value is not None] for one in model.series
    ]
    everywhere = [pair for one in pairs for pair in one]
    across = _domain([x for x, _ in everywhere], plain)
    up = _domain([y for _, y in everywhere], model.numbers)
    if model.x_title and area.height > 6 * LEADING:
        text = metrics.fit(model.x_title, area.width)
        title = metrics.line(text, area.right, area.bottom - 2, align="right", of=("x_title", 0))
        marks.append(title)
        area = Edges(area.left, area.top, area.right, area.bottom - LEADING)
    frame, ground = crossed(area, across, up, (plain, model.numbers), metrics)
    radius = LARGE if len(everywhere) <= FEW else SMALL
    dots = [
        Dots(
            tuple(_distinct([(ground.at(x), frame.values.at(y)) for x, y in pairs_of_one])), radius, one.colour, OPACITY
        )
        for one, pairs_of_one in zip(model.series, pairs, strict=True)
    ]
    return [*marks, *frame.behind, *frame.zero, *dots, *frame.around]


def _domain(values: list[float], numbers: ChartNumberFormat) -> Domain:
    low, high = min(values), max(values)
    if low == high:
        return Domain(low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2, numbers.finest(values))
    air = AIR_AROUND * (high - low)
    # Air must not carry an axis over zero where no value lies beyond.
    padded_low = max(low - air, 0.0) if low >= 0 else low - air
    padded_high = min(high + air, 0.0) if high <= 0 else high + air
    return Domain(padded_low, padded_high, numbers.finest(values))


def _distinct(points: list[Point]) -> list[Point]:
    """The points without those that would lie on one before them."""
    return list({(round(x / SAME), round(y / SAME)): (x, y) for x, y in points}.values())
