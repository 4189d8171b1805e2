"""Bars, side by side or stacked, standing or lying: where they begin and end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from tasks.report.chart.model import PlottedSeries

WIDEST: Final = 44.0
"""Points. A lone bar does not fill the chart."""
FILLED: Final = 0.68
"""Of a category's room that its bars take together."""
THINNEST: Final = 0.6
"""Points. Thinner bars would only be a grey haze: instead each column they fall into shows its extremes."""
COLUMN: Final = 0.75


@dataclass(frozen=True, slots=True)
class Bar:
    """start, end: along the categories, in points from the first one's edge. low, high: values. value: what it says."""

    series: int
    start: float
    end: float
    low: float
    high: float
    value: float


def grouped(series: Sequence[PlottedSeries], length: float) -> tuple[list[Bar], bool]:
    """Bars of each category side by side, over `length` points; and whether they had to be condensed."""
    count = len(series[0].values)
    pitch = length / count
    width = min(pitch * FILLED / len(series), WIDEST)
    if width < THINNEST:
        return _silhouette(series, length), True
    gap = 1.0 if width > 8 and len(series) > 1 else 0.0
    bars = []
    for index in range(count):
        start = (index + 0.5) * pitch - width * len(series) / 2
        for place, one in enumerate(series):
            value = one.values[index]
            if value is not None:
                left = start + place * width
                bars.append(Bar(place, left, left + width - gap, min(value, 0.0), max(value, 0.0), value))
    return bars, False


def _silhouette(series: Sequence[PlottedSeries], length: float) -> list[Bar]:
    """In each column of the chart, the highest and the lowest value of each series; small before large."""
    bars = []
    for left, right, indexes in _columns(len(series[0].values), length):
        column = []
        for place, one in enumerate(series):
            values = [value for index in indexes if (value := one.values[index]) is not None]
            extremes = {max(values), min(values)} if values else ()
            column += [Bar(place, left, right, min(value, 0.0), max(value, 0.0), value) for value in extremes]
        bars += sorted(column, key=lambda bar: -abs(bar.value))
    return bars


def stacked(series: Sequence[PlottedSeries], length: float) -> tuple[list[Bar], bool]:
    """Bars of each category on top of each other, negative ones below zero; and whether they had to be condensed."""
    count = len(series[0].values)
    pitch = length / count
    width = min(pitch * FILLED, WIDEST)
    stacks = [list(_stack(series, index)) for index in range(count)]
    if pitch * FILLED >= THINNEST:
        return [
            Bar(place, (index + 0.5) * pitch - width / 2, (index + 0.5) * pitch + width / 2, low, high, value)
            for index, stack in enumerate(stacks)
            for place, low, high, value in stack
        ], False
    bars = []
    for left, right, indexes in _columns(count, length):
        # The tallest stack of the column, and the deepest, each whole: sums of different categories are never mixed.
        tallest = max(indexes, key=lambda index: max((high for _, _, high, _ in stacks[index]), default=0.0))
        deepest = min(indexes, key=lambda index: min((low for _, low, _, _ in stacks[index]), default=0.0))
        parts = [part for part in stacks[tallest] if part[3] > 0] + [part for part in stacks[deepest] if part[3] < 0]
        bars += [Bar(place, left, right, low, high, value) for place, low, high, value in parts]
    return bars, True


def _stack(series: Sequence[PlottedSeries], index: int) -> Iterable[tuple[int, float, float, float]]:
    above = below = 0.0
    for place, one in enumerate(series):
        value = one.values[index]
        if value is None:
            continue
        if value >= 0:
            yield place, above, above + value, value
            above += value
        else:
            yield place, below + value, below, value
            below += value


def _columns(count: int, length: float) -> Iterable[tuple[float, float, Sequence[int]]]:
    columns = max(int(length / COLUMN), 1)
    for column, indexes in groupby(range(count), key=lambda index: index * columns // count):
        yield column * length / columns, (column + 1) * length / columns, list(indexes)


def extent(series: Sequence[PlottedSeries], *, on_top: bool) -> tuple[float, float]:
    """The lowest and the highest value that bars reach, side by side or on top of each other; zero is in between."""
    if on_top:
        parts = [part for index in range(len(series[0].values)) for part in _stack(series, index)]
        ends = [low for _, low, _, _ in parts] + [high for _, _, high, _ in parts]
    else:
        ends = [value for one in series for value in one.known]
    return min([0.0, *ends]), max([0.0, *ends])
