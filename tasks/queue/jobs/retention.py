"""How long an ended job is kept."""

from tasks.settings import Settings
from tasks.webhook.events import RETRY_DELAYS_S, RETRY_JITTER


def keep_ms(settings: Settings) -> dict[str, int]:
    """State → milliseconds that a job which ended so is kept; `tombstone`: the time for which it is then known to have
    expired; and kinds that are kept whatever their end: an event outlives the last try of its deliveries."""
    deliveries = settings.keep_deliveries_s * 1000
    return {
        "delivery": deliveries,
        "event": deliveries + int(sum(RETRY_DELAYS_S) * (1 + RETRY_JITTER)) * 1000,
        "succeeded": settings.keep_succeeded_s * 1000,
        "failed": settings.keep_failed_s * 1000,
        "cancelled": settings.keep_cancelled_s * 1000,
        "tombstone": settings.tombstone_s * 1000,
    }
