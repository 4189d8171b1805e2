"""Line and area charts laid out, with each line's name at its end where there is room."""

from collections.abc import Sequence
from typing import Final

from tasks.report.chart.axes import NARROW, Domain, Frame
from tasks.report.chart.categories import AxisMargins, category_axis
from tasks.report.chart.labels import CAPITALS, LEADING, LEAST_LABELLED, TextMetrics, blanks, spread
from tasks.report.chart.legend import legend
from tasks.report.chart.marks.lines import crossed, decimated, runs
from tasks.report.chart.marks.mark import Area, Dots, Edges, Mark, Point, Stroke, TextMark
from tasks.report.chart.model import ChartModel, PlottedSeries, Value
from tasks.report.chart.palette import readable

LINE: Final = 1.6
THIN_LINE: Final = 1.1
MANY_LINES: Final = 4
"""Beyond so many, lines are thinner."""
DOT: Final = 2.0
DOT_PITCH: Final = 18.0
"""Points of width that a value needs to show its dot."""
OPACITY: Final = 0.16
NEAR_ZERO: Final = 0.35
"""An axis begins at zero if the lowest value is within this part of the highest."""
WIDEST_NAME: Final = 0.26
"""Of the chart's width: names at the ends of lines take no more."""
NAME_GAP: Final = 10.0
MOST_LABELS: Final = 120
LABEL_GAP: Final = 5.0
FEW: Final = 36
"""A lone line of no more points shows its highest, its lowest and its last value unasked."""


def line_chart(model: ChartModel, area: Edges, metrics: TextMetrics) -> list[Mark]:
    """The marks of a line or an area chart."""
    marks: list[Mark] = []
    beside = _names_beside(model, area, metrics)
    if len(model.series) > 1 and not beside:
        marks, area = legend([(one.name, one.colour) for one in model.series], area, metrics)
    low, high = _extent(model)
    labelled = _has_labels(model, area)
    head = LEADING if labelled else 0.0
    frame, names = category_axis(
        Edges(area.left, area.top + head, area.right - beside, area.bottom),
        Domain(low, high, model.numbers.finest(model.known)),
        model.names,
        lambda plot: _places(plot, len(model.names)),
        numbers=model.numbers,
        metrics=metrics,
        thin=True,
        margins=AxisMargins(beside=beside),
    )
    places = _places(frame.plot, len(model.names))
    labels = _labels(model, places, frame, area, metrics) if labelled else []
    marks += frame.behind
    if model.kind == "line":
        marks += blanks(labels)
    lines: list[Mark] = []
    for one in model.series:
        behind, above = _drawn(one, places, frame, model)
        marks += behind
        lines += above
    marks += [*frame.zero, *lines, *frame.around, *names]
    if beside:
        marks += _ends(model, places, frame, metrics)
    return marks + labels


def _extent(model: ChartModel) -> tuple[float, float]:
    low, high = min(model.known), max(model.known)
    if model.kind == "area" or 0 <= low <= NEAR_ZERO * high:
        low = min(low, 0.0)
    if model.kind == "area" or 0 >= high >= NEAR_ZERO * low:
        high = max(high, 0.0)
    return low, high


def _places(plot: Edges, count: int) -> list[float]:
    if count == 1:
        return [(plot.left + plot.right) / 2]
    return [plot.left + index * plot.width / (count - 1) for index in range(count)]


def _has_labels(model: ChartModel, area: Edges) -> bool:
    if area.height < LEAST_LABELLED:
        return False
    if model.labels is None:
        return len(model.series) == 1 and len(model.known) <= FEW
    return model.labels and len(model.known) <= MOST_LABELS


