"""Percentiles of times, from the buckets in which they were counted."""

from collections.abc import Mapping

from tasks.queue.redis_keys import BUCKETS_MS, SECOND_MS


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """Estimate the seconds that a share of the times are at most. Within a bucket times are taken for evenly spread.

    Args:
        buckets: Number of a bucket, from 1, → how many times are in it.
        share: Such as 0.95.

    Returns:
        None without any time; beyond the last bucket, where that one ends.
    """
    rank, seen = share * sum(buckets.values()), 0
    for number in sorted(buckets):
        if buckets[number] and seen + buckets[number] >= rank:
            if number > len(BUCKETS_MS):
                return BUCKETS_MS[-1] / SECOND_MS
            low, high = BUCKETS_MS[number - 2] if number > 1 else 0, BUCKETS_MS[number - 1]
            return (low + (high - low) * (rank - seen) / buckets[number]) / SECOND_MS
        seen += buckets[number]
    return None


def bucket_end(buckets: Mapping[int, int], share: float) -> float | None:
    """The end in seconds of the bucket in which `percentile` is: a share of the times are really at most this. None
    without any time; beyond the last bucket, where that one ends.

    Args:
        buckets: As `percentile` has them.
        share: Such as 0.95.
    """
    value = percentile(buckets, share)
    if value is None:
        return None
    return next(end for end in BUCKETS_MS if end >= round(value * SECOND_MS, 6)) / SECOND_MS
