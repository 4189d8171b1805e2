"""A step of a bulk job: the script that does it counts it, and notes how far the job is, in the same breath."""

from dataclasses import asdict, dataclass
from typing import Any


class Superseded(Exception):  # noqa: N818 - an outcome
    """Another worker has the bulk job by now, or it has ended: this one shall do nothing more."""


@dataclass(frozen=True, slots=True)
class BulkStep:
    """On whose behalf a script goes over some jobs. id, attempt: the bulk job, and the try at it that this is. place:
    where the next step goes on, for whoever takes over; the record keeps it, and beside it a count of every answer."""

    id: str
    attempt: int
    place: str


def payload_of(step: BulkStep | None) -> dict[str, Any] | None:
    """As the scripts take it (`for_each` in `bulk.lua`)."""
    return None if step is None else asdict(step)


def answers_of(answer: Any) -> list[str]:
    """What a script has answered, job by job. Raises: Superseded."""
    if answer is False:
        raise Superseded
    return list(answer)