def _drawn(
    one: PlottedSeries, places: Sequence[float], frame: Frame, model: ChartModel
) -> tuple[list[Mark], list[Mark]]:
    """What of a series lies behind all lines, and what above."""
    width = LINE if len(model.series) <= MANY_LINES else THIN_LINE
    ground = frame.values.at(min(max(0.0, frame.ticks.low), frame.ticks.high))
    behind: list[Mark] = []
    above: list[Mark] = []
    dots: list[Point] = []
    show_dots = len(model.series) <= MANY_LINES and len(places) > 1 and places[1] - places[0] >= DOT_PITCH
    for run in runs(one.values):
        points = [(places[index], frame.values.at(value)) for index, value in run]
        if len(points) == 1 or show_dots:
            dots += points
        if len(points) > 1:
            drawn = decimated(points)
            above.append(Stroke(tuple(drawn), one.colour, width))
            if model.kind == "area":
                foot = ((drawn[-1][0], ground), (drawn[0][0], ground))
                behind.append(Area((*drawn, *foot), one.colour, OPACITY))
    if dots:
        above.append(Dots(tuple(decimated(dots)), DOT, one.colour, rim=show_dots))
    return behind, above


def _names_beside(model: ChartModel, area: Edges, metrics: TextMetrics) -> float:
    """The width that the names need at the ends of their lines; 0 if they do not fit there or are not needed."""
    if len(model.series) == 1 or len(model.series) * LEADING > area.height - 2 * LEADING or area.width <= 2 * NARROW:
        return 0.0
    widest = max(metrics.width(one.name) for one in model.series)
    return widest + NAME_GAP if 0 < widest <= WIDEST_NAME * area.width else 0.0


def _ends(model: ChartModel, places: Sequence[float], frame: Frame, metrics: TextMetrics) -> list[Mark]:
    ends = []
    for series, one in enumerate(model.series):
        last = max((index for index, value in enumerate(one.values) if value is not None), default=None)
        if last is not None:
            ends.append((series, places[last], frame.values.at(one.values[last] or 0.0)))
    wanted = [y for _, _, y in ends]
    heights = spread(wanted, LEADING, frame.plot.top, frame.plot.bottom)
    marks: list[Mark] = []
    for (series, x, y), height in zip(ends, heights, strict=True):
        one = model.series[series]
        left = frame.plot.right + NAME_GAP
        if abs(height - y) > 1 and x == frame.plot.right:
            marks.append(Stroke(((x + NAME_GAP / 4, y), (left - 2, height)), one.colour))
        baseline = metrics.middle(height)
        text = metrics.line(one.name, left, baseline, colour=readable(one.colour), of=("series", series))
        marks.append(text)
    return marks


def _labels(
    model: ChartModel, places: Sequence[float], frame: Frame, area: Edges, metrics: TextMetrics
) -> list[TextMark]:
    """Values beside their points, above or below; none that would lie on a line or touch another."""
    write = model.numbers.for_marks(model.known, frame.ticks)
    lines = [
        [(places[index], frame.values.at(value)) for index, value in run]
        for one in model.series
        for run in runs(one.values)
    ]
    texts: list[TextMark] = []
    for one in model.series:
        for index in _told(one.values, everything=model.labels is True):
            value = one.values[index] or 0.0
            y = frame.values.at(value)
            for baseline in _sides(one.values, index, y):
                text = metrics.line(
                    write(value),
                    places[index],
                    baseline,
                    colour=readable(one.colour),
                    align="center",
                    of=("value", 0),
                ).between(frame.plot.left + 1, area.right)
                box = text.edges
                free = area.top <= box.top and box.bottom <= frame.plot.bottom
                if free and not any(box.meets(other.edges, 2) for other in texts) and not crossed(lines, box):
                    texts.append(text)
                    break
    return texts


def _told(values: Sequence[Value], *, everything: bool) -> list[int]:
    """Which values are written: all, or the highest, the lowest and the last."""
    known = [(value, index) for index, value in enumerate(values) if value is not None]
    if everything or not known:
        return [index for _, index in known]
    return list(dict.fromkeys([max(known, key=lambda pair: (pair[0], -pair[1]))[1], min(known)[1], known[-1][1]]))


def _sides(values: Sequence[Value], index: int, y: float) -> tuple[float, float]:
    """Baselines above and below a point, first on the side that its neighbours leave free."""
    around = [
        value for value in (*values[max(index - 1, 0) : index], *values[index + 1 : index + 2]) if value is not None
    ]
    above, below = y - LABEL_GAP, y + LABEL_GAP + CAPITALS
    value = values[index] or 0.0
    return (above, below) if not around or sum(around) / len(around) <= value else (below, above)
