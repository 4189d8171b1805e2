"""Pagination: where everything goes, decided before anything is drawn.

A block tells the flow how high it is and how it draws itself; the flow gives it a place on a page. When the last block
has its place the number of pages is known, and the pages are drawn once, in their order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from tasks.refusal import Refusal
from tasks.report.layout.theme import ReportTheme
from tasks.report.pdf.canvas import Canvas

Draw = Callable[[Canvas, float, float], None]
"""Draws a box whose top left corner is at (x, y)."""
Refit = Callable[[float], tuple[float, Draw]]
"""Lays a box out for another width in points: its height there, and how it draws itself."""
ROUNDING_PT: Final = 0.01
"""Heights that were added up in another order may differ by this much."""
Orientation = Literal["portrait", "landscape"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """A page's size and the box for its content, in points."""

    width: float
    height: float
    top: float
    right: float
    bottom: float
    left: float

    @property
    def content_width(self) -> float:
        return self.width - self.left - self.right

    @property
    def content_height(self) -> float:
        return self.height - self.top - self.bottom

    @property
    def orientation(self) -> Orientation:
        return "landscape" if self.width > self.height else "portrait"

    def turned(self, orientation: Orientation) -> "Geometry":
        """The same paper in `orientation`; the margins keep their sides."""
        if orientation == self.orientation or self.width == self.height:
            return self
        return Geometry(self.height, self.width, self.top, self.right, self.bottom, self.left)


@dataclass(slots=True)
class Box:
    """Something that has its place."""

    x: float
    y: float
    height: float
    draw: Draw


@dataclass(slots=True)
class KeptBox:
    """A box that must stand with the next one.

    Args:
        box: The box.
        marks: What leads to it.
        width: Of the content that it is laid out for, in points.
        refit: How it is laid out for another width.
        close_up: Whether the space to the next box is halved.
    """

    box: Box
    marks: list["Destination"]
    width: float
    refit: Refit | None
    close_up: bool


@dataclass(slots=True)
class FlowPage:
    """A page and what is on it."""

    geometry: Geometry
    boxes: list[Box] = field(default_factory=list)
    banded: bool = True


@dataclass(slots=True)
class Destination:
    """A heading, an anchor or the beginning of a block, and where it is. page: index in Flow.pages, -1 for nowhere."""

    page: int = -1
    y: float = 0.0
    text: str = ""
    level: int = 0
    anchor: str | None = None
    offset: float = 0.0
    """Points from the top of its box."""
    number: int = 0
    """Its place among all marks."""

    @property
    def target(self) -> str:
        """What links inside the document call it; no anchor of the spec can have this name."""
        return self.anchor or f"mark.{self.number}"


