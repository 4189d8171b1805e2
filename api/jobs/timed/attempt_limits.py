"""The submit options `deadline`, `start_within`, `timeout_s` and `max_tries`: what bounds the attempts at the job."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.http.checks import Checks
from api.http.query import WHEN, Timestamp
from api.jobs.timing import Timing
from tasks.clock import now_ms, to_ms
from tasks.kind import Kind
from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.validation import JsonInteger, JsonNumber

DEADLINE = (
    "No attempt at the job begins after this time: one that still waits then fails with `deadline_passed`, and uses no "
    f"attempt. {WHEN}"
)
START_WITHIN = "The same as `deadline`, in seconds from now."

Deadline = Annotated[Timestamp | None, Field(description=DEADLINE, examples=["2030-11-20T09:00:00Z"])]
StartWithin = Annotated[JsonNumber | None, Field(gt=0, description=START_WITHIN, examples=[600])]


class LimitQuery(BaseModel):
    """What a submit says of the attempts at its job."""

    deadline: Deadline = None
    start_within: StartWithin = None
    timeout_s: JsonNumber | None = Field(
        None,
        gt=0,
        description="Seconds that one attempt may take; at most those that the kind allows, which are the default.",
        examples=[30],
    )
    max_tries: JsonInteger | None = Field(
        None,
        ge=1,
        description="Attempts that the job may have; at most those that the kind allows, which are the default.",
        examples=[1],
    )

    def limits(self, settings: Settings, kind: Kind[Any] | None, timing: Timing) -> AttemptLimits:
        """These limits, as `Submission` has them.

        Args:
            settings: The settings.
            kind: The kind of the job; None if that is at fault itself.
            timing: When the job may start.

        Raises:
            Refusal: `invalid_request`, with all that is wrong.
        """
        checks = Checks()
        deadline_ms, start_within_ms = checks.run(
            lambda: deadline_of(settings, self.deadline, self.start_within, timing)
        ) or (None, None)
        if kind is not None:
            checks.run(partial(_check_timeout, kind, self.timeout_s))
            checks.run(partial(_check_tries, kind, self.max_tries))
        checks.done()
        return AttemptLimits(deadline_ms, start_within_ms, self.timeout_s, self.max_tries)


def deadline_of(
    settings: Settings, deadline: datetime | None, start_within: float | None, timing: Timing
) -> tuple[int | None, int | None]:
    """The deadline in milliseconds since 1970, or the milliseconds from now; None for what is not said.

    Args:
        settings: The settings.
        deadline: The time.
        start_within: The seconds from now.
        timing: When the job may start.

    Raises:
        Refusal: `invalid_request`.
    """
    if deadline is None and start_within is None:
        return None, None
    if deadline is not None and start_within is not None:
        raise Refusal(
            "invalid_request",
            "The parameters 'deadline' and 'start_within' exclude each other. Send one of them.",
            field="start_within",
        )
    now = now_ms()
    start_ms = timing.delay_ms if timing.run_at_ms is None else timing.run_at_ms - now
    within_ms = (start_within or 0) * 1000 if deadline is None else to_ms(deadline) - now
    limit = settings.max_delay_s
    if deadline is None and within_ms > limit * 1000:
        message = f"The parameter 'start_within' is at most {limit} seconds from now."
        raise Refusal("invalid_request", message, field="start_within", limit=limit)
    if within_ms <= max(start_ms, 0):
        raise too_early("start_within" if deadline is None else "deadline")
    # As of `run_at`: a time of day is meant by Redis' clock.
    return (None, max(round(within_ms), 1)) if deadline is None else (to_ms(deadline), None)


def too_early(field: str) -> Refusal:
    """What is answered where a job could never start."""
    return Refusal(
        "invalid_request",
        f"The parameter {field!r} is not after now and not after 'run_at' or 'delay', so the job would never start. "
        f"Send a later {field!r}, or an earlier 'run_at' or 'delay'.",
        field=field,
    )


def _check_timeout(kind: Kind[Any], timeout_s: float | None) -> None:
    if timeout_s is not None and timeout_s > kind.timeout_s:
        message = f"The parameter 'timeout_s' is at most {kind.timeout_s:g} seconds for a job of kind {kind.name!r}."
        raise Refusal("invalid_request", message, field="timeout_s", limit=kind.timeout_s)


def _check_tries(kind: Kind[Any], max_tries: int | None) -> None:
    most = kind.retry.max_tries
    if max_tries is not None and max_tries > most:
        message = f"The parameter 'max_tries' is at most {most} for a job of kind {kind.name!r}."
        raise Refusal("invalid_request", message, field="max_tries", limit=most)
