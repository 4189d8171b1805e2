"""The legend: which colour is which series, in rows above the plot."""

from collections.abc import Sequence
from itertools import count
from typing import Final

from tasks.report.chart.labels import AIR, LEADING, SIZE, TextMetrics
from tasks.report.chart.marks.mark import Boxes, Edges, Mark
from tasks.report.layout.theme import Rgb

SWATCH: Final = 7.0
SWATCH_GAP: Final = 4.0
ITEM_GAP: Final = 14.0
ROW: Final = LEADING + 3
NAME_WIDTHS: Final = (150.0, 110.0, 80.0, 56.0, 36.0)
MOST_HEIGHT: Final = 0.45
"""Names are shortened to the first of these that makes the legend fit."""

Item = tuple[str, Rgb]


def legend(items: Sequence[Item], area: Edges, metrics: TextMetrics) -> tuple[list[Mark], Edges]:
    """The marks of a legend at the top of an area, and the area that is left; none if it would take
    too much of it."""
    for limit in NAME_WIDTHS:
        rows = _rows(items, area.width, limit, metrics)
        height = len(rows) * ROW + AIR
        if height <= MOST_HEIGHT * area.height:
            break
    else:
        return [], area
    marks: list[Mark] = []
    column = _column([item for row in rows for item in row], metrics)
    series = count()
    for number, row in enumerate(rows):
        x, middle = area.left, area.top + ROW * number + LEADING / 2
        for name, colour in row:
            marks.append(Boxes((Edges(x, middle - SWATCH / 2, x + SWATCH, middle + SWATCH / 2),), colour))
            of = ("series", next(series))
            if name:
                left = x + SWATCH + SWATCH_GAP
                marks.append(metrics.line(name, left, metrics.middle(middle), colour=metrics.theme.ink, of=of))
            x += _width(name, metrics) if len(rows) == 1 else column
    return marks, Edges(area.left, area.top + height, area.right, area.bottom)


def _rows(items: Sequence[Item], width: float, limit: float, metrics: TextMetrics) -> list[list[Item]]:
    """The items in rows: one after the other where one row takes them all, otherwise in columns of one width."""
    names = metrics.fit_all([name for name, _ in items], min(limit, width - SWATCH - SWATCH_GAP))
    short = [(name, colour) for name, (_, colour) in zip(names, items, strict=True)]
    if sum(_width(name, metrics) for name in names) - ITEM_GAP <= width:
        return [short]
    columns = max(int((width + ITEM_GAP) / _column(short, metrics)), 1)
    return [short[start : start + columns] for start in range(0, len(short), columns)]


def _column(items: Sequence[Item], metrics: TextMetrics) -> float:
    return max(_width(name, metrics) for name, _ in items)


def _width(name: str, metrics: TextMetrics) -> float:
    return SWATCH + (SWATCH_GAP + metrics.width(name, SIZE) if name else 0) + ITEM_GAP
