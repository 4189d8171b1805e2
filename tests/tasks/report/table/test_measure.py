"""How wide cells are, in ems."""

import pytest

from tasks.report.fonts.face import faces
from tasks.report.table.measure import NumberExtent, TextExtent

FACE = faces("en", lambda _: None).regular
DIGIT = FACE.width("0", 1)


def test_all_digits_are_as_wide_as_a_zero() -> None:
    """What `NumberExtent` and `CellWriter` rest on."""
    for face in (FACE, faces("en", lambda _: None).bold):
        assert {face.width(digit, 1) for digit in "0123456789"} == {face.width("0", 1)}


def test_a_column_of_numbers_is_as_wide_as_its_widest_parts_on_both_sides_of_the_mark() -> None:
    number_extent = NumberExtent(FACE, ".")
    number_extent.add(["1,234.5", "12", "0.125", "-3.75", ""])
    assert number_extent.tail == pytest.approx(FACE.width(".000", 1))
    assert number_extent.head == pytest.approx(FACE.width("0,000", 1))
    assert number_extent.whole == pytest.approx(number_extent.head + number_extent.tail)


@pytest.mark.parametrize(
    ("text", "head", "tail"),
    [
        ("0.00", "0", ".00"),
        ("(0.00)", "(0", ".00)"),
        ("0,000", "0,000", ""),
        ("00 %", "00", " %"),
        ("€0.50", "€0", ".50"),
        ("", "", ""),
        ("—", "", "—"),
    ],
)
def test_numbers_are_lined_up_at_the_mark_or_behind_the_last_digit(text: str, head: str, tail: str) -> None:
    shape = text.replace("5", "0")
    assert NumberExtent(FACE, ".").parts(shape) == pytest.approx((FACE.width(head, 1), FACE.width(tail, 1)))


def test_dates_are_not_lined_up() -> None:
    assert NumberExtent(FACE, None).parts("00.00.0000") == pytest.approx((FACE.width("00.00.0000", 1), 0))


def test_totals_and_rows_have_room_for_both() -> None:
    rows, totals = NumberExtent(FACE, "."), NumberExtent(FACE, ".")
    rows.add(["1.125"])
    totals.add(["1,000.5"])
    rows.include(totals)
    assert rows.whole == pytest.approx(FACE.width("0,000", 1) + FACE.width(".000", 1))


def test_texts_know_their_widest_what_is_good_for_most_and_their_longest_word() -> None:
    texts = TextExtent(FACE)
    texts.add([f"ten words or so {number}" for number in range(99)] + ["W" * 60])
    assert texts.whole == pytest.approx(FACE.width("W" * 60, 1))
    assert texts.good() == pytest.approx(FACE.width("ten words or so 10", 1), abs=0.5)
    assert texts.words() == 14  # longer words are broken


def test_of_a_text_of_several_lines_the_widest_counts() -> None:
    texts = TextExtent(FACE)
    assert not texts.multiline
    texts.add(["short\na longer line\n"])
    assert texts.multiline
    assert texts.whole == pytest.approx(FACE.width("a longer line", 1))


def test_columns_of_nothing_take_no_width() -> None:
    for extent in (TextExtent(FACE), NumberExtent(FACE, "."), NumberExtent(FACE, None)):
        extent.add(["", "", ""])
        assert (extent.whole, extent.good(), extent.words()) == (0, 0, 0)
