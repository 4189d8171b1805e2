"""How long a job waits between its tries."""

import random

import pytest

from tasks.kind import RetryPolicy


def middle() -> float:
    """Chance that adds no jitter."""
    return 0.5


def test_delays_grow_by_the_factor_until_they_are_clamped() -> None:
    policy = RetryPolicy(first_delay_s=2, factor=4, max_delay_s=100)
    assert [policy.delay_s(tries, middle) for tries in range(1, 6)] == [2, 8, 32, 100, 100]


def test_a_factor_of_one_waits_the_same_each_time() -> None:
    policy = RetryPolicy(first_delay_s=0.5, factor=1)
    assert {policy.delay_s(tries, middle) for tries in range(1, 20)} == {0.5}


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 9.0), (0.5, 10.0), (0.999999, 11.0)])
def test_jitter_spreads_a_delay_evenly_to_both_sides(chance: float, expected: float) -> None:
    policy = RetryPolicy(first_delay_s=10, jitter=0.1)
    assert policy.delay_s(1, lambda: chance) == pytest.approx(expected, abs=1e-4)


def test_without_jitter_chance_does_not_matter() -> None:
    policy = RetryPolicy(first_delay_s=10, jitter=0)
    assert policy.delay_s(1, lambda: 0.9) == policy.delay_s(1, lambda: 0.1) == 10


def test_the_default_policy_waits_at_least_a_second_and_never_much_over_an_hour() -> None:
    policy = RetryPolicy()
    random.seed(1)
    delays = [policy.delay_s(tries) for tries in range(1, 100) for _ in range(50)]
    assert min(delays) >= policy.first_delay_s * (1 - policy.jitter) > 1
    assert max(delays) <= policy.max_delay_s * (1 + policy.jitter)
    assert len(set(delays)) > 1000, "jitter keeps a crowd of failed jobs from coming back together"


def test_a_job_that_has_been_tried_ten_thousand_times_has_a_delay_too() -> None:
    assert RetryPolicy(factor=10).delay_s(10_000, middle) == RetryPolicy().max_delay_s
