"""Lines with gaps, and lines of more points than a page can show."""

import random

from tasks.report.chart.marks.lines import COLUMN, crossed, decimated, runs
from tasks.report.chart.marks.mark import Edges


def test_a_gap_ends_a_run() -> None:
    assert list(runs([1, None, None, 2, 3])) == [[(0, 1)], [(3, 2), (4, 3)]]
    assert list(runs([None])) == []


def test_few_points_stay_as_they_are() -> None:
    points = [(float(x), float(x % 3)) for x in range(50)]
    assert decimated(points) == points


def test_many_points_keep_both_ends_and_the_extremes_of_every_column() -> None:
    chance = random.Random(3)  # noqa: S311
    points = [(i / 50, chance.random()) for i in range(20_000)]
    points[12_345] = (points[12_345][0], 99.0)
    kept = decimated(points)
    assert len(kept) <= 4 * 400 / COLUMN
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert kept == sorted(kept)
    for column in range(int(400 / COLUMN)):
        before, after = ([y for x, y in some if int(x / COLUMN) == column] for some in (points, kept))
        assert (min(before), max(before)) == (min(after), max(after))


def test_a_line_crosses_a_box_that_it_passes_through() -> None:
    box = Edges(10, 10, 20, 20)
    assert crossed([[(0, 0), (30, 30)]], box)
    assert crossed([[(15, 0), (15, 30)]], box)
    assert not crossed([[(0, 0), (30, 5)]], box)
    assert not crossed([[(0, 15), (9, 15)], [(21, 15), (30, 15)]], box)
