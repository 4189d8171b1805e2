"""Flows beside others, in columns: one as high as what is in it, and one that goes on over pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tasks.report.layout.flow import Destination, Draw, Flow, Geometry, Orientation, Refit
from tasks.report.pdf.canvas import Canvas

_ENDLESS: Final = 1e6


class _InnerFlow(Flow):
    """A flow `width` points wide inside `parent`, whose pages it cannot turn or end."""

    turns = False

    def __init__(self, parent: Flow, width: float) -> None:
        super().__init__(Geometry(width, parent.full_height(), 0, 0, 0, 0), parent.theme, parent.warn)
        self._parent = parent

    @property
    def orientation(self) -> Orientation:
        return self._parent.orientation

    def end_page(self) -> None:
        """What stands beside it is not to be parted from it."""

    @contextmanager
    def turned(self, orientation: Orientation) -> Iterator[None]:
        if orientation != self.orientation:
            self.warn("not_turned", "What stands in columns cannot have pages of its own; it keeps their orientation.")
        yield


class ColumnFlow(_InnerFlow):
    """A column that is never broken. height: points taken so far."""

    breaks = False

    def __init__(self, parent: Flow, width: float) -> None:
        super().__init__(parent, width)
        self.height = 0.0
        self._boxes: list[tuple[float, Draw]] = []
        self._closes_up = False

    def room(self) -> float:
        return _ENDLESS

    def at_top(self) -> bool:
        return self.height == 0

    def gap(self, space_before: float) -> float:
        if self.height == 0:
            return 0.0
        return space_before / 2 if self._closes_up else space_before

    def place(
        self,
        height: float,
        draw: Draw,
        *,
        space_before: float = 0,
        keep_with_next: bool = False,
        close_up: bool = True,
        refit: Refit | None = None,  # noqa: ARG002 - its width stays
    ) -> None:
        self.height += self.gap(space_before)
        self._boxes.append((self.height, draw))
        for mark in self._waiting:
            mark.offset = self.height
        self._waiting = []
        self.height += height
        self._closes_up = keep_with_next and close_up

    def new_page(self) -> None:
        """There is only one."""

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw all of it, from (x, y) down."""
        for top, draw in self._boxes:
            draw(canvas, x, y + top)


class PagedColumnFlow(_InnerFlow):
    """A column that goes on over pages. used: points of the first page that are taken by what stands above."""

    def __init__(self, parent: Flow, width: float, used: float) -> None:
        super().__init__(parent, width)
        self._begin_page()
        self._top = self._y = used
        self._used = used

    def bottom(self, page: int) -> float:
        """How far down the column reaches on a page, from where it begins there."""
        boxes = self.pages[page].boxes if page < len(self.pages) else []
        return max((box.y + box.height for box in boxes), default=self._begins(page)) - self._begins(page)

    def marks_by_page(self) -> dict[int, list[Destination]]:
        """What leads to boxes of each page, with offsets from where the column begins there."""
        found: dict[int, list[Destination]] = {}
        for mark in self.marks:
            mark.offset = mark.y - self._begins(mark.page)
            found.setdefault(mark.page, []).append(mark)
        return found

    def draw(self, page: int, canvas: Canvas, x: float, y: float) -> None:
        """Draw one page of it, from (x, y) down."""
        for box in self.pages[page].boxes if page < len(self.pages) else ():
            box.draw(canvas, x, y + box.y - self._begins(page))

    def _begins(self, page: int) -> float:
        return self._used if page == 0 else 0.0
