"""Which lines stand on which page."""

import random
from itertools import pairwise

import pytest

from tasks.report.table.pages import GROUP, MORE, ROW, SUBTOTAL, TOTAL, PageRange, TableLines, page_ranges

HEIGHTS = (18.0, 24.0, 18.0, 20.0, 12.0)
LEADING = 12.0
LETTERS = {"r": ROW, "g": GROUP, "s": SUBTOTAL, "t": TOTAL, "m": MORE}


def shaped(letters: str) -> TableLines:
    """`r` is a row, `g` a heading, `s` a subtotal, `t` the total, `m` a further line of the row before it."""
    lines = TableLines()
    for letter in letters:
        lines.add(LETTERS[letter])
    return lines


def pages(lines: TableLines, room: float, full: float) -> list[PageRange]:
    return list(page_ranges(lines, lines.ends(HEIGHTS, LEADING), room, full))


def test_pages_are_filled() -> None:
    found = pages(shaped("r" * 100), 100, 180)
    assert found[0] == PageRange(0, 5, 90)
    assert found[1] == PageRange(5, 15, 180)
    assert found[-1] == PageRange(95, 100, 90)


def test_an_empty_table_has_no_pages() -> None:
    assert pages(TableLines(), 100, 100) == []


@pytest.mark.parametrize(
    ("letters", "first"),
    [
        ("rrrrgrr", "rrrr"),  # a heading goes with its row
        ("rrrggrr", "rrr"),  # and so do two
        ("rrrrrtr", "rrrr"),  # a total goes with the row before it
        ("rrrrrstr", "rrrr"),
        ("rrgrsrrr", "rrgrs"),
        ("rrrrrmmm", "rrrr"),  # no single line of a long text at the foot
    ],
)
def test_what_belongs_together_is_not_parted(letters: str, first: str) -> None:
    assert letters[slice(*pages(shaped(letters), 96, 500)[0][:2])] == first


def test_where_a_page_is_too_small_for_the_rules_they_yield() -> None:
    found = pages(shaped("ggggrrssss"), 50, 50)
    assert [chunk.stop - chunk.start for chunk in found] == [2, 2, 1, 2, 2, 1]


def test_a_line_taller_than_a_page_has_one_for_itself() -> None:
    lines = TableLines()
    lines.add(ROW, 2)
    lines.add_rows([9], 100)
    lines.add(ROW, 2)
    assert [chunk[:2] for chunk in pages(lines, 60, 60)] == [(0, 2), (2, 3), (3, 5)]


def test_a_page_break_is_kept_but_not_between_headings() -> None:
    lines = TableLines()
    for kind in (GROUP, GROUP, ROW, SUBTOTAL, GROUP, ROW, SUBTOTAL, SUBTOTAL, GROUP, GROUP, ROW):
        lines.add(kind, breaks=kind == GROUP)
    assert [chunk[:2] for chunk in pages(lines, 500, 500)] == [(0, 4), (4, 8), (8, 11)]


def test_a_row_taller_than_a_page_becomes_lines_between_which_pages_can_end() -> None:
    lines = TableLines()
    lines.add_rows([1, 30, 2], most=10)
    assert bytes(lines.kinds) == bytes((ROW, ROW, *[MORE] * 29, ROW))
    assert lines.text_lines is not None
    assert list(lines.text_lines) == [1] * 31 + [2]
    found = pages(lines, 120, 120)
    assert all(chunk.height <= 120 for chunk in found)
    assert found[-1].stop == len(lines.kinds)


def test_lines_without_texts_of_several_lines_cost_one_byte_each() -> None:
    lines = TableLines()
    lines.add_rows([1] * 1000, most=10)
    assert len(lines.kinds) == 1000
    assert lines.text_lines is None


@pytest.mark.parametrize("seed", range(30))
def test_every_line_stands_on_one_page_and_no_page_is_too_full(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a table
    lines = TableLines()
    for _ in range(200):
        if chance.random() < 0.2:
            lines.add(GROUP, breaks=chance.random() < 0.1)
        lines.add_rows([chance.choice((1, 1, 2, 3, 40)) for _ in range(chance.randint(1, 5))], most=20)
        if chance.random() < 0.2:
            lines.add(SUBTOTAL)
    lines.add(TOTAL)
    found = pages(lines, 200, 300)
    assert found[0].start == 0
    assert found[-1].stop == len(lines.kinds)
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert found[0].height <= 200.001
    assert all(chunk.height <= 300.001 for chunk in found)
    assert all(lines.kinds[chunk.stop - 1] != GROUP for chunk in found)
    assert all(lines.kinds[chunk.start] not in (SUBTOTAL, TOTAL) for chunk in found)
    assert {chunk.start for chunk in found} >= set(lines.breaks)


def test_the_opening_is_two_rows_with_what_belongs_to_them() -> None:
    assert shaped("rrrr").opening() == 2
    assert shaped("ggrsgrsr").opening() == 7
    assert shaped("r").opening() == 1
    assert shaped("rst").opening() == 3
