"""The job filter, used by the list of jobs and by bulk actions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.times import to_ms
from tasks.kind import Kind
from tasks.queue.records import indexes
from tasks.queue.records.list import Selection
from tasks.queue.records.record import State
from tasks.refusal import Refusal
from tasks.settings import SYSTEM

Queue = Literal["media", "reports", "webhooks", "default"]
KindName = Annotated[
    str,
    Field(
        max_length=100,
        description="The kind of job. Deliveries are included only with `delivery`.",
        examples=["thumbnail"],
    ),
]
Since = Annotated[
    datetime,
    Field(
        description="Created at this time or later. A time without a zone is UTC.", examples=["2026-11-20T08:00:00Z"]
    ),
]
Until = Annotated[
    datetime,
    Field(
        description="Created at this time or earlier. A time without a zone is UTC.", examples=["2030-11-20T08:00:00Z"]
    ),
]
Beginning = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="A prefix of the job's id or name, compared without case.",
        examples=["holiday"],
    ),
]


class JobFilter(BaseModel):
    """A filter on your jobs. A job must match every field that is given. Times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid")

    all: bool = Field(False, description="Match every job. Required if no other field is given.")
    state: State | None = None
    kind: KindName | None = None
    queue: Queue | None = None
    since: Since | None = None
    until: Until | None = None
    q: Beginning | None = None

    def check(self) -> None:
        """Refuse an empty filter that does not say `all`.

        Raises:
            Refusal: `invalid_request`.
        """
        if not self.all and not self.model_fields_set - {"all"}:
            raise Refusal(
                "invalid_request", 'The filter is empty. To match every job, send {"all": true}.', field="all"
            )

    def selection(self, kinds: Mapping[str, Kind[Any]], *owners: str) -> Selection:
        """The selection of these owners' jobs that match the filter.

        Args:
            kinds: All kinds of this process, by name.
            *owners: Whose jobs.
        """
        places = tuple(job_index for owner in owners for job_index in self._indexes(owner, kinds))
        since_ms = to_ms(self.since) if self.since else 0
        until_ms = to_ms(self.until) if self.until else None
        return Selection(places, self.state, self.queue, since_ms, until_ms, self.q)

    def _indexes(self, owner: str, kinds: Mapping[str, Kind[Any]]) -> list[str]:
        """The fewest indexes that hold every job of an owner that is of the kind, or in the queue."""
        if self.kind is not None:
            return [indexes.of_kind(owner, self.kind)]
        # A job that another program put into ARQ's keys may be in any queue, whatever its kind.
        if self.queue is None or owner == SYSTEM:
            return [indexes.of_owner(owner)]
        names = [kind.name for kind in kinds.values() if kind.queue == self.queue]
        return [indexes.of_kind(owner, name) for name in (*names, *(["batch"] if self.queue == "default" else []))]
