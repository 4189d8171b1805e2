"""Puts marks on a page."""

from collections.abc import Sequence
from typing import Final

from tasks.report.chart.marks.mark import Area, Boxes, Dots, Mark, Stroke, Text, Wedge
from tasks.report.layout.theme import WHITE, Theme
from tasks.report.pdf.canvas import Pen

SEAM: Final = 1.2
"""Width of the white line between slices."""
RIM: Final = 0.6


def draw(marks: Sequence[Mark], pen: Pen, x: float, y: float, theme: Theme) -> None:
    """Draw marks with the chart's top left corner at (x, y)."""
    slices = sum(isinstance(mark, Wedge) for mark in marks)
    for mark in marks:
        match mark:
            case Text():
                face = theme.faces.bold if mark.bold else theme.faces.regular
                pen.text(x + mark.x, y + mark.y, mark.text, face, mark.size, mark.colour)
            case Boxes():
                pen.rects(((x + box.left, y + box.top, box.width, box.height) for box in mark.edges), mark.colour)
            case Stroke():
                points = [(x + right, y + down) for right, down in mark.points]
                if len(points) == 2:
                    pen.line(*points[0], *points[1], mark.colour, mark.width)
                else:
                    pen.polygon(points, stroke=mark.colour, line_width=mark.width, closed=False)
            case Area():
                with pen.faded(mark.opacity):
                    pen.polygon([(x + right, y + down) for right, down in mark.points], fill=mark.colour)
            case Wedge():
                _draw_wedge(mark, pen, x, y, seam=slices > 1)
            case Dots():
                centres = [(x + right, y + down) for right, down in mark.centres]
                with pen.faded(mark.opacity):
                    if mark.rim:
                        pen.dots(centres, mark.radius + RIM, WHITE)
                    pen.dots(centres, mark.radius, mark.colour)


def _draw_wedge(wedge: Wedge, pen: Pen, x: float, y: float, *, seam: bool) -> None:
    pen.wedge(
        x + wedge.centre[0],
        y + wedge.centre[1],
        wedge.radius,
        wedge.start,
        wedge.end,
        inner=wedge.inner,
        fill=wedge.colour,
        stroke=WHITE if seam else None,
        line_width=SEAM,
    )
