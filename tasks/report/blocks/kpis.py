"""The block `kpis`: figures that matter, each on a card."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tasks.report.blocks.context import PlanContext
from tasks.report.fonts.face import Face
from tasks.report.formats.cleaning import clean_line, quoted
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import GRID, H1, HAIRLINE, NEGATIVE, POSITIVE, SMALL, TINY, WHITE, ReportTheme
from tasks.report.pdf.canvas import Canvas, Outline
from tasks.report.spec.structs import KpisBlock, KpiSpec

CARD_GUTTER: Final = 3 * GRID
"""Points between two cards."""
_PADDING: Final = 3.5 * GRID
_FEWEST_PT: Final = 110.0
"""A card is not narrower than this, if there is room for it at all."""
_HEIGHT: Final = 15.5 * GRID
_CHANGE: Final = 4.5 * GRID
"""How much higher cards are that say how their figures changed."""
_SMALLEST: Final = 11.0
_RADIUS: Final = 5.0
_ARROW: Final = 5.5
_TREND: Final = _ARROW + 1.25 * GRID
"""Points that an arrow takes, with the space after it."""


def plan_kpis(block: KpisBlock, flow: Flow, context: PlanContext) -> None:
    """Cards in rows of equal width, as many to a row as are legible."""
    items = block.items
    across = _across(len(items), flow.width)
    height = _HEIGHT + (_CHANGE if any(item.change for item in items) else 0) - 2 * GRID * flow.theme.compact
    width = (flow.width - (across - 1) * CARD_GUTTER) / across
    size = _size_for(items, flow.theme.faces.bold, width - 2 * _PADDING)
    _tell_cuts(items, flow.theme, width - 2 * _PADDING, size, context)

    above = max(flow.theme.gap, CARD_GUTTER)
    if 0 < flow.gap(above) < above:
        above *= 2  # halved under a heading, whose accent would nearly touch the cards

    def row(cards: Sequence[KpiSpec]) -> None:
        def draw(canvas: Canvas, x: float, y: float) -> None:
            for place, card in enumerate(cards):
                box = CardBox(x + place * (width + CARD_GUTTER), y, width, height)
                _draw_card(canvas, card, box, size, context.theme)

        flow.place(height, draw, space_before=above if cards[0] is items[0] else CARD_GUTTER)

    for start in range(0, len(items), across):
        row(items[start : start + across])


def _across(count: int, width: float) -> int:
    """How many cards stand in a row: as many as fit, spread evenly over the rows."""
    most = max(1, min(count, int((width + CARD_GUTTER) / (_FEWEST_PT + CARD_GUTTER))))
    rows = -(-count // most)
    return -(-count // rows)


def _size_for(cards: Sequence[KpiSpec], face: Face, room: float) -> float:
    """One size for all values, so that none looks more important: the largest at which they fit."""
    widest = max(face.width(clean_line(card.value), H1) for card in cards)
    return max(_SMALLEST, min(H1, H1 * room / max(widest, 1)))


def _tell_cuts(cards: Sequence[KpiSpec], theme: ReportTheme, room: float, size: float, context: PlanContext) -> None:
    """Say which texts are longer than a card, and end in an ellipsis."""
    regular, bold = theme.faces.regular, theme.faces.bold
    for number, card in enumerate(cards, start=1):
        texts = (
            ("label", card.label, regular, SMALL, room),
            ("value", card.value, bold, size, room),
            ("change", card.change or "", bold, TINY, room - (_TREND if card.trend else 0.0)),
        )
        for name, text, face, height, width in texts:
            if face.width(clean_line(text), height) > width:
                message = f"The {name} {quoted(text)} of card {number} is too long for it and ends in an ellipsis."
                context.warn("clipped", message)


class CardBox(NamedTuple):
    """Where a card is drawn: its top left corner and its size, in points."""

    x: float
    y: float
    width: float
    height: float


def _draw_card(canvas: Canvas, card: KpiSpec, box: CardBox, size: float, theme: ReportTheme) -> None:
    faces = theme.faces
    room = box.width - 2 * _PADDING
    left, y = box.x + _PADDING, box.y
    canvas.rect(*box, fill=WHITE, outline=Outline(theme.rule, 1.5 * HAIRLINE), radius=_RADIUS)
    canvas.rect(left, y, 6 * GRID, 2, fill=theme.accent)
    top = y + _PADDING
    label = faces.regular.fit(clean_line(card.label), SMALL, room)
    canvas.text(left, top + SMALL, label, faces.regular, SMALL, theme.muted)
    value = faces.bold.fit(clean_line(card.value), size, room)
    canvas.text(left, top + SMALL + 2 * GRID + 0.8 * H1, value, faces.bold, size, theme.ink)
    if card.change:
        good = card.good
        colour = theme.muted if good is None else POSITIVE if good else NEGATIVE
        baseline = y + box.height - _PADDING + 1
        indent = _draw_trend(canvas, card.trend, left, baseline, colour)
        change = faces.bold.fit(clean_line(card.change), TINY, room - indent)
        canvas.text(left + indent, baseline, change, faces.bold, TINY, colour)


def _draw_trend(
    canvas: Canvas, trend: str | None, x: float, baseline: float, colour: tuple[float, float, float]
) -> float:
    """A triangle up or down, or a dash. Returns how far the text moves."""
    if trend is None:
        return 0.0
    middle, wide, high = baseline - 0.36 * TINY, _ARROW, 5.0
    if trend == "flat":
        canvas.rect(x, middle - 0.75, wide, 1.5, fill=colour)
    else:
        base, tip = (middle + high / 2, middle - high / 2) if trend == "up" else (middle - high / 2, middle + high / 2)
        canvas.polygon([(x, base), (x + wide, base), (x + wide / 2, tip)], fill=colour)
    return _TREND
