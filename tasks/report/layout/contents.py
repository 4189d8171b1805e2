"""The table of contents. It is planned when all headings have their page; its own length is then known too."""

from collections.abc import Callable, Sequence
from typing import Final

from tasks.report.formats.cleaning import clean_line
from tasks.report.layout.flow import Destination, Flow
from tasks.report.layout.theme import BODY, GRID, H1, SMALL
from tasks.report.pdf.canvas import Canvas

_ROW: Final = {1: 6 * GRID, 2: 4.5 * GRID, 3: 4.5 * GRID}
_INDENT: Final = 4 * GRID
_DOT: Final = " ."


def plan_contents(title: str, marks: Sequence[Destination], flow: Flow, page_of: Callable[[Destination], str]) -> None:
    """Place a line for each heading in `marks`, with dots to its page number; a click leads there.

    page_of: the number printed for a heading, asked when the page is drawn.
    """
    theme = flow.theme
    width = flow.width
    title = theme.faces.bold.fit(clean_line(title), H1, width)

    def draw_title(canvas: Canvas, x: float, y: float) -> None:
        canvas.text(x, y + theme.baseline(H1, theme.leading(H1)), title, theme.faces.bold, H1, theme.ink)
        canvas.rect(x, y + theme.leading(H1) + GRID, 7 * GRID, 2, fill=theme.accent)

    def entry(mark: Destination) -> Callable[[Canvas, float, float], None]:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            first = mark.level == 1
            face, size = (theme.faces.bold, BODY) if first else (theme.faces.regular, SMALL)
            baseline = y + theme.baseline(size, _ROW[mark.level]) + (GRID / 2 if first else 0)
            left = x + (mark.level - 1) * _INDENT
            right = x + width
            number = page_of(mark)
            dot = theme.faces.regular.width(_DOT, size)
            numbers = max(theme.faces.regular.width(number, size), 6 * GRID)
            text = face.fit(mark.text, size, right - left - numbers - 2 * dot)
            canvas.text(left, baseline, text, face, size, theme.ink)
            canvas.text(right, baseline, number, face, size, theme.ink, align="right")
            # Dots stand on a grid of the page, so that those of all lines stand under each other.
            start = left + face.width(text, size) + dot
            count = int((right - numbers - start) / dot)
            if count > 0:
                canvas.text(
                    right - numbers, baseline, _DOT * count, theme.faces.regular, size, theme.muted, align="right"
                )
            canvas.link(x, y, width, _ROW[mark.level], f"#{mark.target}")

        return draw

    flow.place(theme.leading(H1) + 5 * GRID, draw_title)
    for mark in marks:
        flow.place(_ROW[mark.level], entry(mark))
