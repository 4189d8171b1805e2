"""The table of contents. It is planned when all headings have their page; its own length is then known too."""

from collections.abc import Callable, Sequence
from typing import Final

from tasks.report.fonts.face import Face
from tasks.report.formats.cleaning import clean_line, quoted
from tasks.report.layout.flow import Destination, Flow
from tasks.report.layout.theme import BODY, GRID, H1, SMALL
from tasks.report.pdf.canvas import Canvas

_ROW: Final = {1: 6 * GRID, 2: 4.5 * GRID, 3: 4.5 * GRID}
_INDENT: Final = 4 * GRID
_DOT: Final = " ."
_NUMBERS: Final = 6 * GRID
"""Points for a page number; one of 10,000 and more takes some of the dots' room."""


def plan_contents(
    title: str,
    marks: Sequence[Destination],
    flow: Flow,
    page_of: Callable[[Destination], str],
    tell_cut: Callable[[str, int], None],
) -> None:
    """Place a line for each heading in `marks`, with dots to its page number; a click leads there.

    Args:
        title: Above them.
        marks: The headings.
        flow: Of the pages of the contents.
        page_of: The number printed for a heading, asked when the page is drawn.
        tell_cut: Called with a text that is cut off, as messages quote it, and the page of the contents, from 1.
    """
    theme = flow.theme
    width = flow.width
    whole = clean_line(title)
    title = theme.faces.bold.fit(whole, H1, width)

    def draw_title(canvas: Canvas, x: float, y: float) -> None:
        canvas.text(x, y + theme.baseline(H1, theme.leading(H1)), title, theme.faces.bold, H1, theme.ink)
        canvas.rect(x, y + theme.leading(H1) + GRID, 7 * GRID, 2, fill=theme.accent)

    def entry(mark: Destination, text: str, face: Face, size: float) -> Callable[[Canvas, float, float], None]:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            first = mark.level == 1
            baseline = y + theme.baseline(size, _ROW[mark.level]) + (GRID / 2 if first else 0)
            left = x + (mark.level - 1) * _INDENT
            right = x + width
            number = page_of(mark)
            dot = theme.faces.regular.width(_DOT, size)
            numbers = max(theme.faces.regular.width(number, size), _NUMBERS)
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
    if title != whole:
        tell_cut(quoted(whole), len(flow.pages))
    for mark in marks:
        face, size = (theme.faces.bold, BODY) if mark.level == 1 else (theme.faces.regular, SMALL)
        room = width - (mark.level - 1) * _INDENT - _NUMBERS - 2 * theme.faces.regular.width(_DOT, size)
        text = face.fit(mark.text, size, room)
        flow.place(_ROW[mark.level], entry(mark, text, face, size))
        if text != mark.text:
            tell_cut(quoted(mark.text), len(flow.pages))
