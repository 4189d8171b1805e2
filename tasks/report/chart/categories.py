"""The names of categories, under a plot or beside it: whole, in lines, shortened or thinned out; never touching."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.report.chart.axes import Domain, Frame, upright
from tasks.report.chart.labels import AIR, LEADING, MIN_LABEL, Lettering, apart
from tasks.report.chart.marks.mark import Edges, Text
from tasks.report.chart.number_format import Figures

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


def misfits(names: Sequence[str], pitch: float, lettering: Lettering) -> float:
    """The share of the names that cannot stand whole under their places, `pitch` points from each other."""
    return sum(not lettering.holds(name, pitch - AIR, MAX_LINES) for name in names) / len(names)


@dataclass(frozen=True, slots=True)
class Names:
    """Names under a plot whose bottom is at 0. height: what they take."""

    texts: tuple[Text, ...]
    height: float


def under(
    names: Sequence[str],
    centres: Sequence[float],
    bounds: tuple[float, float],
    lettering: Lettering,
    *,
    thin: bool,
) -> Names:
    """The names under their centres, which lie evenly, inside the bounds.

    thin: rather leave names out than shorten them.
    """
    span = bounds[1] - bounds[0]
    pitch = centres[1] - centres[0] if len(centres) > 1 else span
    stride, room, most = 1, pitch - AIR, MAX_LINES
    if misfits(names, pitch, lettering) > (0 if thin or room < MIN_LABEL else FEW_MISFITS):
        widest = min(max(map(lettering.width, names)), WIDEST_NAME * span)
        stride = next((one for one in ROUND_STRIDES if one * pitch >= widest + AIR), len(names))
        room, most = max(stride * pitch - AIR, widest), 1
    texts: list[Text] = []
    for lines, centre in zip(_broken(names[::stride], room, most, lettering), centres[::stride], strict=True):
        column = [
            lettering.line(line, centre, AIR / 2 + LEADING * (row + 1) - 2, align="center").between(*bounds)
            for row, line in enumerate(lines)
            if line
        ]
        if not any(line.edges.meets(other.edges, AIR / 2) for line in column for other in texts[-MAX_LINES:]):
            texts += column
    rows = max((round((text.y + 2 - AIR / 2) / LEADING) for text in texts), default=0)
    return Names(tuple(texts), AIR / 2 + LEADING * rows if rows else 0.0)


def _broken(names: Sequence[str], room: float, most: int, lettering: Lettering) -> list[list[str]]:
    """The lines of each name; broken alike, so that "Jul 2026" does not stay whole where "Aug 2026" has to break."""
    broken = [lettering.lines(name, room, most) for name in names]
    several = [line for lines in broken if len(lines) > 1 for line in lines]
    if not several:
        return broken
    words = [word for name in names for word in name.split()]
    room = min(room, max(map(lettering.width, [*several, *words])))
    return [lettering.lines(name, room, most) for name in names]


def named(
    area: Edges,
    domain: Domain,
    names: Sequence[str],
    centres: Callable[[Edges], list[float]],
    *,
    figures: Figures,
    lettering: Lettering,
    thin: bool,
    foot: float = 0.0,
    beside: float = 0.0,
) -> tuple[Frame, list[Text]]:
    """An upright frame with names under it. centres: where the categories lie in a plot. foot: room left above the
    names. beside: room on the right of the frame that they may use."""
    height = 0.0
    found = Names((), 0.0)
    for _ in range(3):  # names change the plot's height, that its ticks, those its width, and that the names
        frame = upright(area, domain, height + foot, figures, lettering)
        if area.height < LOW:
            return frame, []
        found = under(names, centres(frame.plot), (area.left, area.right + beside), lettering, thin=thin)
        if found.height == height:
            break
        height = found.height
    down = frame.plot.bottom + foot
    return frame, [line for text in found.texts if (line := text.moved(0, down)).edges.bottom <= area.bottom]


def beside(
    names: Sequence[str], centres: Sequence[float], pitch: float, width: float, lettering: Lettering
) -> list[Text]:
    """The names right-aligned before x = 0, in lines where their pitch allows it."""
    most = max(1, min(MAX_LINES, int(pitch / LEADING)))
    texts: list[Text] = []
    for name, centre in zip(names, centres, strict=True):
        lines = lettering.lines(name, width, most)
        top = centre - LEADING * (len(lines) - 1) / 2
        texts += [
            lettering.line(line, 0, lettering.middle(top + LEADING * row), colour=lettering.theme.ink, align="right")
            for row, line in enumerate(lines)
        ]
    return apart(texts, gap=-1)
