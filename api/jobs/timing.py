"""`delay`, `run_at` and `priority`: when what is submitted is to run."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.http.times import to_ms
from tasks import clock
from tasks.refusal import Refusal
from tasks.settings import Settings

Delay = Annotated[float | None, Field(ge=0, description="Seconds to wait before it may start.", examples=[5])]
RunAt = Annotated[
    datetime | None,
    Field(
        description="When it may start, instead of `delay`. Without a zone it is UTC; a time that is over is now.",
        examples=["2026-11-20T08:00:00Z"],
    ),
]
PRIORITY = "Which of your jobs go first. Others' jobs have their turn whatever yours are."


def delay_ms(settings: Settings, delay: float | None, run_at: datetime | None) -> int:
    """Milliseconds to put it off. Raises: Refusal `invalid_request` for both, or for more than MAX_DELAY_S."""
    if delay is not None and run_at is not None:
        raise Refusal("invalid_request", "run_at: say either `delay` or `run_at`.", field="run_at")
    wanted = (delay or 0) * 1000 if run_at is None else to_ms(run_at) - clock.now_ms()
    limit = settings.max_delay_s
    if wanted > limit * 1000:
        field = "delay" if run_at is None else "run_at"
        raise Refusal("invalid_request", f"{field}: at most {limit} seconds from now.", field=field, limit=limit)
    return max(round(wanted), 0)