class Flow:
    """Places boxes from top to bottom, page after page.

    width: of the content box now. pages: those begun so far. marks: headings and anchors in their order. breaks:
    whether it has more than one page, so that boxes may be split. turns: whether it has pages of another orientation.
    """

    breaks = True
    turns = True

    def __init__(
        self, geometry: Geometry, theme: ReportTheme, warn: Callable[[str, str], None], max_pages: int = 40_000
    ) -> None:
        self.theme = theme
        self.warn = warn
        self.pages: list[FlowPage] = []
        self.marks: list[Destination] = []
        self._geometry = geometry
        self._max_pages = max_pages
        self._top = 0.0  # where boxes of this page begin, from the top of the content box
        self._y = 0.0  # from the top of the content box
        self._kept: list[KeptBox] = []  # the last boxes, as far as they must stand with the next
        self._waiting: list[Destination] = []  # marks of the box that comes next

    @property
    def width(self) -> float:
        return self._geometry.content_width

    @property
    def orientation(self) -> Orientation:
        return self._geometry.orientation

    def width_in(self, orientation: Orientation) -> float:
        """What `width` would be on pages of that orientation."""
        return self._geometry.turned(orientation).content_width

    def full_height(self) -> float:
        """Points from top to bottom of an empty page's content box."""
        return self._geometry.content_height

    def room(self) -> float:
        """Points left on this page; a whole page's if none was begun."""
        return self.full_height() - self._y if self.pages else self.full_height()

    def at_top(self) -> bool:
        """Whether nothing is on this page yet."""
        return self._y == 0

    @property
    def kept_height(self) -> float:
        """Points that the last boxes take which must stand with the next one."""
        if not self._kept:
            return 0.0
        last = self._kept[-1].box
        return last.y + last.height - self._kept[0].box.y

    def holds_only_kept(self) -> bool:
        """Whether nothing is on this page but what must stand with the next box."""
        if not self._kept or self.pages[-1].geometry != self._geometry:
            return False
        return len(self._kept) == len(self.pages[-1].boxes) and self._top == 0

    def gap(self, space_before: float) -> float:
        """What becomes of a box's `space_before` here: nothing at the top of a page, half of it after what is kept with
        it, for what belongs together stands together."""
        if self._y == self._top:
            return 0.0
        return space_before / 2 if self._kept and self._kept[-1].close_up else space_before

    def place(
        self,
        height: float,
        draw: Draw,
        *,
        space_before: float = 0,
        keep_with_next: bool = False,
        close_up: bool = True,
        refit: Refit | None = None,
    ) -> None:
        """Put a box at the cursor, on a new page if it does not fit here.

        Args:
            height: Points, at most `full_height()`; a higher box gets a page of its own and is cut off there.
            draw: Draws it.
            space_before: Points above it, dropped at the top of a page.
            keep_with_next: It moves to the next page with the box that follows, should that one not fit.
            close_up: Whether a box that is kept with the next one halves the space between them.
            refit: Lays out a box that is kept with the next one, should the next page have another width.
        """
        gap = self.gap(space_before)
        # Twice if what is kept with it fills most of the next page.
        while self._y + gap + height > self.full_height() + ROUNDING_PT and self.pages and self._y > 0:
            self.new_page()
            gap = self.gap(space_before)
        if not self.pages:
            self._begin_page()
        if height > self.full_height() + ROUNDING_PT:
            self.warn("clipped", "It is higher than a page; what is beyond the page's end is cut off.")
            height, draw = self.full_height(), _cut(draw, self.width, self.full_height())
        y = self._geometry.top + self._y + gap
        box = Box(self._geometry.left, y, height, draw)
        page = len(self.pages) - 1
        marks, self._waiting = self._waiting, []
        for mark in marks:
            mark.page, mark.y = page, y + mark.offset
        self.pages[-1].boxes.append(box)
        self._y += gap + height
        if keep_with_next:
            self._kept.append(KeptBox(box, marks, self.width, refit, close_up))
        else:
            self._kept = []

    def new_page(self) -> None:
        """Go on at the top of the next page. What is to be kept with the next box goes there too."""
        kept, self._kept = self._kept, []
        if kept:
            page = self.pages[-1]
            turned = page.geometry != self._geometry
            alone = len(kept) == len(page.boxes)
            if alone and not turned and self._top == 0:
                kept = []  # a page that holds nothing else is better than an empty one
            else:
                del page.boxes[-len(kept) :]
                if alone and turned:
                    self.pages.pop()
        self._begin_page()
        end = kept[0].box.y if kept else 0.0  # of the box before, on the page that it comes from
        for one in kept:
            above, end = one.box.y - end, one.box.y + one.box.height
            self._move_here(one, above)
        self._kept = kept

    def _move_here(self, kept: KeptBox, above: float) -> None:
        """Put a kept box at the cursor, `above` points below the one before."""
        box = kept.box
        if kept.refit and kept.width != self.width:
            kept.width = self.width
            box.height, box.draw = kept.refit(self.width)
        self._y += above
        box.x, box.y = self._geometry.left, self._geometry.top + self._y
        for mark in kept.marks:
            mark.page, mark.y = len(self.pages) - 1, box.y + mark.offset
        self.pages[-1].boxes.append(box)
        self._y += box.height

    def end_page(self) -> None:
        """What comes next begins on a new page; if nothing comes there is none."""
        self._kept = []
        if self._y:
            self._y = self.full_height()

    def mark(self, mark: Destination) -> None:
        """The box that comes next is where `mark` leads to."""
        mark.number = len(self.marks)
        self._waiting.append(mark)
        self.marks.append(mark)

    def outline(self, text: str, level: int, anchor: str | None = None) -> None:
        """The box that comes next is a heading of the outline. level: from 1. anchor: what links call it."""
        self.mark(Destination(text=text, level=level, anchor=anchor))

    def anchor(self, name: str) -> None:
        """The box that comes next can be linked to as `#name`."""
        self.mark(Destination(anchor=name))

    @contextmanager
    def turned(self, orientation: Orientation) -> Iterator[None]:
        """Pages of another orientation; before and after it a new page begins where it changes.

        What is kept with the next box goes to the first of these pages. What the last box inside is to be kept with
        stands outside, and does not bring it out.
        """
        before = self._geometry
        self._turn(before.turned(orientation))
        yield
        if self._geometry != before:
            self._kept = []
        self._turn(before)

    def _turn(self, geometry: Geometry) -> None:
        if geometry == self._geometry:
            return
        self._geometry = geometry
        if self.pages and self._y == 0:
            self.pages.pop()
        self._y = self.full_height() if self.pages else 0.0  # whatever comes next goes to a new page

    def _begin_page(self) -> None:
        if len(self.pages) >= self._max_pages:
            message = f"The report has more than {self._max_pages:,} pages, which is the limit. Send less data."
            raise Refusal("too_many_pages", message, limit=self._max_pages)
        self.pages.append(FlowPage(self._geometry))
        self._top = self._y = 0.0


def _cut(draw: Draw, width: float, height: float) -> Draw:
    def cut(canvas: Canvas, x: float, y: float) -> None:
        with canvas.clipped(x, y, width, height):
            draw(canvas, x, y)

    return cut
