"""The canvas that draws a page: a thin layer over the canvas of ReportLab.

Points everywhere; x grows to the right and **y grows downwards** from the page's top. It writes the page's operators
itself, in few bytes: font, size and colours only when they change.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tasks.report.fonts.codes import Codes
from tasks.report.fonts.face import Face
from tasks.report.layout.theme import HAIRLINE, INK, Rgb
from tasks.report.pdf.resources import Operand, Resources
from tasks.report.pictures.picture import Picture

Align = Literal["left", "center", "right"]
Point = tuple[float, float]
_CIRCLE = 0.5522847498
"""Length of the handles that make four Bézier curves a circle of radius 1."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The line around a shape.

    Args:
        colour: Of the line.
        width: Of the line, in points.
    """

    colour: Rgb
    width: float = HAIRLINE


class Canvas:
    """Draws on one page at a time. `Pdf.begin_page` puts it on a fresh page.

    Args:
        resources: The document that the pages are part of.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._out: list[str] = []
        self._height = 0.0
        self.width = 0.0
        self._in_text = False
        self._state: tuple[Any, ...] = ()
        self._states: list[tuple[Any, ...]] = []
        self._font: tuple[str, float] = ("", 0.0)
        self._fill: Rgb | None = None
        self._stroke: Rgb | None = None
        self._line_width = 0.0

    def turn_to(self, operators: list[str], width: float, height: float) -> None:
        """Begin a page of `width` × `height` points whose operators are collected in `operators`."""
        self._out = operators
        self.width, self._height = width, height
        self._in_text = False
        self._states = []
        self._font, self._fill, self._stroke, self._line_width = ("", 0.0), None, None, 0.0

    # Text

    def text(
        self, x: float, y: float, text: str, face: Face, size: float, colour: Rgb = INK, align: Align = "left"
    ) -> None:
        """One line of text. y: its baseline. x: its left end, its middle or its right end, as `align` says."""
        if align != "left":
            width = face.width(text, size)
            x -= width if align == "right" else width / 2
        self.texts(((x, y, text),), face, size, colour)

    def texts(self, items: Iterable[tuple[float, float, str]], face: Face, size: float, colour: Rgb = INK) -> None:
        """Many pieces of text, each (x of its left end, y of its baseline, text), in one style: the fast way."""
        out = self._out
        height = self._height
        operands = self._resources.operands
        if not self._in_text:
            self._in_text = True
            out.append("BT")
        if colour != self._fill:
            self._fill = colour
            out.append(_operator(colour, "rg"))
        name, current_size = self._font
        for x, y, text in items:
            out.append(f"1 0 0 1 {x:.2f} {height - y:.2f} Tm")
            for font, operand in operands(face, text):
                if font != name or size != current_size:
                    name, current_size = font, size
                    out.append(f"{font} {size:g} Tf")
                out.append(operand + " Tj")
        self._font = (name, current_size)

    def text_object(self, operators: str) -> None:
        """A text object that was put together elsewhere, without its BT and ET. It sets its own font and colour, and
        counts y upwards from the page's bottom: `height` minus ours."""
        self._leave_text()
        self._out.append(f"BT\n{operators}\nET")
        self._font, self._fill = ("", 0.0), None

    def operands(self, face: Face, text: str) -> Sequence[Operand]:
        """`text` as the operands of one Tj after the other, each with its font."""
        return self._resources.operands(face, text)

    def codes(self, face: Face) -> Codes:
        """The table that writes many texts in `face` at once."""
        return self._resources.codes(face)

    @property
    def height(self) -> float:
        """Of the page."""
        return self._height

    # Shapes

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: Rgb | None = None,
        outline: Outline | None = None,
        radius: float = 0.0,
    ) -> None:
        """A rectangle whose top left corner is (x, y), filled, outlined or both."""
        self._ready(fill, outline)
        if radius:
            self._rounded(x, y, width, height, min(radius, width / 2, height / 2))
        else:
            self._out.append(f"{x:.2f} {self._height - y - height:.2f} {width:.2f} {height:.2f} re")
        self._paint(fill, outline)

    def rects(self, boxes: Iterable[tuple[float, float, float, float]], fill: Rgb) -> None:
        """Many rectangles (x, y, width, height) of one colour: the fast way."""
        self._ready(fill, None)
        out = self._out
        top = self._height
        before = len(out)
        out.extend(f"{x:.2f} {top - y - height:.2f} {width:.2f} {height:.2f} re" for x, y, width, height in boxes)
        if len(out) > before:
            out.append("f")

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: Rgb, width: float = HAIRLINE, dash: str = ""
    ) -> None:
        """A straight line. dash: lengths of dashes and gaps in points, such as "2 2"."""
        self.lines(((x1, y1, x2, y2),), colour, width, dash)

    def lines(
        self,
        lines: Iterable[tuple[float, float, float, float]],
        colour: Rgb,
        width: float = HAIRLINE,
        dash: str = "",
    ) -> None:
        """Many straight lines (x1, y1, x2, y2) in one style: the fast way."""
        self._ready(None, Outline(colour, width))
        out = self._out
        top = self._height
        if dash:
            out.append(f"[{dash}] 0 d")
        before = len(out)
        out.extend(f"{x1:.2f} {top - y1:.2f} m {x2:.2f} {top - y2:.2f} l" for x1, y1, x2, y2 in lines)
        if len(out) > before:
            out.append("S")
        if dash:
            out.append("[] 0 d")

    def polygon(
        self,
        points: Sequence[Point],
        *,
        fill: Rgb | None = None,
        outline: Outline | None = None,
        closed: bool = True,
    ) -> None:
        """A polygon, or with `closed=False` a line through the points; its joints are round."""
        if len(points) < 2:
            return
        self._ready(fill, outline)
        top = self._height
        self._out.append("1 j 1 J")
        self._out.extend(f"{x:.2f} {top - y:.2f} {'l' if index else 'm'}" for index, (x, y) in enumerate(points))
        if closed:
            self._out.append("h")
        self._paint(fill, outline)
        self._out.append("0 j 0 J")

    def circle(
        self,
        x: float,
        y: float,
        radius: float,
        *,
        fill: Rgb | None = None,
        outline: Outline | None = None,
    ) -> None:
        """A circle around (x, y)."""
        self._ready(fill, outline)
        self._rounded(x - radius, y - radius, 2 * radius, 2 * radius, radius)
        self._paint(fill, outline)

    def dots(self, centres: Iterable[Point], radius: float, colour: Rgb) -> None:
        """Many small discs of one size and colour, each over those before it: the fast way."""
        self._ready(colour, None)
        handle = 4 / 3 * radius  # a half circle of one curve is off by 2 % of the radius, which no eye sees in a dot
        for x, y in centres:
            left, right, middle = f"{x - radius:.2f}", f"{x + radius:.2f}", f"{self._height - y:.2f}"
            top, bottom = f"{self._height - y + handle:.2f}", f"{self._height - y - handle:.2f}"
            self._out.append(
                f"{left} {middle} m {left} {top} {right} {top} {right} {middle} c "
                f"{right} {bottom} {left} {bottom} {left} {middle} c f"
            )

    def wedge(
        self,
        centre: Point,
        radius: float,
        start: float,
        end: float,
        *,
        inner: float = 0.0,
        fill: Rgb | None = None,
        outline: Outline | None = None,
    ) -> None:
        """A slice around `centre` from `start` to `end`: degrees clockwise from twelve o'clock. inner: its
        hole's radius."""
        x, y = centre
        self._ready(fill, outline)
        outward = self._arc(x, y, radius, start, end)
        first = outward[0]
        if inner > 0:
            inward = self._arc(x, y, inner, end, start)
            self._out.append(f"{first[0]:.2f} {self._height - first[1]:.2f} m")
            self._curves(outward[1:])
            self._out.append(f"{inward[0][0]:.2f} {self._height - inward[0][1]:.2f} l")
            self._curves(inward[1:])
        else:
            self._out.append(f"{x:.2f} {self._height - y:.2f} m {first[0]:.2f} {self._height - first[1]:.2f} l")
            self._curves(outward[1:])
        self._out.append("h")
        self._paint(fill, outline)

    def image(self, picture: Picture, x: float, y: float, width: float, height: float) -> None:
        """A picture, stretched to the box whose top left corner is (x, y)."""
        self._leave_text()
        name = self._resources.use_picture(picture, width)
        self._out.append(f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {self._height - y - height:.2f} cm {name} Do Q")

    def link(self, x: float, y: float, width: float, height: float, target: str) -> None:
        """A place to click. target: a URL, or `#name` of an anchor."""
        self._resources.add_link((x, self._height - y - height, x + width, self._height - y), target)

    # State

    @contextmanager
    def clipped(self, x: float, y: float, width: float, height: float) -> Iterator[None]:
        """Only what is inside the box shows."""
        self._save()
        self._out.append(f"{x:.2f} {self._height - y - height:.2f} {width:.2f} {height:.2f} re W n")
        try:
            yield
        finally:
            self._restore()

    @contextmanager
    def rotated(self, x: float, y: float, degrees: float) -> Iterator[None]:
        """What is drawn at (x, y) and around it is turned around that point, counter-clockwise."""
        self._save()
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        up = self._height - y
        left, bottom = x - x * cos + up * sin, up - x * sin - up * cos
        self._out.append(f"{cos:.5f} {sin:.5f} {-sin:.5f} {cos:.5f} {left:.3f} {bottom:.3f} cm")
        try:
            yield
        finally:
            self._restore()

    @contextmanager
    def faded(self, opacity: float) -> Iterator[None]:
        """What is drawn lets what is behind shine through. opacity: 0 to 1."""
        self._save()
        self._out.append(f"{self._resources.use_opacity(opacity)} gs")
        try:
            yield
        finally:
            self._restore()

    def finish(self) -> None:
        """End the page."""
        self._leave_text()

    def _save(self) -> None:
        self._leave_text()
        self._states.append((self._font, self._fill, self._stroke, self._line_width))
        self._out.append("q")

    def _restore(self) -> None:
        self._leave_text()
        self._font, self._fill, self._stroke, self._line_width = self._states.pop()
        self._out.append("Q")

    def _ready(self, fill: Rgb | None, outline: Outline | None) -> None:
        self._leave_text()
        if fill is not None and fill != self._fill:
            self._fill = fill
            self._out.append(_operator(fill, "rg"))
        if outline is not None:
            if outline.colour != self._stroke:
                self._stroke = outline.colour
                self._out.append(_operator(outline.colour, "RG"))
            if outline.width != self._line_width:
                self._line_width = outline.width
                self._out.append(f"{outline.width:g} w")

    def _leave_text(self) -> None:
        if self._in_text:
            self._in_text = False
            self._out.append("ET")

    def _paint(self, fill: Rgb | None, outline: Outline | None) -> None:
        self._out.append("S" if fill is None else "f" if outline is None else "B")

    def _rounded(self, x: float, y: float, width: float, height: float, radius: float) -> None:
        top, bottom = self._height - y, self._height - y - height
        right = x + width
        handle = radius * (1 - _CIRCLE)
        self._out.append(
            f"{x + radius:.2f} {top:.2f} m {right - radius:.2f} {top:.2f} l "
            f"{right - handle:.2f} {top:.2f} {right:.2f} {top - handle:.2f} {right:.2f} {top - radius:.2f} c "
            f"{right:.2f} {bottom + radius:.2f} l "
            f"{right:.2f} {bottom + handle:.2f} {right - handle:.2f} {bottom:.2f} {right - radius:.2f} {bottom:.2f} c "
            f"{x + radius:.2f} {bottom:.2f} l "
            f"{x + handle:.2f} {bottom:.2f} {x:.2f} {bottom + handle:.2f} {x:.2f} {bottom + radius:.2f} c "
            f"{x:.2f} {top - radius:.2f} l "
            f"{x:.2f} {top - handle:.2f} {x + handle:.2f} {top:.2f} {x + radius:.2f} {top:.2f} c h"
        )

    def _arc(self, x: float, y: float, radius: float, start: float, end: float) -> list[Point]:
        """The first point of an arc, then three for each of its Bézier curves."""
        pieces = max(1, math.ceil(abs(end - start) / 90))
        step = math.radians((end - start) / pieces)
        handle = 4 / 3 * math.tan(step / 4) * radius
        angle = math.radians(start)
        points: list[Point] = [(x + radius * math.sin(angle), y - radius * math.cos(angle))]
        for _ in range(pieces):
            x1, y1 = points[-1]
            points.append((x1 + handle * math.cos(angle), y1 + handle * math.sin(angle)))
            angle += step
            x2, y2 = x + radius * math.sin(angle), y - radius * math.cos(angle)
            points.append((x2 - handle * math.cos(angle), y2 - handle * math.sin(angle)))
            points.append((x2, y2))
        return points

    def _curves(self, points: Sequence[Point]) -> None:
        top = self._height
        for index in range(0, len(points), 3):
            (x1, y1), (x2, y2), (x3, y3) = points[index : index + 3]
            self._out.append(f"{x1:.2f} {top - y1:.2f} {x2:.2f} {top - y2:.2f} {x3:.2f} {top - y3:.2f} c")


def _operator(colour: Rgb, name: str) -> str:
    red, green, blue = colour
    return f"{red:.3g} {green:.3g} {blue:.3g} {name}"
