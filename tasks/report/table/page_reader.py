"""The lines of a table read once more, in step with its pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tasks.report.table.pages import GROUP, MORE, ROW, PageRange, TableLines
from tasks.report.table.rows import Cursor, LineBatch, Rows, heading


@dataclass(slots=True)
class LineRun:
    """Lines of one kind that follow each other on a page.

    offsets: where each begins below the page's first line, and where the last ends. dark: whether the first one is a
    dark row of the zebra. first, last: which lines of text stand on this page, of a row that pages cut.
    """

    kind: int
    batch: LineBatch
    offsets: list[float]
    dark: bool = False
    first: int = 0
    last: int | None = None


class PageReader:
    """Hands out the lines of each page. Pages are asked for in their order; the one at hand may be asked for again.

    heights, leading: as for TableLines.ends.
    """

    def __init__(self, lines: TableLines, rows: Rows, heights: Sequence[float], leading: float) -> None:
        self._lines = lines
        self._heights = heights
        self._leading = leading
        self._rows = rows
        self._cursor: Cursor | None = None
        self._page: tuple[int, list[LineRun], tuple[str, ...]] = (-1, [], ())
        self._dark = False
        self._headings: list[str] = []
        self._cut: LineBatch | None = None  # a row that pages cut, and how many of its lines of text were handed out
        self._shown = 0

    def page(self, page_range: PageRange) -> tuple[list[LineRun], tuple[str, ...]]:
        """The runs of one page, and the headings of the groups that go on from the page before."""
        start, runs, headings = self._page
        if start != page_range.start:
            if self._cursor is None:
                self._cursor = Cursor(self._rows.batches())
            before = tuple(self._headings)
            runs = list(self._runs(page_range, self._cursor))
            headings = before[: runs[0].batch.level] if runs[0].kind == GROUP else before
            self._page = (page_range.start, runs, headings)
        return runs, headings

    def _runs(self, page_range: PageRange, cursor: Cursor) -> Iterator[LineRun]:
        kinds = self._lines.kinds
        at, offset = page_range.start, 0.0
        while at < page_range.stop:
            end = self._end(at, page_range.stop)
            offsets = list(accumulate(self._each(at, end), initial=offset))
            if kinds[at] == MORE or kinds[end : end + 1] == bytes((MORE,)) or kinds[end - 1] == MORE:
                yield self._piece(kinds[at], end - at, offsets, cursor)
            else:
                batch = cursor.take(end - at)
                yield LineRun(kinds[at], batch, offsets, self._dark)
                self._account(kinds[at], batch)
            at, offset = end, offsets[-1]

    def _end(self, at: int, stop: int) -> int:
        """Where the run that begins at `at` ends. Headings, totals and rows that pages cut are runs by themselves."""
        kinds = self._lines.kinds
        end = at + 1
        if kinds[at] == ROW:
            while end < stop and kinds[end] == ROW:
                end += 1
            if kinds[end : end + 1] != bytes((MORE,)):
                return end
            if end - at > 1:
                return end - 1
        if kinds[at] in (ROW, MORE):
            while end < stop and kinds[end] == MORE:
                end += 1
        return end

    def _each(self, at: int, end: int) -> list[float]:
        heights = map(self._heights.__getitem__, self._lines.kinds[at:end])
        counts = self._lines.text_lines
        if counts is None:
            return list(heights)
        leading = self._leading
        return [height + (count - 1) * leading for height, count in zip(heights, counts[at:end], strict=True)]

    def _piece(self, kind: int, count: int, offsets: list[float], cursor: Cursor) -> LineRun:
        """`count` lines of text of a row that is taller than a page."""
        if kind == ROW or self._cut is None:
            self._cut, self._shown = cursor.take(1), 0
            self._dark = not self._dark
        first, self._shown = self._shown, self._shown + count
        return LineRun(ROW, self._cut, [offsets[0], offsets[-1]], not self._dark, first, self._shown)

    def _account(self, kind: int, batch: LineBatch) -> None:
        if kind == ROW:
            self._dark ^= batch.lines % 2 == 1
        elif kind == GROUP:
            self._dark = False
            self._headings[batch.level :] = [heading(batch)]
