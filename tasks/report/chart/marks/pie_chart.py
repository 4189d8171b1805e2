"""Pies and donuts laid out: names around them where there is room, otherwise in a list beside or below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.report.chart.labels import AIR, LEADING, MIN_LABEL, TextMetrics, spread
from tasks.report.chart.legend import SWATCH, SWATCH_GAP
from tasks.report.chart.marks.mark import Boxes, Edges, Mark, Point, Stroke, TextMark, Wedge
from tasks.report.chart.marks.pies import MOST, Slice, slices
from tasks.report.chart.model import ChartModel
from tasks.report.chart.palette import palette
from tasks.report.chart.ticks import nice_ticks
from tasks.report.layout.theme import H2, Rgb

HOLE: Final = 0.6
"""A donut's hole, of its radius."""
LARGEST: Final = 96.0
SMALLEST: Final = 30.0
"""Points of radius: below it names stand in a list."""
LEADER: Final = 12.0
"""Between a slice and its name."""
TALL_ROW: Final = 2 * LEADING + 4
"""A name and its value, one under the other."""
LOW_ROW: Final = LEADING + 3
"""The two in one line, where there are many."""
MOST_SHIFT: Final = 16.0
"""Points that a name may stand above or below its slice."""
NAMES_AROUND: Final = 80.0
"""Points of width that names need on each side, at the least."""
SHORTENED: Final = 0.6
"""Of a name that must be left beside its slice; otherwise a list is better."""
LIST_GAP: Final = 24.0
LIST_ROW: Final = 16.0
LIST_WIDTH: Final = 250.0
NARROW: Final = 190.0
"""A chart of this width or less has its list below the pie."""
GATHERED: Final = 0.45
"""How strong the grey of gathered slices is."""


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A slice with its colour and what is written about it."""

    slice: Slice
    name: str
    value: str
    share: str
    colour: Rgb

    @property
    def of(self) -> tuple[str, int]:
        """What its name stands for."""
        return ("other", self.slice.count) if self.slice.index is None else ("name", self.slice.index)

    @property
    def middle(self) -> float:
        """The angle of its middle in radians, clockwise from twelve o'clock."""
        return math.radians((self.slice.start + self.slice.end) / 2)


