"""Why jobs fail: `GET /v1/failures`, failed jobs by kind and code of their error."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import TimeRange, documented_query, query_of
from api.jobs.views import EXAMPLE_JOB
from tasks.clock import from_ms, maybe_from_ms, rfc3339
from tasks.queue.records import indexes
from tasks.queue.records.failures import EXAMPLES, WALKED_AT_MOST, FailureCause, group_failures
from tasks.queue.records.list import JobCause, Selection
from tasks.queue.records.record import Record, State

router = APIRouter(prefix="/v1/failures", tags=["jobs"])

FILTER_CHARS: Final = 100
"""What the list of jobs takes of a kind or a code."""

GROUPS_AT_MOST: Final = 200
"""Groups that an answer has: for each of them one record is read."""
GROUPS_WITH_EXAMPLES: Final = 20
"""Those of them for which EXAMPLES records are read."""


class FailureQuery(TimeRange):
    """The query parameters of the groups of failed jobs."""

    model_config = ConfigDict(extra="forbid")

    owner: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="The owner whose jobs are meant, or `*` for all owners. For admins.",
    )

    walk: int = Field(
        WALKED_AT_MOST,
        ge=1,
        le=WALKED_AT_MOST,
        description="How many failed jobs are looked at, at most: the newest.",
        examples=[500],
    )

    def as_query(self) -> dict[str, str]:
        """What of it a list of jobs is asked for too."""
        times = {"since": self.since_ms if self.since else None, "until": self.until_ms}
        owner = {} if self.owner is None else {"owner": self.owner}
        return owner | {name: rfc3339(ms) for name, ms in times.items() if ms is not None}


class FailedJob(BaseModel):
    """A job of a group."""

    id: str = Field(description="The job's id.", examples=[EXAMPLE_JOB])
    owner: str | None = Field(None, description="Its owner. Absent if it was deleted just now.", examples=["shop"])
    name: str | None = Field(None, description="Its name, such as that of the uploaded file.")
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime | None = Field(None, description="When it failed.")
    message: str | None = Field(None, description="What happened and what to do. Absent if it was deleted just now.")


class FailureGroup(BaseModel):
    """Failed jobs of one kind, whose errors have one code."""

    kind: str = Field(description="The kind of the jobs.", examples=["thumbnail"])
    code: str = Field(description="The code of their error.", examples=["truncated"])
    count: int = Field(description="The number of jobs.")
    newest: FailedJob = Field(description="The job that was submitted last.")
    examples: list[FailedJob] = Field(
        description=f"The {EXAMPLES} jobs that were submitted last, the last one first; of the groups after the "
        f"{GROUPS_WITH_EXAMPLES}th only one."
    )
    oldest_at: datetime = Field(description="When the job that was submitted first was submitted.")
    jobs: str | None = Field(
        description="The URL that lists these jobs; null where no filter names them.",
        examples=["https://pressroom.example.com/v1/jobs?state=failed&kind=thumbnail&code=truncated"],
    )


class FailureGroups(BaseModel):
    """Failed jobs by kind and code."""

    groups: list[FailureGroup] = Field(
        description=f"The groups, those with the most jobs first; at most {GROUPS_AT_MOST}. Empty if no job failed."
    )
    left_out: int = Field(description="The number of further groups, each with fewer jobs.")
    walked: int = Field(description="The number of failed jobs that were looked at, the newest ones.")
    at_least: bool = Field(
        description="Whether there are more than those that were looked at, so that the counts are too small, and "
        "older causes may be missing."
    )


@router.get(
    "",
    operation_id="list_failures",
    summary="List causes of failures",
    response_model=FailureGroups,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(FailureQuery),
)
@requires("jobs:read")
async def list_failures(request: Request) -> Response:
    """Groups failed jobs, deliveries too, by their kind and the code of their error. Counted are the jobs that
    `GET /v1/jobs` lists with `state=failed`: not those that were retried, nor those that have expired or have left
    Redis for the history (`HISTORY=storage`).

    `since` and `until` are times of submission, as in the list of jobs.
    """
    caller, query = caller_of(request), query_of(request, FailureQuery)
    owner, context = caller.acting_for(query.owner).owner, caller.context
    job_indexes = (*indexes.of_owner(owner, context.kinds), indexes.of_deliveries(owner))
    selection = Selection(job_indexes, State.FAILED, since_ms=query.since_ms, until_ms=query.until_ms)
    found = await group_failures(context.listing, selection, query.walk)
    shown = found.causes[:GROUPS_AT_MOST]
    for cause in shown[GROUPS_WITH_EXAMPLES:]:
        del cause.newest[1:]
    ids = [job.id for cause in shown for job in cause.newest]
    records = {record.id: record for record in await context.listing.records(ids)}
    return uncached(
        FailureGroups(
            groups=[_group(cause, records, caller, query) for cause in shown],
            left_out=len(found.causes) - len(shown),
            walked=found.walked,
            at_least=found.more,
        )
    )


def _group(cause: FailureCause, records: Mapping[str, Record], caller: Caller, query: FailureQuery) -> FailureGroup:
    newest, examples = cause.newest[0], [_job(job, records.get(job.id)) for job in cause.newest]
    can_be_named = 0 < len(newest.code) <= FILTER_CHARS and len(newest.kind) <= FILTER_CHARS
    criteria = {"state": State.FAILED.value, "kind": newest.kind, "code": newest.code, **query.as_query()}
    named = {name: value for name, value in criteria.items() if value}
    return FailureGroup(
        kind=newest.kind,
        code=newest.code,
        count=cause.count,
        newest=examples[0],
        examples=examples,
        oldest_at=from_ms(cause.oldest_ms),
        jobs=f"{caller.base_url}/v1/jobs?{urlencode(named)}" if can_be_named else None,
    )


def _job(job: JobCause, record: Record | None) -> FailedJob:
    return FailedJob(
        id=job.id,
        owner=record.owner if record else None,
        name=record.name if record else None,
        created_at=from_ms(job.created_ms),
        finished_at=maybe_from_ms(record.finished_at if record else None),
        message=(record.last_error or {}).get("message") if record else None,
    )
