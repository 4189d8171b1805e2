"""The colours of series."""

import math
from itertools import pairwise

import pytest

from tasks.report.chart.palette import contrast, from_lab, ink_on, luminance, palette, readable, to_lab
from tasks.report.layout.theme import INK, WHITE, Rgb, rgb

THEMES = [("#1f5fa8", "#d9822b"), ("#0f766e", "#e11d48"), ("#111827", "#9ca3af"), ("#ffe600", "#ffe600")]


def colours(accents: tuple[str, str], count: int = 12) -> tuple[Rgb, ...]:
    return palette(rgb(accents[0]), rgb(accents[1]), count)


def test_the_accents_come_first() -> None:
    for colour, accent in zip(colours(THEMES[0], 2), THEMES[0], strict=True):
        assert colour == pytest.approx(rgb(accent), abs=0.001)


def test_a_colour_survives_the_way_to_lab_and_back() -> None:
    for colour in (rgb("#1f5fa8"), rgb("#000000"), rgb("#ffffff"), rgb("#ff0000")):
        assert from_lab(to_lab(colour)) == pytest.approx(colour, abs=0.001)


@pytest.mark.parametrize("accents", THEMES)
def test_twelve_colours_can_be_told_apart_and_seen_on_white(accents: tuple[str, str]) -> None:
    chosen = colours(accents)
    assert len(chosen) == 12
    assert all(0 <= part <= 1 for colour in chosen for part in colour)
    assert all(contrast(colour, WHITE) > 1.2 for colour in chosen)
    labs = [to_lab(colour) for colour in chosen]
    assert min(math.dist(one, other) for i, one in enumerate(labs) for other in labs[:i]) > 0.075


@pytest.mark.parametrize("accents", THEMES)
def test_neighbours_of_our_choice_differ_in_grey(accents: tuple[str, str]) -> None:
    chosen = colours(accents, 6)[1:]
    steps = [abs(luminance(one) ** 0.4 - luminance(other) ** 0.4) for one, other in pairwise(chosen)]
    assert min(steps) > 0.1


def test_text_in_a_series_colour_can_be_read() -> None:
    for colour in (*colours(THEMES[0]), rgb("#ffe600"), WHITE):
        assert contrast(readable(colour), WHITE) >= 4.5
    assert readable(INK) == INK


def test_text_on_a_colour_is_white_or_ink() -> None:
    assert ink_on(rgb("#1f5fa8"), INK) == WHITE
    assert ink_on(rgb("#ffe600"), INK) == INK