def pie_chart(model: ChartModel, area: Edges, other: str, metrics: TextMetrics) -> list[Mark]:
    """The marks of a pie or a donut. other: what gathered slices are called."""
    radius = min(area.height / 2 - LEADING, area.width / 2 - NAMES_AROUND - LEADER, LARGEST)
    if radius >= SMALLEST:
        centre = ((area.left + area.right) / 2, (area.top + area.bottom) / 2)
        parts = _parts(model, MOST, other, metrics)
        pie = Edges(centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
        around = _around(parts, pie, area, metrics)
        if around is not None:
            return [*_pie(model, parts, centre, radius, metrics), *around]
    if area.width <= NARROW and area.height >= NARROW / 2:
        height = min(area.height * 0.5, area.width)
        pie = Edges(area.left, area.top, area.right, area.top + height)
        room = Edges(area.left, pie.bottom + AIR, area.right, area.bottom)
    else:
        width = min(area.height, area.width * 0.42, 2 * LARGEST)
        pie = Edges(area.left, area.top, area.left + width, area.bottom)
        room = Edges(pie.right + LIST_GAP, area.top, area.right, area.bottom)
    parts = _parts(model, min(MOST, int(room.height / LEADING)), other, metrics)
    radius = min(pie.width, pie.height) / 2 - 1
    centre = ((pie.left + pie.right) / 2, (pie.top + pie.bottom) / 2)
    return [*_pie(model, parts, centre, radius, metrics), *_list(parts, room, metrics)]


def _parts(model: ChartModel, most: int, other: str, metrics: TextMetrics) -> list[_Labelled]:
    found = slices(model.series[0].values, most)
    theme = metrics.theme
    colours = palette(model.series[0].colour, theme.accent2, len(found))
    write = model.numbers.for_marks([one.value for one in found], nice_ticks(0, max(one.value for one in found), 5))
    return [
        _Labelled(
            one,
            f"{other} ({one.count})" if one.index is None else model.names[one.index],
            write(one.value),
            model.numbers.share(one.share),
            theme.tint(theme.muted, GATHERED) if one.index is None else colour,
        )
        for one, colour in zip(found, colours, strict=True)
    ]


def _pie(
    model: ChartModel, parts: Sequence[_Labelled], centre: Point, radius: float, metrics: TextMetrics
) -> list[Mark]:
    """The slices, and inside a donut their total."""
    hole = HOLE * radius if model.kind == "donut" else 0.0
    marks: list[Mark] = [Wedge(centre, radius, hole, part.slice.start, part.slice.end, part.colour) for part in parts]
    x, y = centre
    if hole:
        total = sum(part.slice.value for part in parts)
        text = model.numbers.brief(total)
        for size in (H2, LEADING):
            if metrics.width(text, size, bold=True) <= 1.6 * hole and hole > size:
                baseline = metrics.middle(y, size)
                ink = metrics.theme.ink
                marks.append(metrics.line(text, x, baseline, size=size, colour=ink, bold=True, align="center"))
                break
    return marks


def _around(parts: Sequence[_Labelled], pie: Edges, area: Edges, metrics: TextMetrics) -> list[Mark] | None:
    """Names around a pie, each beside its slice; None if they do not fit there."""
    for row in (TALL_ROW, LOW_ROW):
        right, left = (_side(parts, pie, area, row, side, metrics) for side in (1, -1))
        if right is not None and left is not None:
            return right + left
    return None


def _side(
    parts: Sequence[_Labelled], pie: Edges, area: Edges, row: float, side: int, metrics: TextMetrics
) -> list[Mark] | None:
    """The names on the right side of a pie (1) or on its left (-1), in rows of that height."""
    here = [part for part in parts if (math.sin(part.middle) >= 0) == (side == 1)]
    if len(here) * row > area.height:
        return None
    x, y, radius = (pie.left + pie.right) / 2, (pie.top + pie.bottom) / 2, pie.width / 2
    reach = radius + LEADER
    wanted = [y - reach * math.cos(part.middle) for part in here]
    heights = spread(wanted, row, area.top + row / 2, area.bottom - row / 2)
    marks: list[Mark] = []
    for part, height, want in zip(here, heights, wanted, strict=True):
        # Names keep to the outside of a circle around the pie: beside it they stand off, over it they move in.
        off = max(abs(height - y) - row / 2, 0)
        out = max(math.sqrt(max(reach * reach - off * off, 0)), LEADER) + 3
        texts = _written(part, area.right - x - out if side == 1 else x - out - area.left, row, metrics)
        if texts is None or abs(height - want) > MOST_SHIFT:
            return None
        edge = (x + (radius + 2) * math.sin(part.middle), y - (radius + 2) * math.cos(part.middle))
        marks.append(Stroke((edge, (x + side * (out - 3), height)), metrics.theme.rule, 0.75))
        width = max(text.edges.right for text in texts)
        for text in texts:
            # Two lines on the left end at the pie, two pieces of one line follow each other.
            indent = width - text.width if side == -1 and row == TALL_ROW else text.x
            marks.append(text.moved(x + (out if side == 1 else -out - width) + indent - text.x, height))
    return marks


def _written(part: _Labelled, room: float, row: float, metrics: TextMetrics) -> list[TextMark] | None:
    """A slice's name and value around (0, 0), one under the other or in one line; None if there is no room for them."""
    note = f"{part.value} · {part.share}"
    ink = metrics.theme.ink
    if row == TALL_ROW:
        name = metrics.fit(part.name, room)
        if metrics.width(note) > room or len(name) < SHORTENED * len(part.name):
            return None
        return [metrics.line(name, 0, -1.5, colour=ink, of=part.of), metrics.line(note, 0, LEADING - 2)]
    base = metrics.middle(0)
    after = metrics.width(part.name) + AIR
    if after + metrics.width(note) > room:
        return None
    return [metrics.line(part.name, 0, base, colour=ink, of=part.of), metrics.line(note, after, base)]


def _list(parts: Sequence[_Labelled], room: Edges, metrics: TextMetrics) -> list[Mark]:
    """Colour, name, value and share, a row each."""
    if room.width < MIN_LABEL or room.height < LEADING * len(parts):
        return []
    left, right = room.left + SWATCH + SWATCH_GAP, min(room.right, room.left + LIST_WIDTH)
    values = max(metrics.width(part.value) for part in parts) + AIR
    shares = max(metrics.width(part.share) for part in parts) + AIR
    most = 2 if room.height >= 2 * LEADING * len(parts) else 1
    ways = [taken for taken in (values + shares, shares) if right - left - taken >= 2 * MIN_LABEL]
    whole = [way for way in ways if all(metrics.holds(part.name, right - left - way, most) for part in parts)]
    taken = (whole or ways[-1:] or [0.0])[0]
    names = metrics.distinct_lines([part.name for part in parts], right - left - taken, most)
    pitch = min(LIST_ROW + LEADING * (max(map(len, names)) - 1), room.height / len(parts))
    top = (room.top + room.bottom - pitch * len(parts)) / 2
    ink = metrics.theme.ink
    marks: list[Mark] = []
    for row, (part, lines) in enumerate(zip(parts, names, strict=True)):
        middle = top + (row + 0.5) * pitch
        first = middle - LEADING * (len(lines) - 1) / 2
        swatch = Edges(room.left, first - SWATCH / 2, room.left + SWATCH, first + SWATCH / 2)
        marks.append(Boxes((swatch,), part.colour))
        baselines = [metrics.middle(first + LEADING * number) for number in range(len(lines))]
        marks += [
            metrics.line(line, left, base, colour=ink, of=part.of) for line, base in zip(lines, baselines, strict=True)
        ]
        if taken:
            marks.append(metrics.line(part.share, right, baselines[0], align="right"))
        if taken > shares:
            marks.append(metrics.line(part.value, right - shares, baselines[0], colour=ink, align="right"))
    return marks
