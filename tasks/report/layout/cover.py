"""The cover: a page of its own, before all others."""

from typing import Final

from tasks.report.fonts.line_breaking import break_lines
from tasks.report.formats.cleaning import clean
from tasks.report.layout.flow import Geometry
from tasks.report.layout.theme import BODY, DISPLAY, GRID, H2, LEAD, ReportTheme
from tasks.report.pdf.canvas import Canvas
from tasks.report.pictures.picture import Picture
from tasks.report.spec.structs import CoverSpec

_EDGE: Final = 3 * GRID
"""Width of the accent along the page's left side."""
_TITLE_FROM_TOP: Final = 0.36
_LOGO: Final = (180.0, 72.0)
_MOST_LINES: Final = {"title": 5, "subtitle": 6}


def draw_cover(
    canvas: Canvas,
    geometry: Geometry,
    theme: ReportTheme,
    title: str,
    cover: CoverSpec,
    logo: Picture | None,
    date: str,
) -> None:
    """Logo at the top, the title a third down, who wrote it and when at the foot.

    cover: of the spec. date: as it is to be printed; none if empty.
    """
    left, width = geometry.left + _EDGE, geometry.content_width - _EDGE
    canvas.rect(0, 0, _EDGE, geometry.height, fill=theme.accent)
    if logo:
        scale = min(_LOGO[0] / logo.width, _LOGO[1] / logo.height, width / logo.width)
        canvas.image(logo, left, geometry.top, logo.width * scale, logo.height * scale)
    size = min(DISPLAY, geometry.content_height / 8, width / 6)
    y = geometry.top + geometry.content_height * _TITLE_FROM_TOP - size
    leading = theme.leading(size)
    for line in break_lines(clean(title), theme.faces.bold, size, width)[: _MOST_LINES["title"]]:
        canvas.text(left, y + theme.baseline(size, leading), line, theme.faces.bold, size, theme.ink)
        y += leading
    y += 2 * GRID
    canvas.rect(left, y, 12 * GRID, 3, fill=theme.accent)
    y += 5 * GRID
    if cover.subtitle:
        size = min(H2, size)
        leading = theme.leading(LEAD) * size / LEAD
        lines = break_lines(clean(cover.subtitle), theme.faces.regular, size, width)
        for line in lines[: _MOST_LINES["subtitle"]]:
            canvas.text(left, y + theme.baseline(size, leading), line, theme.faces.regular, size, theme.muted)
            y += leading
    foot = geometry.height - geometry.bottom
    if date:
        canvas.text(left, foot, date, theme.faces.regular, BODY, theme.muted)
        foot -= theme.leading(BODY)
    if cover.author:
        author = theme.faces.bold.fit(clean(cover.author), BODY, width)
        canvas.text(left, foot, author, theme.faces.bold, BODY, theme.ink)
