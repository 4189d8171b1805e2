"""A flow beside others: as high as what is in it, and never broken over pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tasks.report.layout.flow import Draw, Flow, Geometry, Orientation
from tasks.report.pdf.canvas import Canvas

_ENDLESS: Final = 1e6


class ColumnFlow(Flow):
    """A flow `width` points wide inside `parent`. height: points taken so far."""

    breaks = False

    def __init__(self, parent: Flow, width: float) -> None:
        super().__init__(Geometry(width, parent.full_height(), 0, 0, 0, 0), parent.theme, parent.warn)
        self.height = 0.0
        self._parent = parent
        self._boxes: list[tuple[float, Draw]] = []
        self._follows_heading = False

    @property
    def orientation(self) -> Orientation:
        return self._parent.orientation

    def room(self) -> float:
        return _ENDLESS

    def at_top(self) -> bool:
        return self.height == 0

    def gap(self, space_before: float) -> float:
        if self.height == 0:
            return 0.0
        return space_before / 2 if self._follows_heading else space_before

    def place(self, height: float, draw: Draw, *, space_before: float = 0, keep_with_next: bool = False) -> None:
        self.height += self.gap(space_before)
        self._boxes.append((self.height, draw))
        for mark in self._waiting:
            mark.offset = self.height
        self._waiting = []
        self.height += height
        self._follows_heading = keep_with_next

    def new_page(self) -> None:
        """There is only one."""

    def end_page(self) -> None:
        """There is only one."""

    @contextmanager
    def turned(self, orientation: Orientation) -> Iterator[None]:
        if orientation != self.orientation:
            self.warn("not_turned", "What stands in columns cannot have pages of its own; it keeps their orientation.")
        yield

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw all of it, from (x, y) down."""
        for top, draw in self._boxes:
            draw(canvas, x, y + top)
