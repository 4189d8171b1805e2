"""The cover: a page of its own, before all others."""

from typing import Final

from tasks.report.fonts.line_breaking import break_lines, limit_lines
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
_TITLE_LINES, _SUBTITLE_LINES = 5, 6


class CoverPage:
    """Logo at the top, the title a third down, who wrote it and when at the foot.

    Args:
        geometry: Of the page.
        theme: Its colours and fonts.
        title: Of the document.
        cover: Of the spec.

    Attributes:
        cut: The fields of the spec whose text is too long and ends in an ellipsis.
    """

    def __init__(self, geometry: Geometry, theme: ReportTheme, title: str, cover: CoverSpec) -> None:
        self.cut: list[str] = []
        self._geometry = geometry
        self._theme = theme
        self._left, self._width = geometry.left + _EDGE, geometry.content_width - _EDGE
        self._size = min(DISPLAY, geometry.content_height / 8, self._width / 6)
        self._subtitle_size = min(H2, self._size)
        faces, width = theme.faces, self._width
        lines = break_lines(clean(title), faces.bold, self._size, width)
        self._title = self._limited("title", *limit_lines(lines, _TITLE_LINES, faces.bold, self._size, width))
        subtitle = clean(cover.subtitle or "")
        lines = break_lines(subtitle, faces.regular, self._subtitle_size, width) if subtitle else []
        self._subtitle = self._limited(
            "cover.subtitle", *limit_lines(lines, _SUBTITLE_LINES, faces.regular, self._subtitle_size, width)
        )
        author = clean(cover.author or "")
        self._author = faces.bold.fit(author, BODY, width)
        self._limited("cover.author", [], self._author != author)

    def draw(self, canvas: Canvas, logo: Picture | None, date: str) -> None:
        """Draw it.

        Args:
            canvas: Of its page.
            logo: If it has one.
            date: As it is to be printed; none if empty.
        """
        geometry, theme, left = self._geometry, self._theme, self._left
        canvas.rect(0, 0, _EDGE, geometry.height, fill=theme.accent)
        if logo:
            scale = min(_LOGO[0] / logo.width, _LOGO[1] / logo.height, self._width / logo.width)
            canvas.image(logo, left, geometry.top, logo.width * scale, logo.height * scale)
        size = self._size
        y = geometry.top + geometry.content_height * _TITLE_FROM_TOP - size
        leading = theme.leading(size)
        for line in self._title:
            canvas.text(left, y + theme.baseline(size, leading), line, theme.faces.bold, size, theme.ink)
            y += leading
        y += 2 * GRID
        canvas.rect(left, y, 12 * GRID, 3, fill=theme.accent)
        y += 5 * GRID
        size = self._subtitle_size
        leading = theme.leading(LEAD) * size / LEAD
        for line in self._subtitle:
            canvas.text(left, y + theme.baseline(size, leading), line, theme.faces.regular, size, theme.muted)
            y += leading
        foot = geometry.height - geometry.bottom
        if date:
            canvas.text(left, foot, date, theme.faces.regular, BODY, theme.muted)
            foot -= theme.leading(BODY)
        if self._author:
            canvas.text(left, foot, self._author, theme.faces.bold, BODY, theme.ink)

    def _limited(self, field: str, lines: list[str], cut: bool) -> list[str]:
        if cut:
            self.cut.append(field)
        return lines
