"""How it looks: sizes, spaces and colours, in one place."""

import re
from typing import Final

from tasks.report.fonts.face import Faces
from tasks.report.spec.structs import ThemeSpec

Rgb = tuple[float, float, float]
"""Red, green and blue from 0 to 1."""

# The type scale, in points.
TINY, SMALL, CELL, BODY, LEAD, H3, H2, H1, DISPLAY = 8.0, 9.0, 9.0, 10.0, 12.0, 12.0, 16.0, 22.0, 30.0
GRID: Final = 4.0
"""Spaces are multiples of this."""
HAIRLINE: Final = 0.5

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")


def rgb(colour: str) -> Rgb:
    """`#rrggbb` as numbers. Raises: ValueError for anything else."""
    if not _HEX.fullmatch(colour):
        raise ValueError(f"{colour!r} is no #rrggbb")
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


INK: Final = rgb("#1c2430")
MUTED: Final = rgb("#667085")
RULE: Final = rgb("#d9dee7")
ZEBRA: Final = rgb("#f6f8fb")
WHITE: Final = rgb("#ffffff")
POSITIVE: Final = rgb("#1a7f4b")
NEGATIVE: Final = rgb("#c0362c")
WARNING: Final = rgb("#b25e09")


class ReportTheme:
    """The colours and the rhythm of one document, and its faces.

    row_height, header_height: of a table, in points.
    """

    def __init__(self, theme: ThemeSpec, faces: Faces) -> None:
        self.faces = faces
        self.accent = rgb(theme.accent)
        self.accent2 = rgb(theme.accent2)
        self.ink, self.muted, self.rule, self.zebra = INK, MUTED, RULE, ZEBRA
        self.compact: bool = theme.density == "compact"
        self.row_height = 13.0 if self.compact else 18.0
        self.gap = 2 * GRID if self.compact else 3 * GRID
        """Between two blocks."""
        self._named = {
            "accent": self.accent,
            "accent2": self.accent2,
            "ink": INK,
            "muted": MUTED,
            "positive": POSITIVE,
            "negative": NEGATIVE,
            "warning": WARNING,
        }

    def colour(self, name: str | None, default: Rgb = INK) -> Rgb:
        """A colour of the spec: a name of the theme, or `#rrggbb`."""
        if name is None:
            return default
        return self._named[name] if name in self._named else rgb(name)

    def tint(self, colour: Rgb, share: float) -> Rgb:
        """`colour` on white, at `share` (0 to 1) of its strength."""
        red, green, blue = (1 - share * (1 - part) for part in colour)
        return red, green, blue

    def leading(self, size: float) -> float:
        """Points from one baseline to the next."""
        return size * (1.2 if size >= H2 else 1.35 if self.compact else 1.45)

    def baseline(self, size: float, height: float) -> float:
        """Points from the top of a line `height` points high to its baseline: capitals stand in its middle."""
        return (height + self.faces.regular.cap_height * size) / 2
