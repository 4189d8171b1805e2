"""The submit options `delay`, `run_at` and `priority`: when the job runs."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from tasks import clock
from tasks.clock import to_ms
from tasks.refusal import Refusal
from tasks.settings import Settings

Delay = Annotated[float | None, Field(ge=0, description="Seconds to wait before the job may start.", examples=[5])]
RunAt = Annotated[
    datetime | None,
    Field(
        description="When the job may start, instead of `delay`. A time without a zone is UTC; a time in the past "
        "means now.",
        examples=["2026-11-20T08:00:00Z"],
    ),
]
PRIORITY = "Which of your own jobs start first. Other owners' jobs still get their share."


def delay_ms(settings: Settings, delay: float | None, run_at: datetime | None) -> int:
    """Milliseconds until the job may start.

    Raises:
        Refusal: `invalid_request` if both are given, or for more than MAX_DELAY_S.
    """
    if delay is not None and run_at is not None:
        raise Refusal(
            "invalid_request",
            "The parameters 'delay' and 'run_at' exclude each other. Send one of them.",
            field="run_at",
        )
    wanted = (delay or 0) * 1000 if run_at is None else to_ms(run_at) - clock.now_ms()
    limit = settings.max_delay_s
    if wanted > limit * 1000:
        field = "delay" if run_at is None else "run_at"
        raise Refusal(
            "invalid_request", f"The parameter {field!r} is at most {limit} seconds from now.", field=field, limit=limit
        )
    return max(round(wanted), 0)
