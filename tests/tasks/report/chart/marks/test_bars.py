"""Where bars begin and end."""

from itertools import pairwise

import pytest

from tasks.report.chart.marks.bars import WIDEST, extent, grouped, stacked
from tasks.report.chart.model import PlottedSeries

BLACK = (0.0, 0.0, 0.0)


def series(*values: list[float | None]) -> list[PlottedSeries]:
    return [PlottedSeries(str(number), one, (), BLACK) for number, one in enumerate(values)]


def test_bars_of_a_category_stand_side_by_side_around_its_middle() -> None:
    bars, condensed = grouped(series([1, 2], [3, 4]), 100)
    assert not condensed
    assert [(bar.series, bar.value) for bar in bars] == [(0, 1), (1, 3), (0, 2), (1, 4)]
    assert (bars[0].start + bars[1].end) / 2 == pytest.approx(25, abs=0.5)
    assert bars[0].end <= bars[1].start
    assert bars[1].end < 50 < bars[2].start


def test_a_lone_bar_does_not_fill_the_chart() -> None:
    (bar,), _ = grouped(series([1]), 400)
    assert (bar.start, bar.end) == (200 - WIDEST / 2, 200 + WIDEST / 2)


def test_a_gap_has_no_bar_and_a_negative_one_hangs() -> None:
    bars, _ = grouped(series([None, -2]), 100)
    assert [(bar.low, bar.high) for bar in bars] == [(-2, 0)]


def test_stacks_grow_away_from_zero_on_both_sides() -> None:
    bars, _ = stacked(series([3], [-1], [2], [None], [-4]), 100)
    assert [(bar.low, bar.high) for bar in bars] == [(0, 3), (-1, 0), (3, 5), (-5, -1)]


def test_the_extent_of_bars_holds_zero() -> None:
    both = series([3, 9], [-1, 2])
    assert extent(both, on_top=False) == (-1, 9)
    assert extent(both, on_top=True) == (-1, 11)
    assert extent(series([5]), on_top=False) == (0, 5)
    assert extent(series([None]), on_top=True) == (0, 0)


def test_condensed_bars_keep_every_peak_and_every_trough() -> None:
    values: list[float | None] = [1.0] * 2000
    values[777], values[1234], values[1500] = 50.0, -40.0, None
    bars, condensed = grouped(series(values), 100)
    assert condensed
    assert len(bars) < 2 * 100 / 0.75
    assert max(bar.high for bar in bars) == 50
    assert min(bar.low for bar in bars) == -40
    starts = sorted({bar.start for bar in bars})
    assert all(right - left > 0.7 for left, right in pairwise(starts))


def test_condensed_stacks_are_whole_stacks() -> None:
    first: list[float | None] = [float(i % 7) for i in range(2000)]
    second: list[float | None] = [float(6 - i % 7) for i in range(2000)]
    bars, condensed = stacked(series(first, second), 100)
    assert condensed
    assert max(bar.high for bar in bars) == 6  # a peak of one category on a peak of another would be 12
