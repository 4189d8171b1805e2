"""What ARQ's client has written of a job."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ArqCall:
    """What ARQ's client has written of a job. job_try: the first try's number, if it says so."""

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    job_try: int | None
    enqueued_ms: int


UNKNOWN: Final = "<unknown>"
"""What ARQ's results have as the name of a function that cannot be read."""
NO_CALL: Final = ArqCall(UNKNOWN, (), {}, None, 0)
