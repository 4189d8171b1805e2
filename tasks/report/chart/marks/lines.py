"""Lines: their runs between gaps, and the points of a run that a page can show."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from tasks.report.chart.marks.mark import Edges, Point
from tasks.report.chart.model import Value

COLUMN: Final = 0.5
"""Points of width in which a line is drawn by its first, lowest, highest and last point: it looks no different."""


def runs(values: Sequence[Value]) -> Iterator[list[tuple[int, float]]]:
    """The stretches of values without a gap: (index, value)."""
    numbered = ((index, value) for index, value in enumerate(values))
    for gap, stretch in groupby(numbered, key=lambda pair: pair[1] is None):
        if not gap:
            yield [(index, value) for index, value in stretch if value is not None]


def decimated(points: Sequence[Point]) -> list[Point]:
    """The points, rising in x, without those that no eye could tell; no peak and no trough is ever left out."""
    kept: list[Point] = []
    for _, stretch in groupby(points, key=lambda point: int(point[0] / COLUMN)):
        column = list(stretch)
        lowest = min(range(len(column)), key=lambda index: column[index][1])
        highest = max(range(len(column)), key=lambda index: column[index][1])
        kept += [column[index] for index in sorted({0, lowest, highest, len(column) - 1})]
    return kept


def crossed(lines: Sequence[Sequence[Point]], box: Edges) -> bool:
    """Whether any of the lines passes through the box."""
    return any(
        _passes(start, end, box)
        for line in lines
        for start, end in pairwise(line)
        if start[0] <= box.right and end[0] >= box.left
    )


def _passes(start: Point, end: Point, box: Edges) -> bool:
    """Whether the straight line from start to end, which goes to the right, has a point in the box."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        return min(y1, y2) < box.bottom and max(y1, y2) > box.top
    slope = (y2 - y1) / (x2 - x1)
    ends = [y1 + slope * (x - x1) for x in (max(x1, box.left), min(x2, box.right))]
    return min(ends) < box.bottom and max(ends) > box.top
