"""The job filter, used by the list of jobs and by bulk actions."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool

from api.http.caller import Caller
from api.http.query import TimeRange
from api.jobs.views import EXAMPLE_JOB
from api.labels import TagQuery
from api.schedules.views import EXAMPLE_SCHEDULE
from api.webhooks.endpoint_views import EXAMPLE_ENDPOINT
from tasks.kind import Kind
from tasks.queue.records import indexes
from tasks.queue.records.list import Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import QUEUES, RUNS_KEPT
from tasks.refusal import Refusal
from tasks.settings import SYSTEM
from tasks.settings.queues import ANY_QUEUE
from tasks.validation import JsonInteger

MAX_WORKER_CHARS = 200
"""A worker's id has the name of its host, of up to 64 characters, and some digits."""
QueueName = Annotated[str, Field(pattern=ANY_QUEUE)]


class JobCriteria(TagQuery, TimeRange):
    """Criteria for jobs. A job must match every field that is given."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = Field(None, description="The state of the jobs.", examples=["queued"])
    kind: str | None = Field(
        None,
        max_length=100,
        description="The kind of the jobs. Deliveries are included only with `delivery`, `queue=webhooks` or "
        "`endpoint`.",
        examples=["thumbnail"],
    )
    queue: QueueName | None = Field(None, description="The queue of the jobs.", examples=["media"])
    q: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="A prefix of the jobs' ids or names, compared without case.",
        examples=["holiday"],
    )

    code: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The code of the error of jobs that failed, were cancelled or are retrying.",
        examples=["timed_out"],
    )
    worker: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_WORKER_CHARS,
        description="The id of the worker that runs the jobs, or ran them last.",
        examples=["worker.1:4:9f86d081"],
    )
    endpoint: str | None = Field(
        None,
        pattern="^[0-9a-f]{32}$",
        description="The id of the endpoint whose deliveries are meant.",
        examples=[EXAMPLE_ENDPOINT],
    )
    batch: str | None = Field(
        None,
        pattern="^[0-9a-f]{32}$",
        description="The id of the batch that the jobs are part of.",
        examples=[EXAMPLE_JOB],
    )
    schedule: str | None = Field(
        None,
        pattern=r"^[a-z0-9_-]{1,40}$",
        description=f"The id of the schedule whose runs are meant: the last {RUNS_KEPT}, as long as it exists.",
        examples=[EXAMPLE_SCHEDULE],
    )
    owner: str | None = Field(
        None, max_length=100, description="The owner whose jobs are meant, or `*` for all owners. For admins."
    )

    @property
    def narrows(self) -> bool:
        """Whether any of an owner's jobs are left out."""
        criteria = JobCriteria.model_fields.keys() - {"owner"}
        return any(getattr(self, name) is not None for name in criteria)

    def owner_for(self, caller: Caller) -> str:
        """The owner whose jobs are meant, or EVERYONE.

        Raises:
            Refusal: `forbidden`.
        """
        return caller.acting_for(self.owner).owner

    def selection(self, kinds: Mapping[str, Kind[Any]], owner: str) -> Selection:
        """The selection of an owner's jobs that match.

        Args:
            kinds: All kinds of this process, by name.
            owner: The owner, or EVERYONE.
        """
        known = self.kind is None or self.kind in (*kinds, indexes.BATCH)
        one_owner = None if owner == indexes.EVERYONE else owner
        # A tag has an index for each owner.
        tag_owner = one_owner if self.tag else None
        # Each of these has one index, of jobs of any kind.
        has_index = any((self.endpoint, self.batch, self.schedule))
        by_kind = not has_index and (tag_owner is None or self.kind is not None)
        return Selection(
            tuple(self._indexes(owner, kinds, known=known)) if by_kind else (),
            self.state,
            self.queue,
            self.since_ms,
            self.until_ms,
            self.q,
            None if known and tag_owner is None and not has_index else self.kind,
            tags=tuple(self.tag or ()),
            tag_owner=tag_owner,
            code=self.code,
            owner=one_owner if has_index else None,
            worker=self.worker,
            endpoint=self.endpoint,
            batch=self.batch,
            schedule=self.schedule,
        )

    def _indexes(self, owner: str, kinds: Mapping[str, Kind[Any]], *, known: bool) -> list[str]:
        """The fewest indexes that hold every job of an owner that is of the kind, or in the queue.

        known: the kind, if one is named, is one of this process.
        """
        if self.kind is not None:
            return [indexes.of_kind(owner, self.kind if known else indexes.FOREIGN)]
        if self.queue is None:
            return indexes.of_owner(owner, kinds)
        # Into a queue that was made jobs of any kind are put.
        is_made = self.queue not in QUEUES
        names = [kind.name for kind in kinds.values() if is_made or kind.queue == self.queue]
        if self.queue == "default":
            names.append(indexes.BATCH)
        found = [indexes.of_kind(owner, name) for name in (*names, indexes.FOREIGN)]
        if owner in (SYSTEM, indexes.EVERYONE):
            # A job that another program put into ARQ's keys is the system's, and in any queue, whatever its kind.
            found += [indexes.of_kind(SYSTEM, name) for name in (*kinds, indexes.BATCH) if name not in names]
        return found


class JobFilter(JobCriteria):
    """The jobs that a bulk action applies to. A job must match every field that is given."""

    all: StrictBool = Field(False, description="Match every job. Required if no other criterion is given.")
    dry_run: StrictBool = Field(
        False,
        description="Only count the jobs that match, whatever the filter. The job's `progress` says how many match at "
        "least, its `result` how many. `expect` has no effect.",
    )
    expect: JsonInteger | None = Field(
        None,
        ge=0,
        description="How many jobs you expect to match, at most. They are counted first. If there are more, none is "
        "changed, and the action fails with `more_than_expected`; with `count_incomplete` if they are too many to "
        "count. Jobs that begin to match after that are not changed beyond this number.",
        examples=[100],
    )

    def check(self) -> None:
        """Refuse a filter without a criterion that does not say `all`. A criterion that is null is none.

        Raises:
            Refusal: `invalid_request`.
        """
        if not self.all and not self.narrows:
            raise Refusal(
                "invalid_request",
                'The filter has no criterion (a null is none). To match every job, send {"all": true}.',
                field="all",
            )
