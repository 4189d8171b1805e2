"""Headers and footers, and the watermark."""

import math
import re
from collections.abc import Mapping
from typing import Final, Literal

from tasks.report.fonts.line_breaking import break_lines, limit_lines
from tasks.report.formats.cleaning import clean_line
from tasks.report.layout.flow import Geometry
from tasks.report.layout.theme import GRID, HAIRLINE, TINY, ReportTheme
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import BandSpec

_PLACEHOLDER: Final = re.compile(r"\{(page|pages|title|date)\}")
LOWEST_PT: Final = 20.0
"""A margin lower than this has no room for a band."""
_FROM_EDGE: Final = 0.52
"""Where the band's baseline is between the page's edge and the content."""
_LINES: Final = 2
"""Of a text that is wider than its place, where the margin has room for them."""
_LEAST_EDGE: Final = 2 * GRID
"""Points between the page's edge and the text."""
_WATERMARK_OPACITY: Final = 0.08
_WATERMARK_SHARE: Final = 0.72
"""Of the diagonal that the watermark is long."""
_WATERMARK_LARGEST: Final = 160.0

Places = dict[str, str]
"""Text by place: left, center, right."""


class PageBand:
    """A header or a footer."""

    def __init__(self, band: BandSpec, edge: Literal["top", "bottom"], theme: ReportTheme) -> None:
        texts = {"left": band.left, "center": band.center, "right": band.right}
        self._places = {name: clean_line(text) for name, text in texts.items()}
        self._edge = edge
        self._theme = theme

    def fits(self, geometry: Geometry) -> bool:
        """Whether the margin has room for it."""
        return (geometry.top if self._edge == "top" else geometry.bottom) >= LOWEST_PT

    def cut(self, geometry: Geometry, values: Mapping[str, str]) -> list[str]:
        """The places whose text does not fit even in two lines, and ends in an ellipsis.

        Args:
            geometry: Of the page.
            values: Of the placeholders, by name.
        """
        return [name for name, (_, cut) in self._fitted(geometry, values).items() if cut]

    def draw(self, canvas: Canvas, geometry: Geometry, values: Mapping[str, str]) -> None:
        """Draw it into the margin. values: of the placeholders, by name."""
        face = self._theme.faces.regular
        rule, baseline = self._heights(geometry)
        left, right = geometry.left, geometry.width - geometry.right
        canvas.line(left, rule, right, rule, self._theme.rule, HAIRLINE)
        fitted = self._fitted(geometry, values)
        ends: tuple[tuple[str, float, Literal["left", "center", "right"]], ...] = (
            ("left", left, "left"),
            ("center", (left + right) / 2, "center"),
            ("right", right, "right"),
        )
        leading = self._theme.leading(TINY)
        for name, x, align in ends:
            lines, _ = fitted[name]
            first = baseline - (len(lines) - 1) * leading if self._edge == "top" else baseline
            for number, line in enumerate(lines):
                canvas.text(x, first + number * leading, line, face, TINY, self._theme.muted, align)

    def _heights(self, geometry: Geometry) -> tuple[float, float]:
        """Where the rule is, and the baseline beside it."""
        if self._edge == "top":
            baseline = geometry.top * _FROM_EDGE
            return baseline + min(2 * GRID, geometry.top - baseline - GRID), baseline
        rule = geometry.height - geometry.bottom * _FROM_EDGE - min(3 * GRID, geometry.bottom * 0.3)
        return rule, rule + TINY + min(GRID, geometry.bottom * 0.1)

    def _fitted(self, geometry: Geometry, values: Mapping[str, str]) -> dict[str, tuple[list[str], bool]]:
        """The lines of each place that has a text, and whether something of them is cut off."""
        face = self._theme.faces.regular
        _, baseline = self._heights(geometry)
        beyond = baseline - face.ascent * TINY if self._edge == "top" else geometry.height - baseline
        most = _LINES if beyond - self._theme.leading(TINY) >= _LEAST_EDGE else 1
        texts = {name: _PLACEHOLDER.sub(lambda found: values[found[1]], text) for name, text in self._places.items()}
        widths = self._share(texts, geometry.content_width)
        fitted: dict[str, tuple[list[str], bool]] = {}
        for name, text in texts.items():
            width = widths[name]
            if face.width(text, TINY) <= width:
                fitted[name] = [text] if text else [], False
            else:
                fitted[name] = limit_lines(break_lines(text, face, TINY, width), most, face, TINY, width)
        return fitted

    def _share(self, texts: Places, room: float) -> dict[str, float]:
        """How wide each text may be. The one in the middle has its third; the others share what is left."""
        needed = {name: self._theme.faces.regular.width(text, TINY) for name, text in texts.items()}
        gap = 4 * GRID
        if needed["center"]:
            middle = min(needed["center"], room / 3)
            side = (room - middle) / 2 - gap
            return {"left": side, "center": middle, "right": side}
        right = min(needed["right"], max(room - needed["left"], room / 2) - gap)
        return {"left": room - right - gap, "center": 0.0, "right": right}


def draw_watermark(canvas: Canvas, text: str, geometry: Geometry, theme: ReportTheme) -> None:
    """Large and faint letters from corner to corner, over everything."""
    face = theme.faces.bold
    text = clean_line(text)
    angle = math.degrees(math.atan2(geometry.height, geometry.width))
    diagonal = math.hypot(geometry.width, geometry.height)
    size = min(_WATERMARK_LARGEST, diagonal * _WATERMARK_SHARE / max(face.width(text, 1), 1))
    x, y = geometry.width / 2, geometry.height / 2
    with canvas.faded(_WATERMARK_OPACITY), canvas.rotated(x, y, angle):
        canvas.text(x, y + face.cap_height * size / 2, text, face, size, theme.ink, align="center")
