"""Ticks: round, few, exact, and covering what they have to."""

import random
from decimal import Decimal

import pytest

from tasks.report.chart.ticks import nice_ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "values"),
    [
        (0, 97, 6, [0, 20, 40, 60, 80, 100]),
        (0, 100, 6, [0, 20, 40, 60, 80, 100]),
        (0.1, 0.3, 5, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (0.7, 0.9, 5, [0.7, 0.75, 0.8, 0.85, 0.9]),
        (-3, 7, 6, [-2.5, 0, 2.5, 5, 7.5]),
        (1234.5, 1234.9, 4, [1234.4, 1234.6, 1234.8, 1235]),
        (0, 1e15, 5, [0, 2.5e14, 5e14, 7.5e14, 1e15]),
        (0, 4e-12, 5, [0, 1e-12, 2e-12, 3e-12, 4e-12]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, most: int, values: list[float]) -> None:
    assert list(nice_ticks(low, high, most).values) == values


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0, 0, (0, 0.25, 0.5, 0.75, 1)),
        (7, 7, (0, 2, 4, 6, 8)),
        (-7, -7, (-8, -6, -4, -2, 0)),
        (1, 1 + 1e-9, (0, 0.5, 1)),
        (5e-324, 1e-323, (0, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_one_value_gets_an_axis_from_zero(low: float, high: float, values: tuple[float, ...]) -> None:
    assert nice_ticks(low, high, 5).values == values


def test_things_that_are_counted_have_no_halves() -> None:
    assert nice_ticks(0, 3, 7, Decimal(1)).values == (0, 1, 2, 3)
    assert nice_ticks(0, 1, 7, Decimal(1)).values == (0, 1)
    assert nice_ticks(0, 12, 7, Decimal(1)).step == 2  # not 2.5


def test_an_axis_that_would_be_half_empty_ends_beyond_its_data() -> None:
    ticks = nice_ticks(-11, 12, 5)
    assert ticks.values == (-10, 0, 10)
    assert (ticks.low, ticks.high) == pytest.approx((-11.8, 12.8))


def test_ticks_are_few_different_and_inside_an_axis_that_covers_the_data() -> None:
    chance = random.Random(1)  # noqa: S311
    for _ in range(5_000):
        low, span = (chance.choice((-1, 1)) * 10 ** chance.uniform(-290, 15) * chance.random() for _ in range(2))
        high = low + abs(span)
        most = chance.randint(3, 9)
        ticks = nice_ticks(low, high, most)
        assert 2 <= len(ticks.values) <= most
        assert ticks.low <= low <= high <= ticks.high
        assert ticks.low <= ticks.values[0]
        assert ticks.values[-1] <= ticks.high
        assert len(set(ticks.values)) == len(ticks.values)
