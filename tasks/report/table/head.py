"""The header of a table: the titles of its columns, in lines that stand on the same ground, over a rule."""

from tasks.report.layout.theme import HAIRLINE, ReportTheme
from tasks.report.pdf.canvas import Canvas
from tasks.report.table.layout import HEAD_SCALE, Layout, Placed


def draw_head(layout: Layout, theme: ReportTheme, canvas: Canvas, placed: Placed, x: float, y: float) -> None:
    """Draw it from (x, y) down, `layout.head` points high."""
    metrics = layout.metrics
    size = metrics.size * HEAD_SCALE
    bottom = y + layout.head
    last_line = bottom - metrics.row + theme.baseline(size, metrics.row)
    for left, column in placed:
        at = left + {"left": 0.0, "center": column.inner / 2, "right": column.inner}[column.align]
        for place, text in enumerate(reversed(column.title)):
            y = last_line - place * metrics.leading
            canvas.text(at, y, text, theme.faces.bold, size, theme.muted, column.align)
    width = sum(column.width for _, column in placed)
    canvas.line(x, bottom, x + width, bottom, theme.muted, HAIRLINE)
