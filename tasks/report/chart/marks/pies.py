"""Slices of a pie or a donut: which are drawn, which are gathered into one, and where they begin and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tasks.report.chart.model import Value

SMALL: Final = 0.03
"""Slices below this share of the whole are gathered."""
MOST: Final = 12
"""Slices, with that of the gathered ones."""
MOST_GATHERED: Final = 0.25
"""Of the whole: beyond it the largest of the gathered slices are shown after all."""


@dataclass(frozen=True, slots=True)
class Slice:
    """index: of its category; None for those gathered, `count` of them. share: 0 to 1. start, end: degrees."""

    index: int | None
    value: float
    share: float
    start: float
    end: float
    count: int = 1


def slices(values: Sequence[Value], most: int = MOST) -> list[Slice]:
    """At most `most` slices (2 at the least) in the order of their values, the gathered ones last. No values above
    zero, no slices."""
    parts = [(index, value) for index, value in enumerate(values) if value]
    total = sum(value for _, value in parts)
    if total <= 0:
        return []
    by_size = sorted(parts, key=lambda part: (-part[1], part[0]))
    shown = len([value for _, value in by_size if value / total >= SMALL])
    while shown < len(by_size) and sum(value for _, value in by_size[shown:]) / total > MOST_GATHERED:
        shown += 1
    shown = min(shown, max(most, 2) - 1)
    if len(by_size) - shown == 1:
        shown += 1  # one alone is no "other"
    kept = sorted(by_size[:shown])
    gathered = [value for _, value in by_size[shown:]]
    found = []
    before = 0.0
    rows: list[tuple[int | None, float, int]] = [(index, value, 1) for index, value in kept]
    if gathered:
        rows.append((None, sum(gathered), len(gathered)))
    for index, value, count in rows:
        found.append(Slice(index, value, value / total, 360 * before / total, 360 * (before + value) / total, count))
        before += value
    return found
