"""Blocks of pictures: one, or a contact sheet of many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.report.blocks.context import PlanContext
from tasks.report.fonts.line_breaking import break_lines, limit_lines
from tasks.report.formats.cleaning import clean, clean_line, quoted
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import GRID, TINY
from tasks.report.pdf.canvas import Canvas
from tasks.report.pictures.picture import Picture
from tasks.report.spec.structs import ContactSheetBlock, ImageBlock, SheetImageSpec

_PT_PER_PIXEL: Final = 72 / 96
"""How large a picture is whose width is not given."""
_TALLEST: Final = 0.85
"""Of a page's height: a caption and a heading have room beside it."""
_FRAME: Final = 3 / 4
"""Height of a contact sheet's frames for their width."""
_NARROWEST_PT: Final = 24.0
"""A frame narrower than this shows nothing; there are fewer in a row then."""
_CAPTION_LINES: Final = 2


def plan_image(block: ImageBlock, flow: Flow, context: PlanContext) -> None:
    """A picture in its proportions, no wider than the content and no higher than most of a page."""
    theme = flow.theme
    picture = context.picture(block.source, "source")
    face = theme.faces.regular
    width = min(block.width or picture.width * _PT_PER_PIXEL, flow.width)
    height = width * picture.height / picture.width
    tallest = flow.full_height() * _TALLEST
    if height > tallest:
        width, height = width * tallest / height, tallest
    leading = theme.leading(TINY)
    caption = break_lines(clean(block.caption), face, TINY, flow.width) if block.caption else []
    most = max(1, int((flow.full_height() - height - 2 * GRID) / leading))
    caption, cut = limit_lines(caption, most, face, TINY, flow.width)
    if cut:
        context.warn("clipped", f"The caption {quoted(block.caption or '')} is too long and ends in an ellipsis.")
    whole = flow.width

    def draw(canvas: Canvas, x: float, y: float) -> None:
        left = {"left": 0.0, "center": 0.5, "right": 1.0}[block.align]
        canvas.image(picture, x + left * (whole - width), y, width, height)
        at = {"left": x, "center": x + whole / 2, "right": x + whole}[block.align]
        for number, line in enumerate(caption):
            baseline = y + height + GRID + number * leading + theme.baseline(TINY, leading)
            canvas.text(at, baseline, line, face, TINY, theme.muted, align=block.align)

    flow.place(height + (GRID + len(caption) * leading if caption else 0), draw, space_before=theme.gap)


@dataclass(slots=True)
class _PictureFrame:
    picture: Picture
    caption: list[str]


def plan_contact_sheet(block: ContactSheetBlock, flow: Flow, context: PlanContext) -> None:
    """Pictures in frames of one size, row after row."""
    theme = flow.theme
    face = theme.faces.regular
    gutter = 2 * GRID if block.columns > 5 else 3 * GRID
    across = max(1, min(block.columns, int((flow.width + gutter) / (_NARROWEST_PT + gutter))))
    width = (flow.width - (across - 1) * gutter) / across
    leading = theme.leading(TINY)
    captions = _CAPTION_LINES * leading + GRID
    captioned = any(image.caption for image in block.images)
    frame_height = min(width * _FRAME, flow.full_height() - captions)

    def measured(number: int, image: SheetImageSpec) -> _PictureFrame:
        picture = context.picture(image.source, f"images.{number}.source")
        lines = break_lines(clean_line(image.caption), face, TINY, width) if image.caption else []
        lines, cut = limit_lines(lines, _CAPTION_LINES, face, TINY, width)
        if cut:
            caption = quoted(image.caption or "")
            said = f"The caption {caption} of image {number + 1} has more than {_CAPTION_LINES} lines"
            context.warn("clipped", f"{said} and ends in an ellipsis.")
        return _PictureFrame(picture, lines)

    def row(frames: Sequence[_PictureFrame]) -> Callable[[Canvas, float, float], None]:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            for place, frame in enumerate(frames):
                left = x + place * (width + gutter)
                canvas.rect(left, y, width, frame_height, fill=theme.zebra)
                _draw_inside(canvas, frame.picture, left, y, width, frame_height)
                for number, line in enumerate(frame.caption):
                    baseline = y + frame_height + GRID + number * leading + theme.baseline(TINY, leading)
                    canvas.text(left, baseline, line, face, TINY, theme.muted)

        return draw

    frames = [measured(number, image) for number, image in enumerate(block.images)]
    for start in range(0, len(frames), across):
        cells = frames[start : start + across]
        lines = max(len(frame.caption) for frame in cells)
        height = frame_height + (GRID + lines * leading if captioned and lines else 0)
        flow.place(height, row(cells), space_before=gutter if start else theme.gap)


def _draw_inside(canvas: Canvas, picture: Picture, x: float, y: float, width: float, height: float) -> None:
    """As large as the frame allows, in its middle; small pictures are not blown up beyond one pixel a point."""
    scale = min(width / picture.width, height / picture.height, 1.0)
    wide, high = picture.width * scale, picture.height * scale
    canvas.image(picture, x + (width - wide) / 2, y + (height - high) / 2, wide, high)
