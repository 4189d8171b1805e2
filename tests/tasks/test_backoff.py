"""Pauses between tries."""

from itertools import islice

import pytest

from tasks.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, pauses_s


@pytest.mark.parametrize("chance", [0.5, 1.0, 1.5])
def test_pauses_double_up_to_the_longest(chance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: min(max(chance, low), high))
    first, second, *rest = (pause / chance for pause in islice(pauses_s(), 10))
    assert (first, second) == pytest.approx((FIRST_PAUSE_S, 2 * FIRST_PAUSE_S))
    assert rest[-3:] == pytest.approx([LONGEST_PAUSE_S] * 3)
