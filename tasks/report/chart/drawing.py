"""Puts marks on a page."""

from collections.abc import Sequence
from typing import Final

from tasks.report.chart.marks.mark import Area, Boxes, Dots, Mark, Stroke, TextMark, Wedge
from tasks.report.layout.theme import WHITE, ReportTheme
from tasks.report.pdf.canvas import Canvas, Outline

SEAM: Final = 1.2
"""Width of the white line between slices."""
RIM: Final = 0.6


def draw_marks(marks: Sequence[Mark], canvas: Canvas, x: float, y: float, theme: ReportTheme) -> None:
    """Draw marks with the chart's top left corner at (x, y)."""
    slices = sum(isinstance(mark, Wedge) for mark in marks)
    for mark in marks:
        match mark:
            case TextMark():
                face = theme.faces.bold if mark.bold else theme.faces.regular
                canvas.text(x + mark.x, y + mark.y, mark.text, face, mark.size, mark.colour)
            case Boxes():
                canvas.rects(((x + box.left, y + box.top, box.width, box.height) for box in mark.edges), mark.colour)
            case Stroke():
                points = [(x + right, y + down) for right, down in mark.points]
                if len(points) == 2:
                    canvas.line(*points[0], *points[1], mark.colour, mark.width)
                else:
                    canvas.polygon(points, outline=Outline(mark.colour, mark.width), closed=False)
            case Area():
                with canvas.faded(mark.opacity):
                    canvas.polygon([(x + right, y + down) for right, down in mark.points], fill=mark.colour)
            case Wedge():
                _draw_wedge(mark, canvas, x, y, seam=slices > 1)
            case Dots():
                centres = [(x + right, y + down) for right, down in mark.centres]
                with canvas.faded(mark.opacity):
                    if mark.rim:
                        canvas.dots(centres, mark.radius + RIM, WHITE)
                    canvas.dots(centres, mark.radius, mark.colour)


def _draw_wedge(wedge: Wedge, canvas: Canvas, x: float, y: float, *, seam: bool) -> None:
    canvas.wedge(
        (x + wedge.centre[0], y + wedge.centre[1]),
        wedge.radius,
        wedge.start,
        wedge.end,
        inner=wedge.inner,
        fill=wedge.colour,
        outline=Outline(WHITE, SEAM) if seam else None,
    )
