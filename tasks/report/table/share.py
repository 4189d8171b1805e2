"""How the page's width is shared among a table's columns. Pure arithmetic, in points."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

Level = Literal["bare", "words", "good", "whole"]
_MOST_GROWTH: Final = 4.0
"""A table of few and narrow columns does not fill its page: the eye could not follow its rows."""
_HALVINGS: Final = 50
LEVELS: Final[tuple[Level, ...]] = ("bare", "words", "good", "whole")


class Demand(NamedTuple):
    """Four widths of a column, none smaller than the one before: possible at all, free of broken words, good for nearly
    all of its cells, and wide enough for every one.

    kind: `fixed` never grows, `flex` grows before the others do.
    """

    bare: float
    words: float
    good: float
    whole: float
    kind: Literal["auto", "flex", "fixed"] = "auto"

    def times(self, factor: float) -> "Demand":
        return Demand(self.bare * factor, self.words * factor, self.good * factor, self.whole * factor, self.kind)

    def capped(self, width: float) -> "Demand":
        """No more than `width` at any level."""
        return Demand(
            min(self.bare, width), min(self.words, width), min(self.good, width), min(self.whole, width), self.kind
        )

    def rigid(self) -> "Demand":
        return Demand(self.whole, self.whole, self.whole, self.whole, self.kind)


def needed(demands: Sequence[Demand], level: Level) -> float:
    """The table's width if each column had that level of its demand."""
    width: float = sum(getattr(demand, level) for demand in demands)
    return width


def share(demands: Sequence[Demand], room: float) -> list[float]:
    """A width for each column, together `room` or less; ValueError if that does not hold the bare minimum.

    Columns that are not flexible come first, if the flexible ones keep their words whole. Otherwise all move up from
    level to level together; where not all can keep their words whole, those with the shortest words do. What is left
    over at the end goes to the flexible columns, or else to all that are not fixed, so that the table fills the page.
    """
    firm = [demand if demand.kind == "flex" else demand.rigid() for demand in demands]
    if needed(firm, "words") <= room:
        demands = firm
    if needed(demands, "whole") <= room:
        return _stretch(demands, room)
    for low, high in reversed(list(pairwise(LEVELS))):
        least, most = needed(demands, low), needed(demands, high)
        if least <= room:
            if low == "bare":
                return _with_whole_words(demands, room)
            part = (room - least) / (most - least)
            return [getattr(demand, low) * (1 - part) + getattr(demand, high) * part for demand in demands]
    least = needed(demands, "bare")
    raise ValueError(f"{least:g} points of columns do not fit into {room:g}")


def _with_whole_words(demands: Sequence[Demand], room: float) -> list[float]:
    """Every column as wide as its words, but none wider than what all of those together leave room for."""

    def capped(most: float) -> list[float]:
        return [max(demand.bare, min(demand.words, most)) for demand in demands]

    low, high = 0.0, max(demand.words for demand in demands)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(capped(middle)) <= room else (low, middle)
    return capped(low)


def _stretch(demands: Sequence[Demand], room: float) -> list[float]:
    """The whole of each demand, and the spare room in proportion to it."""
    growing = "flex" if any(demand.kind == "flex" for demand in demands) else "auto"
    takers = [demand.kind == growing for demand in demands]
    taken = sum(demand.whole for demand, takes in zip(demands, takers, strict=True) if takes)
    growth = min(1 + (room - needed(demands, "whole")) / taken, _MOST_GROWTH) if taken else 1.0
    return [demand.whole * (growth if takes else 1) for demand, takes in zip(demands, takers, strict=True)]


def key_columns(widths: Sequence[float], room: float) -> tuple[int, ...]:
    """The columns that each page repeats where not all fit side by side: the first tells the rows apart, but it must
    not take more than a third of the page."""
    return (0,) if widths[0] <= room / 3 else ()


def slices(widths: Sequence[float], room: float) -> tuple[tuple[int, ...], ...]:
    """The columns of each page where they do not all fit side by side: on as few pages as they go, evenly filled."""
    key = key_columns(widths, room)
    own = widths[len(key) :]
    room -= sum(widths[: len(key)])
    fewest = len(list(_pages(own, room, 1)))
    return tuple((*key, *(len(key) + index for index in page)) for page in _pages(own, room, fewest))


def _pages(widths: Sequence[float], room: float, count: int) -> Iterator[range]:
    """Pages of columns: each takes its share of what is left for `count` of them, or as much as it has room for."""
    start = 0
    left = sum(widths)
    while start < len(widths):
        used, stop = widths[start], start + 1
        while stop < len(widths) and used < left / count and used + widths[stop] <= room:
            used, stop = used + widths[stop], stop + 1
        yield range(start, stop)
        start, left, count = stop, left - used, max(1, count - 1)
