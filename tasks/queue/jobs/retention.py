"""How long an ended job is kept."""

from typing import Final

from tasks.queue.redis_keys import DAY_MS, SECOND_MS
from tasks.settings import Settings

DELIVERY_RETRIES_S: Final = 299_315
"""Longest time between the first and the last attempt at a delivery: the sum of the delays in `tasks.webhook.events`,
with their jitter. It stands here so that the queue imports no kind; `tests/tasks/queue/jobs/test_retention.py` compares
the two."""


def keep_ms(settings: Settings) -> dict[str, int]:
    """Return how long ended jobs are kept, in milliseconds.

    Returns:
        For each state the time that a job which ended so is kept; for `delivery` and `event` the time for jobs of these
        kinds, in any state (an event outlives the last attempt at its deliveries); for `delivered` that of a delivery
        that succeeded; for `missed` that of an event that a disabled endpoint missed; and for `tombstone` the time for
        which an expired job is still known to have expired, or waits to be moved into the history.
    """
    deliveries = settings.keep_deliveries_s * 1000
    patience_s = settings.history_patience_s if settings.history == "storage" else 0
    return {
        "delivery": deliveries,
        "delivered": min(settings.keep_succeeded_deliveries_s * 1000, deliveries),
        "event": deliveries + DELIVERY_RETRIES_S * 1000,
        "missed": settings.keep_missed_s * 1000,
        "succeeded": settings.keep_succeeded_s * 1000,
        "failed": settings.keep_failed_s * 1000,
        "cancelled": settings.keep_cancelled_s * 1000,
        "tombstone": max(settings.tombstone_s, patience_s) * 1000,
    }


def in_redis_ms(settings: Settings) -> int | None:
    """For how long a job with `keep` is in Redis after its end, in milliseconds, before its record leaves for the
    history; None without a history. A repeat of its submit finds it there."""
    return max(DAY_MS, settings.idempotency_s * SECOND_MS) if settings.history == "storage" else None
