"""Text in charts: measured, shortened, broken into lines, kept apart."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from tasks.report.chart.marks.mark import Boxes, TextMark
from tasks.report.fonts.face import Face
from tasks.report.fonts.line_breaking import break_lines, pieces
from tasks.report.layout.theme import TINY, WHITE, ReportTheme, Rgb

SIZE: Final = TINY
LEADING: Final = 10.0
CAPITALS: Final = 6.0
"""Height of a label's capitals, rounded up."""
AIR: Final = 6.0
"""Points between two labels that stand side by side."""
LEAST_LABELLED: Final = 60.0
"""A chart of less height has no values at its marks."""
MIN_LABEL: Final = 18.0
"""A label shortened to less than this says nothing."""

Align = Literal["left", "center", "right"]


class TextMetrics:
    """Makes lines of text whose width is known."""

    def __init__(self, theme: ReportTheme) -> None:
        self.theme = theme

    def width(self, text: str, size: float = SIZE, *, bold: bool = False) -> float:
        """Points that the text takes."""
        return self._face(bold).width(text, size)

    def fit(self, text: str, width: float, size: float = SIZE, *, bold: bool = False) -> str:
        """The text, or its beginning and an ellipsis; nothing if there is no room for either."""
        if self.width(text, size, bold=bold) <= width:
            return text
        return self._face(bold).fit(text, size, width) if width >= MIN_LABEL else ""

    def fit_all(self, texts: Sequence[str], width: float) -> list[str]:
        """The texts, each fitted; where that makes two of them the same, all keep their end and lose their middle."""
        fitted = [self.fit(text, width) for text in texts]
        if len(set(fitted)) == len(set(texts)) or width < 2 * MIN_LABEL:
            return fitted
        return [self._without_middle(text, width) for text in texts]

    def _without_middle(self, text: str, width: float) -> str:
        if self.width(text) <= width:
            return text
        backwards = self._face(False).fit(text[::-1], SIZE, width / 2)
        end = backwards.removesuffix("…")[::-1]
        return self._face(False).fit(text, SIZE, width - self.width(end)) + end

    def lines(self, text: str, width: float, most: int, size: float = SIZE, *, bold: bool = False) -> list[str]:
        """The text in at most `most` lines, shortened if need be; never broken inside a word."""
        if most == 1 or self.width(text, size, bold=bold) <= width:
            return [self.fit(text, width, size, bold=bold)]
        face = self._face(bold)
        if any(face.width(piece.rstrip(), size) > width for piece in pieces(text)):
            return [self.fit(text, width, size, bold=bold)]
        broken = break_lines(text, face, size, width)
        if len(broken) > most:
            broken = [*broken[: most - 1], self.fit(broken[most - 1] + "…", width, size, bold=bold)]
        return broken

    def distinct_lines(self, texts: Sequence[str], width: float, most: int) -> list[list[str]]:
        """The lines of each text, as `lines` has them. Where shortening makes two of them the same, those that are
        shortened keep their end and lose their middle."""
        broken = [self.lines(text, width, most) for text in texts]
        if len(set(map(tuple, broken))) == len(set(texts)) or width < 2 * MIN_LABEL:
            return broken
        whole = [self.holds(text, width, most) for text in texts]
        return [
            lines if held else [self._without_middle(text, width)]
            for text, lines, held in zip(texts, broken, whole, strict=True)
        ]

    def holds(self, text: str, width: float, most: int) -> bool:
        """Whether the text stands whole in `most` lines, not broken inside a word."""
        if self.width(text) <= width:
            return True
        if self.width(text) > most * width or any(self.width(piece.rstrip()) > width for piece in pieces(text)):
            return False
        return len(break_lines(text, self._face(False), SIZE, width)) <= most

    def line(
        self,
        text: str,
        x: float,
        y: float,
        *,
        size: float = SIZE,
        colour: Rgb | None = None,
        bold: bool = False,
        align: Align = "left",
        of: tuple[str, int] | None = None,
    ) -> TextMark:
        """One line whose left end, middle or right end is x and whose baseline is y; muted unless a colour is given.
        of: as `TextMark` has it."""
        width = self.width(text, size, bold=bold)
        left = x - {"left": 0.0, "center": width / 2, "right": width}[align]
        return TextMark(left, y, text, size, width, colour or self.theme.muted, bold, of)

    def middle(self, y: float, size: float = SIZE) -> float:
        """The baseline of a line whose capitals stand around y."""
        return y + self._face(False).cap_height * size / 2

    def _face(self, bold: bool) -> Face:
        return self.theme.faces.bold if bold else self.theme.faces.regular


def drop_overlaps(texts: Iterable[TextMark], gap: float = AIR / 2) -> list[TextMark]:
    """The texts without those that come too near to one before them. Empty ones go too."""
    kept: list[TextMark] = []
    for text in texts:
        if text.text and not any(text.edges.meets(other.edges, gap) for other in kept):
            kept.append(text)
    return kept


def blanks(texts: Sequence[TextMark]) -> list[Boxes]:
    """White behind texts, so that no grid line runs through them."""
    return [Boxes(tuple(text.edges for text in texts), WHITE)] if texts else []


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places between low and high, at least gap apart, in the order of those wanted and as near to them as can be.

    Where there is no room for so many, the gap shrinks.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # Each cluster stands at the mean of what its members want once their gaps are taken off.
    clusters: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        total, size = wanted[index] - rank * gap, 1
        while clusters and clusters[-1][0] / clusters[-1][1] >= total / size:
            before = clusters.pop()
            total, size = total + before[0], size + before[1]
        clusters.append((total, size))
    last = high - (len(wanted) - 1) * gap
    places = [0.0] * len(wanted)
    rank = 0
    for total, size in clusters:
        start = min(max(total / size, low), last)
        for _ in range(size):
            places[order[rank]] = start + rank * gap
            rank += 1
    return places
