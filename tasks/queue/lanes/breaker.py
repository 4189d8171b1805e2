"""When a lane whose receiver fails is left alone, as the scripts take it."""

from tasks.settings import Settings


def breaker(settings: Settings) -> dict[str, int]:
    """failures: in a row, before the lane is parked; pause_ms: for how long at first, and max_pause_ms at most."""
    return {
        "failures": settings.breaker_failures,
        "pause_ms": int(settings.breaker_pause_s * 1000),
        "max_pause_ms": int(settings.breaker_max_pause_s * 1000),
    }
