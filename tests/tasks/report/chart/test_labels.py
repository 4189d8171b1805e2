"""Text that keeps to its room."""

import random
from itertools import pairwise

import pytest

from tasks.report.chart.categories import is_sequence, labels_under, misfits
from tasks.report.chart.labels import AIR, TextMetrics, drop_overlaps, spread
from tests.support.report.charts import LONG, MONTHS, theme


@pytest.fixture(scope="module")
def metrics() -> TextMetrics:
    return TextMetrics(theme())


def test_spread_leaves_what_has_room_where_it_is() -> None:
    assert spread([50, 10, 30], 10, 0, 100) == [50, 10, 30]
    assert spread([], 10, 0, 100) == []


def test_spread_moves_neighbours_apart_around_their_middle() -> None:
    assert spread([50, 50], 10, 0, 100) == [45, 55]
    assert spread([0, 0, 0], 10, 0, 100) == [0, 10, 20]
    assert spread([100, 99, 98], 10, 0, 100) == [100, 90, 80]


def test_spread_narrows_the_gap_where_there_is_no_room() -> None:
    assert spread([5, 5, 5], 10, 0, 10) == [0, 5, 10]


def test_spread_keeps_order_gap_and_bounds() -> None:
    chance = random.Random(2)  # noqa: S311
    for _ in range(300):
        wanted = [chance.uniform(-20, 120) for _ in range(chance.randint(1, 12))]
        places = spread(wanted, 8, 0, 100)
        ordered = [place for _, place in sorted(zip(wanted, places, strict=True))]
        assert all(b - a >= 8 - 1e-9 for a, b in pairwise(ordered))
        assert ordered[0] >= -1e-9
        assert ordered[-1] <= 100 + 1e-9


def test_apart_keeps_the_first_of_those_that_touch(metrics: TextMetrics) -> None:
    texts = [metrics.line(text, x, 10) for text, x in (("abc", 0), ("def", 5), ("ghi", 50), ("", 90))]
    assert [text.text for text in drop_overlaps(texts)] == ["abc", "ghi"]


def test_a_name_too_long_ends_in_an_ellipsis_within_its_room(metrics: TextMetrics) -> None:
    short = metrics.fit("Maintenance agreements", 60)
    assert short.endswith("…")
    assert short[:-1] == "Maintenance agreements"[: len(short) - 1]
    assert metrics.width(short) <= 60
    assert metrics.fit("Maintenance", 5) == ""


def test_names_that_shortening_would_make_the_same_lose_their_middle(metrics: TextMetrics) -> None:
    short = metrics.fit_all(["A very long name, number 1", "A very long name, number 2"], 70)
    assert [name[-1] for name in short] == ["1", "2"]
    assert all(metrics.width(name) <= 70 and "…" in name for name in short)


def test_lines_break_between_words_and_the_last_one_is_shortened(metrics: TextMetrics) -> None:
    assert metrics.lines("Professional services and consulting", 90, 2) == ["Professional services", "and consulting"]
    assert metrics.lines("one two three four five six", 40, 2)[-1].endswith("…")
    assert metrics.lines("Donaudampfschifffahrt auf", 40, 2)[0].endswith("…")  # and not in the middle of the word


def test_dates_and_numbers_are_a_sequence_and_names_are_none() -> None:
    assert is_sequence(["2024-01-01", "2024-01-02"])
    assert is_sequence(["Jan 2024", "Feb 2024"])
    assert is_sequence(["1月", "2月"])
    assert not is_sequence(["Product 1", "Product 2"])
    assert not is_sequence(["", ""])


def test_names_that_fit_all_stand(metrics: TextMetrics) -> None:
    names = labels_under(MONTHS, [20.0 + 40 * i for i in range(12)], (0, 480), metrics, thin=True)
    assert [text.text for text in names.texts] == MONTHS
    assert names.height == 13


def test_a_sequence_is_thinned_by_a_round_stride(metrics: TextMetrics) -> None:
    names = labels_under(
        [f"Day {i}" for i in range(100)], [2.4 + 4.8 * i for i in range(100)], (0, 480), metrics, thin=True
    )
    shown = [int(text.text.removeprefix("Day ")) for text in names.texts]
    assert shown == list(range(0, 100, 10))


def test_long_names_take_two_lines(metrics: TextMetrics) -> None:
    names = labels_under(["Professional services", "Hardware"], [60.0, 180.0], (0, 240), metrics, thin=False)
    assert len(names.texts) == 2
    narrow = labels_under(["Professional services", "Hardware"], [30.0, 90.0], (0, 120), metrics, thin=False)
    assert [text.text for text in narrow.texts] == ["Professional", "services", "Hardware"]
    assert narrow.height == 23


def test_misfits_are_the_share_of_names_without_room(metrics: TextMetrics) -> None:
    assert misfits(MONTHS, 40, metrics) == 0
    assert misfits(LONG, 60, metrics) == pytest.approx(0.6)
    assert misfits(["営業部門"], 4 * 8 + AIR, metrics) == 0
