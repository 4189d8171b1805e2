"""The names of categories, under a plot or beside it: whole, in lines, shortened or thinned out; never touching."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tasks.report.chart.axes import Domain, Frame, upright
from tasks.report.chart.labels import AIR, LEADING, MIN_LABEL, TextMetrics, drop_overlaps
from tasks.report.chart.marks.mark import Edges, TextMark
from tasks.report.chart.number_format import ChartNumberFormat

ROUND_STRIDES: Final = (1, 2, 3, 4, 5, 6, 10, 12, 20, 24, 25, 50, 100, 200, 250, 500, 1000, 2000)
MAX_LINES: Final = 2
WIDEST_NAME: Final = 0.38
"""Of the chart's width: names take no more, beside bars or thinned out under a plot."""
FEW_MISFITS: Final = 0.3
"""The share of names that may be shortened; beyond it, other ways are better."""
MOSTLY_DIGITS: Final = 0.4
LOW: Final = 34.0
"""A chart of this height or less has no names under its plot."""


def is_sequence(names: Sequence[str]) -> bool:
    """Whether the names look like dates or numbers, which can be thinned out: the reader knows what lies between."""
    letters = [sum(map(str.isalnum, name)) for name in names]
    digits = [sum(map(str.isdigit, name)) for name in names]
    return sum(digits) >= MOSTLY_DIGITS * max(sum(letters), 1)


def misfits(names: Sequence[str], pitch: float, metrics: TextMetrics) -> float:
    """The share of the names that cannot stand whole under their places, `pitch` points from each other."""
    return sum(not metrics.holds(name, pitch - AIR, MAX_LINES) for name in names) / len(names)


@dataclass(frozen=True, slots=True)
class CategoryLabels:
    """Names under a plot whose bottom is at 0. height: what they take."""

    texts: tuple[TextMark, ...]
    height: float


def labels_under(
    names: Sequence[str],
    centres: Sequence[float],
    bounds: tuple[float, float],
    metrics: TextMetrics,
    *,
    thin: bool,
) -> CategoryLabels:
    """The names under their centres, which lie evenly, inside the bounds.

    thin: rather leave names out than shorten them.
    """
    span = bounds[1] - bounds[0]
    pitch = centres[1] - centres[0] if len(centres) > 1 else span
    stride, room, most = 1, pitch - AIR, MAX_LINES
    if misfits(names, pitch, metrics) > (0 if thin or room < MIN_LABEL else FEW_MISFITS):
        widest = min(max(map(metrics.width, names)), WIDEST_NAME * span)
        stride = next((one for one in ROUND_STRIDES if one * pitch >= widest + AIR), len(names))
        room, most = max(stride * pitch - AIR, widest), 1
    texts: list[TextMark] = []
    broken = _broken(names[::stride], room, most, metrics)
    for place, (lines, centre) in enumerate(zip(broken, centres[::stride], strict=True)):
        of = ("name", place * stride)
        column = [
            metrics.line(line, centre, AIR / 2 + LEADING * (row + 1) - 2, align="center", of=of).between(*bounds)
            for row, line in enumerate(lines)
            if line
        ]
        if not any(line.edges.meets(other.edges, AIR / 2) for line in column for other in texts[-MAX_LINES:]):
            texts += column
    rows = max((round((text.y + 2 - AIR / 2) / LEADING) for text in texts), default=0)
    return CategoryLabels(tuple(texts), AIR / 2 + LEADING * rows if rows else 0.0)


def _broken(names: Sequence[str], room: float, most: int, metrics: TextMetrics) -> list[list[str]]:
    """The lines of each name; broken alike, so that "Jul 2026" does not stay whole where "Aug 2026" has to break."""
    broken = metrics.distinct_lines(names, room, most)
    several = [line for lines in broken if len(lines) > 1 for line in lines]
    if not several:
        return broken
    words = [word for name in names for word in name.split()]
    room = min(room, max(map(metrics.width, [*several, *words])))
    return metrics.distinct_lines(names, room, most)


class AxisMargins(NamedTuple):
    """Room beside a category axis, in points.

    Args:
        foot: Left free above the names.
        beside: On the right of the frame, which the names may use.
    """

    foot: float = 0.0
    beside: float = 0.0


def category_axis(
    area: Edges,
    domain: Domain,
    names: Sequence[str],
    centres: Callable[[Edges], list[float]],
    *,
    numbers: ChartNumberFormat,
    metrics: TextMetrics,
    thin: bool,
    margins: AxisMargins | None = None,
) -> tuple[Frame, list[TextMark]]:
    """An upright frame with names under it. centres: where the categories lie in a plot."""
    foot, beside = margins or AxisMargins()
    height = 0.0
    found = CategoryLabels((), 0.0)
    for _ in range(3):  # names change the plot's height, that its ticks, those its width, and that the names
        frame = upright(area, domain, height + foot, numbers, metrics)
        if area.height < LOW:
            return frame, []
        found = labels_under(names, centres(frame.plot), (area.left, area.right + beside), metrics, thin=thin)
        if found.height == height:
            break
        height = found.height
    down = frame.plot.bottom + foot
    return frame, [line for text in found.texts if (line := text.moved(0, down)).edges.bottom <= area.bottom]


def labels_beside(
    names: Sequence[str], centres: Sequence[float], pitch: float, width: float, metrics: TextMetrics
) -> list[TextMark]:
    """The names right-aligned before x = 0, in lines where their pitch allows it."""
    most = max(1, min(MAX_LINES, int(pitch / LEADING)))
    texts: list[TextMark] = []
    broken = metrics.distinct_lines(names, width, most)
    for index, (lines, centre) in enumerate(zip(broken, centres, strict=True)):
        top = centre - LEADING * (len(lines) - 1) / 2
        ink, of = metrics.theme.ink, ("name", index)
        texts += [
            metrics.line(line, 0, metrics.middle(top + LEADING * row), colour=ink, align="right", of=of)
            for row, line in enumerate(lines)
        ]
    return drop_overlaps(texts, gap=-1)
