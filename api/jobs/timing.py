"""The submit options `delay`, `run_at` and `priority`: when the job runs."""

from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from api.http.query import WHEN, Timestamp
from tasks.clock import now_ms, to_ms
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.validation import JsonNumber

Delay = Annotated[JsonNumber | None, Field(ge=0, description="Seconds to wait before the job may start.", examples=[5])]
RunAt = Annotated[
    Timestamp | None,
    Field(
        description=f"When the job may start, instead of `delay`; a time in the past means now. {WHEN}",
        examples=["2026-11-20T08:00:00Z"],
    ),
]
PRIORITY = "Which of your own jobs start first. Other owners' jobs still get their share."


class Timing(NamedTuple):
    """When a job may start: so many milliseconds from now, or at a time in milliseconds since 1970."""

    delay_ms: int = 0
    run_at_ms: int | None = None


def timing_of(settings: Settings, delay: float | None, run_at: datetime | None) -> Timing:
    """When the job may start.

    Raises:
        Refusal: `invalid_request` if both are given, or for more than MAX_DELAY_S.
    """
    if delay is not None and run_at is not None:
        raise Refusal(
            "invalid_request",
            "The parameters 'delay' and 'run_at' exclude each other. Send one of them.",
            field="run_at",
        )
    wanted = (delay or 0) * 1000 if run_at is None else to_ms(run_at) - now_ms()
    limit = settings.max_delay_s
    if wanted > limit * 1000:
        field = "delay" if run_at is None else "run_at"
        raise Refusal(
            "invalid_request", f"The parameter {field!r} is at most {limit} seconds from now.", field=field, limit=limit
        )
    # A time of day is meant by Redis' clock, as all times are: this machine's may be wrong.
    return Timing(max(round(wanted), 0)) if run_at is None else Timing(run_at_ms=to_ms(run_at))
