"""Slices, and which of them are gathered."""

import pytest

from tasks.report.chart.marks.pies import MOST, Slice, slices


def shown(found: list[Slice]) -> list[int | None]:
    return [one.index for one in found]


def test_slices_go_round_in_their_order() -> None:
    found = slices([1, 2, 1])
    assert [(one.start, one.end) for one in found] == [(0, 90), (90, 270), (270, 360)]
    assert shown(found) == [0, 1, 2]


def test_several_small_slices_are_gathered_at_the_end_and_one_is_not() -> None:
    found = slices([1, 50, 1, 48])
    assert shown(found) == [1, 3, None]
    assert (found[-1].value, found[-1].count) == (2, 2)
    assert shown(slices([1, 50, 49])) == [0, 1, 2]


def test_zero_and_nothing_have_no_slice() -> None:
    assert shown(slices([0, 5, None])) == [1]
    assert slices([0, None]) == []
    assert slices([]) == []


def test_what_is_gathered_is_no_more_than_a_quarter_if_it_can_be() -> None:
    found = slices([60, *[2] * 20])
    assert found[-1].share <= 0.25
    assert found[-2].share == pytest.approx(0.02)


@pytest.mark.parametrize("most", [2, 5, MOST])
def test_there_are_never_more_slices_than_asked_for_and_they_make_the_whole(most: int) -> None:
    values = [float(i % 9 + 1) for i in range(100)]
    found = slices(values, most)
    assert len(found) <= most
    assert sum(one.value for one in found) == sum(values)
    assert sum(one.count for one in found) == 100
    assert found[-1].end == pytest.approx(360)
