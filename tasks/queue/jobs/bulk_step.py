"""A step of a bulk job: the script that does it counts its answers and notes how far the job is."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


class Superseded(Exception):  # noqa: N818 - an outcome
    """Another worker has the bulk job by now, or it has ended: this attempt must do nothing more."""


@dataclass(frozen=True, slots=True)
class BulkStep:
    """The bulk job for which a script goes over some jobs.

    id, attempt: the bulk job and its attempt. place: where the next step goes on, for a worker that takes over; the
    record keeps it, and a count of each answer. field: of the record, in which it keeps the place.
    """

    id: str
    attempt: int
    place: str
    field: Literal["place", "counting"] = "place"


def payload_of(step: BulkStep | None) -> dict[str, Any] | None:
    """Return the step as the scripts take it (`for_each` in `bulk.lua`)."""
    return None if step is None else asdict(step)


def answers_of(answer: Any) -> list[str]:
    """Return what a script has answered for each job. Raises: Superseded."""
    if answer is False:
        raise Superseded
    return list(answer)
