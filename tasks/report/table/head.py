"""The header of a table: the titles of its columns, in lines that stand on the same ground, over a rule."""

from tasks.report.layout.theme import HAIRLINE, Theme
from tasks.report.pdf.canvas import Pen
from tasks.report.table.layout import HEAD_SCALE, Layout, Placed


def draw_head(layout: Layout, theme: Theme, pen: Pen, placed: Placed, x: float, y: float) -> None:
    """Draw it from (x, y) down, `layout.head` points high."""
    rhythm = layout.rhythm
    size = rhythm.size * HEAD_SCALE
    bottom = y + layout.head
    last_line = bottom - rhythm.row + theme.baseline(size, rhythm.row)
    for left, column in placed:
        at = left + {"left": 0.0, "center": column.inner / 2, "right": column.inner}[column.align]
        for place, text in enumerate(reversed(column.title)):
            y = last_line - place * rhythm.leading
            pen.text(at, y, text, theme.faces.bold, size, theme.muted, column.align)
    width = sum(column.width for _, column in placed)
    pen.line(x, bottom, x + width, bottom, theme.muted, HAIRLINE)
