"""How long an ended job is kept."""

from tasks.settings import Settings


def keep_ms(settings: Settings) -> dict[str, int]:
    """State → milliseconds that a job which ended so is kept, and `tombstone`: the time for which it is then known to
    have expired."""
    return {
        "succeeded": settings.keep_succeeded_s * 1000,
        "failed": settings.keep_failed_s * 1000,
        "cancelled": settings.keep_cancelled_s * 1000,
        "tombstone": settings.tombstone_s * 1000,
    }
