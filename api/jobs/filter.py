"""Which jobs somebody means: the filter of the list, and of what is done to many jobs at once."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.times import to_ms
from tasks.catalogue import KINDS
from tasks.queue.records import indexes
from tasks.queue.records.list import Selection
from tasks.queue.records.record import State
from tasks.refusal import Refusal
from tasks.settings import SYSTEM

Queue = Literal["media", "reports", "webhooks", "default"]
KindName = Annotated[
    str,
    Field(max_length=100, description="Deliveries are among them only if asked for.", examples=["thumbnail"]),
]
Since = Annotated[datetime, Field(description="Made at this time or later.", examples=["2026-11-20T08:00:00Z"])]
Until = Annotated[datetime, Field(description="Made at this time or earlier.", examples=["2030-11-20T08:00:00Z"])]
Beginning = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="How the id or the name begins, in capitals or not.",
        examples=["holiday"],
    ),
]


class JobFilter(BaseModel):
    """Which of your jobs. All that is said must fit; times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(False, description="That every job is meant, where nothing else is said.")
    state: State | None = None
    kind: KindName | None = None
    queue: Queue | None = None
    since: Since | None = None
    until: Until | None = None
    q: Beginning | None = None

    def check(self) -> None:
        """Raises: Refusal `invalid_request` for a filter that means every job, and does not say so."""
        if not self.all and not self.model_fields_set - {"all"}:
            raise Refusal("invalid_request", 'all: an empty filter means every job; say {"all": true}.', field="all")

    def selection(self, *owners: str) -> Selection:
        """The jobs of these owners that fit."""
        places = tuple(job_index for owner in owners for job_index in indexes_of(owner, self.kind, self.queue))
        since_ms = to_ms(self.since) if self.since else 0
        until_ms = to_ms(self.until) if self.until else None
        return Selection(places, self.state, self.queue, since_ms, until_ms, self.q)


def indexes_of(owner: str, kind: str | None, queue: str | None) -> list[str]:
    """The fewest shelves that have all of an owner's jobs of a kind, or of a queue, on them."""
    if kind is not None:
        return [indexes.of_kind(owner, kind)]
    # A stranger may have put any kind into any queue.
    if queue is None or owner == SYSTEM:
        return [indexes.of_owner(owner)]
    kinds = [one.name for one in KINDS.values() if one.queue == queue]
    return [indexes.of_kind(owner, kind) for kind in (*kinds, *(["batch"] if queue == "default" else []))]
