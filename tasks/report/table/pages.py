"""Which lines of a table stand on which page. Pure arithmetic on heights, in points; nothing is drawn."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

ROW, GROUP, SUBTOTAL, TOTAL, MORE = range(5)
KINDS = {"row": ROW, "group": GROUP, "subtotal": SUBTOTAL, "total": TOTAL}
FEWEST_ROWS = 2
ROUNDING_PT = 0.001


class PageRange(NamedTuple):
    """Lines `start` to `stop` (not included) stand on one page and are `height` points tall together."""

    start: int
    stop: int
    height: float


@dataclass
class TableLines:
    """The shape of a table in a few bytes a line: its kind, how many lines of text it has, and where pages must end.

    A row that is taller than a page is there as one line with its first line of text, and a MORE for each further one,
    so that pages can end between them.
    """

    kinds: bytearray = field(default_factory=bytearray)
    text_lines: "array[int] | None" = None
    breaks: list[int] = field(default_factory=list)

    def add(self, kind: int, count: int = 1, *, breaks: bool = False) -> None:
        """Lines with one line of text. breaks: they begin a page, unless only headings stand above them on this one."""
        if breaks and self.kinds and self.kinds[-1] != GROUP:
            self.breaks.append(len(self.kinds))
        self.kinds += bytes((kind,)) * count
        if self.text_lines is not None:
            self.text_lines.extend([1] * count)

    def add_rows(self, counts: Sequence[int], most: int) -> None:
        """Rows with so many lines of text each; those with more than `most` are taller than a page."""
        if max(counts) == 1:
            self.add(ROW, len(counts))
            return
        if self.text_lines is None:
            self.text_lines = array("H", [1]) * len(self.kinds)
        if max(counts) <= most:
            self.kinds += bytes((ROW,)) * len(counts)
            self.text_lines.extend(counts)
            return
        for count in counts:
            tall = count > most
            self.kinds += bytes((ROW, *[MORE] * (count - 1))) if tall else bytes((ROW,))
            self.text_lines.extend([1] * count if tall else [count])

    def ends(self, heights: Sequence[float], leading: float) -> "array[float]":
        """How far below the table's first line each line ends. `heights` are by kind, for one line of text."""
        single: Iterator[float] = map(heights.__getitem__, self.kinds)
        if self.text_lines is None:
            return array("d", accumulate(single))
        counted = zip(single, self.text_lines, strict=True)
        return array("d", accumulate(height + (count - 1) * leading for height, count in counted))

    def parts(self, line: int) -> bool:
        """Whether a page may end before `line`: not after a heading, not before a total, not after the first line of a
        long text."""
        here, before = self.kinds[line], self.kinds[line - 1]
        return here not in (SUBTOTAL, TOTAL) and before != GROUP and not (here == MORE and before == ROW)

    def opening(self) -> int:
        """How many lines the first page must hold for the table to begin on it."""
        rows = 0
        for line, kind in enumerate(self.kinds):
            rows += kind == ROW
            if rows > FEWEST_ROWS and self.parts(line):
                return line
        return len(self.kinds)


def page_ranges(lines: TableLines, ends: Sequence[float], room: float, full: float) -> Iterator[PageRange]:
    """The pages of a table in order: `room` points on the first, `full` on the others.

    Where no page is tall enough to keep together what belongs together, it is parted; a line taller than a page has a
    page of its own.
    """
    start = 0
    for stop in (*lines.breaks, len(ends)):
        while start < stop:
            top = ends[start - 1] if start else 0.0
            fits = bisect_right(ends, top + room + ROUNDING_PT, start, stop)
            cut = fits
            while start < cut < stop and not lines.parts(cut):
                cut -= 1
            if cut == start:
                cut = max(fits, start + 1)
            yield PageRange(start, cut, ends[cut - 1] - top)
            start, room = cut, full
