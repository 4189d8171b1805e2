"""Percentiles from buckets."""

import pytest

from tasks.queue.redis_keys import BUCKETS_MS
from tasks.queue.series.percentiles import bucket_end, percentile


@pytest.mark.parametrize(
    ("buckets", "share", "seconds"),
    [
        ({}, 0.5, None),
        ({3: 0}, 0.5, None),
        ({1: 10}, 0.5, 0.0005),
        ({3: 10}, 0.5, 0.0035),
        ({3: 10}, 1.0, 0.005),
        ({1: 90, 10: 10}, 0.5, 0.0005 / 0.9),
        ({1: 90, 10: 10}, 0.95, 0.75),
        ({10: 10, 1: 90}, 0.9, 0.001),
        ({len(BUCKETS_MS) + 1: 5}, 0.5, 1800),
    ],
)
def test_a_share_of_the_times_is_at_most_this(buckets: dict[int, int], share: float, seconds: float | None) -> None:
    assert percentile(buckets, share) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("buckets", "share", "seconds"),
    [
        ({}, 0.5, None),
        ({3: 1}, 0.99, 0.005),
        ({1: 90, 10: 10}, 0.5, 0.001),
        ({1: 90, 10: 10}, 0.95, 1),
        ({3: 10}, 1.0, 0.005),
        ({len(BUCKETS_MS): 1}, 0.5, 1800),
        ({len(BUCKETS_MS) + 1: 5}, 0.5, 1800),
    ],
)
def test_no_share_of_the_times_is_above_its_bucket(
    buckets: dict[int, int], share: float, seconds: float | None
) -> None:
    assert bucket_end(buckets, share) == seconds
