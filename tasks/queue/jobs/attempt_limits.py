"""What a submit says of the attempts at its job: until when one may begin, how long one may take, and how many."""

from dataclasses import dataclass
from typing import Any, Final, TypedDict


class KnownLimits(TypedDict):
    """The same in a record."""

    deadline: int | None
    timeout_s: float | None
    max_tries: int | None


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Limits of one job, within those of its kind.

    Attributes:
        deadline_ms: When the last attempt may begin, by Redis' clock, in milliseconds since 1970.
        start_within_ms: The same, counted from the submit.
        timeout_s: Seconds that one attempt may take; None is what the kind says.
        max_tries: Attempts that count, the first one included; None is what the kind says.
    """

    deadline_ms: int | None = None
    start_within_ms: int | None = None
    timeout_s: float | None = None
    max_tries: int | None = None

    def add_to(self, job: dict[str, Any]) -> None:
        """Add them to what `create` in `creation.lua` takes."""
        if self.deadline_ms is not None:
            job["deadline"] = self.deadline_ms
        if self.start_within_ms is not None:
            job["start_within_ms"] = self.start_within_ms
        if self.timeout_s is not None:
            job["fields"] += ["timeout_s", repr(self.timeout_s)]
        if self.max_tries is not None:
            job["fields"] += ["max_tries", str(self.max_tries)]

    def known(self, created_at: int) -> KnownLimits:
        """The same as a record that was made at this time has it."""
        after = None if self.start_within_ms is None else created_at + self.start_within_ms
        deadline = after if self.deadline_ms is None else self.deadline_ms
        return {"deadline": deadline, "timeout_s": self.timeout_s, "max_tries": self.max_tries}


NO_LIMITS: Final = AttemptLimits()
"""Those of the kind hold alone."""
