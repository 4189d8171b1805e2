"""Blocks of words: headings, paragraphs, lists."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from tasks.report.blocks.context import PlanContext
from tasks.report.layout.flow import ROUNDING_PT, Draw, Flow
from tasks.report.layout.paragraph import Span, TextLine, layout_lines, plain_text, styled_spans
from tasks.report.layout.theme import BODY, GRID, H1, H2, H3, HAIRLINE, LEAD, SMALL, ReportTheme, Rgb
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import HeadingBlock, ListBlock, RichText, TextBlock

_HEADING_SIZES: Final = {1: H1, 2: H2, 3: H3, 4: BODY}
_SPACE_ABOVE: Final = {1: 7 * GRID, 2: 6 * GRID, 3: 5 * GRID, 4: 4 * GRID}
_BAR: Final = (7 * GRID, 2.0)
"""Width and height of the accent under a heading of the first level."""
_OUTLINE_LEVELS: Final = 3
_BULLET: Final = 1.6
_INDENT: Final = 4 * GRID
_FEWEST_LINES: Final = 2
"""Of a paragraph, at the foot of a page and at the head of the next."""


def plan_heading(block: HeadingBlock, flow: Flow, context: PlanContext) -> None:
    """A heading, kept with what follows; levels 1 to 3 are in the outline."""
    theme = flow.theme
    level = block.level
    size = _HEADING_SIZES[level]
    spans = _linked_spans(block.text, context, theme.ink, bold=True)
    leading = theme.leading(size)
    anchor = context.anchor_of(block)
    if level <= _OUTLINE_LEVELS:
        flow.outline(plain_text(block.text), level, anchor)
    elif anchor:
        flow.anchor(anchor)

    def fit(width: float) -> tuple[float, Draw]:
        lines = layout_lines(spans, size, width)
        text_height = len(lines) * leading

        def draw(canvas: Canvas, x: float, y: float) -> None:
            draw_lines(canvas, lines, x, y, TextStyle(size, leading), theme)
            if level == 1:
                canvas.rect(x, y + text_height + GRID, *_BAR, fill=theme.accent)

        return text_height + (3 * GRID if level == 1 else 0), draw

    height, draw = fit(flow.width)
    flow.place(height, draw, space_before=_SPACE_ABOVE[level], keep_with_next=True, refit=fit)


def plan_text(block: TextBlock, flow: Flow, context: PlanContext) -> None:
    """A paragraph; over the end of a page it goes on with at least two lines on each."""
    theme = flow.theme
    style = block.style
    size = {"body": BODY, "lead": LEAD, "small": SMALL, "note": SMALL}[style]
    colour = theme.muted if style in ("lead", "note") else theme.ink
    leading = theme.leading(size)
    inset = 3 * GRID if style == "note" else 0.0
    width = flow.width - inset
    lines = layout_lines(_linked_spans(block.text, context, colour), size, width)

    def chunk(part: Sequence[TextLine]) -> Draw:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            if inset:
                canvas.rect(x, y, 2, len(part) * leading, fill=theme.accent)
            draw_lines(canvas, part, x + inset, y, TextStyle(size, leading, block.align, width), theme)

        return draw

    first = True
    for part in _over_pages(lines, leading, flow, theme.gap):
        flow.place(len(part) * leading, chunk(part), space_before=theme.gap if first else 0)
        first = False


def plan_list(block: ListBlock, flow: Flow, context: PlanContext) -> None:
    """A list with hanging indents; an item may go on over the end of a page."""
    theme = flow.theme
    leading = theme.leading(BODY)
    face = theme.faces.regular
    numbers = [f"{number}." for number in range(1, len(block.items) + 1)] if block.ordered else []
    indent = max([_INDENT, *(face.width(number, BODY) + 1.5 * GRID for number in numbers[-1:])])
    between = 0.5 * GRID if theme.compact else GRID

    def chunk(part: Sequence[TextLine], mark: str | None) -> Draw:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            baseline = y + theme.baseline(BODY, leading)
            if mark:
                canvas.text(x + indent - 1.5 * GRID, baseline, mark, face, BODY, theme.muted, align="right")
            elif mark is not None:
                canvas.circle(x + GRID, baseline - 0.36 * BODY, _BULLET, fill=theme.accent)
            draw_lines(canvas, part, x + indent, y, TextStyle(BODY, leading), theme)

        return draw

    last = len(block.items) - 1
    for index, item in enumerate(block.items):
        lines = layout_lines(_linked_spans(item, context, theme.ink), BODY, flow.width - indent)
        space = theme.gap if index == 0 else between
        mark: str | None = numbers[index] if numbers else ""
        for part in _over_pages(lines, leading, flow, space):
            # The last but one goes along with the last one, so that that is not alone on its page.
            flow.place(
                len(part) * leading,
                chunk(part, mark),
                space_before=space,
                keep_with_next=index == last - 1,
                close_up=False,
            )
            mark, space = None, 0


class TextStyle(NamedTuple):
    """How the lines of a paragraph are set.

    Args:
        size: Of the letters, in points.
        leading: From one line's top to the next, in points.
        align: left, center or right.
        width: Of the paragraph in points, within which its lines are aligned.
    """

    size: float
    leading: float
    align: str = "left"
    width: float = 0.0


def draw_lines(
    canvas: Canvas, lines: Sequence[TextLine], x: float, y: float, style: TextStyle, theme: ReportTheme
) -> None:
    """Draw lines of a paragraph from (x, y) down, with their links."""
    size, leading, align, width = style
    for number, line in enumerate(lines):
        top = y + number * leading
        left = x + {"left": 0.0, "center": (width - line.width) / 2, "right": width - line.width}[align]
        baseline = top + theme.baseline(size, leading)
        for at, text, span, taken in line.parts:
            if span.code:
                canvas.rect(left + at - 1, baseline - size, taken + 2, 1.3 * size, fill=theme.zebra, radius=2)
            canvas.text(left + at, baseline, text, span.face, size, span.colour)
            if span.link:
                wide = span.face.width(text.rstrip(" "), size)
                under = baseline + 0.14 * size
                canvas.line(left + at, under, left + at + wide, under, span.colour, HAIRLINE)
                canvas.link(left + at, top, wide, leading, span.link)


def _linked_spans(rich: RichText, context: PlanContext, colour: Rgb, *, bold: bool = False) -> list[Span]:
    """The runs of the spec; a link to nowhere is none."""
    found = styled_spans(rich, context.theme, colour=colour, bold=bold)
    return [
        span if span.link is None or context.is_known_link(span.link) else replace(span, link=None, colour=colour)
        for span in found
    ]


def _over_pages(lines: Sequence[TextLine], leading: float, flow: Flow, space: float) -> list[Sequence[TextLine]]:
    """The lines in parts that fit: the first on this page, each other on one of its own."""
    if not flow.breaks:
        return [lines]
    parts: list[Sequence[TextLine]] = []
    left = lines
    room = flow.room() - flow.gap(space)
    while len(left) * leading > room + ROUNDING_PT:
        count = int((room + ROUNDING_PT) / leading)
        if len(left) - count < _FEWEST_LINES:
            count -= 1  # so that its last line is not alone
        if count < _FEWEST_LINES and (parts or not flow.at_top()):
            count = 0
        if count < 1:
            if parts or flow.at_top():
                count = 1  # a page so low that there is no other way
            else:
                flow.new_page()
                room = flow.room()
                continue
        parts.append(left[:count])
        left = left[count:]
        room = flow.full_height()
    return [*parts, left]
