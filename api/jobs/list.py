"""List jobs, filtered and newest first: `GET /v1/jobs`. The cost of a page does not grow with the number of jobs."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_of
from api.http.problems import documented
from api.http.query import ListQuery, documented_query, query_of
from api.jobs.filter import JobCriteria
from api.jobs.views import JobPage, job_of
from api.jobs.waiting import find_waiting_for
from tasks import clock
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class JobListQuery(JobCriteria, ListQuery):
    """The query parameters of the list of jobs."""

    waiting_for: bool = Field(
        False, description="Also say why each job waits, in its `waiting_for`.", examples=["true"]
    )
    counts: bool = Field(
        False,
        description="Also count the jobs by state. The counts ignore `state` and `q`. They are refused with `code`, "
        "`worker`, `endpoint`, `batch` and `schedule`, and with `tag`, unless it is one, of one owner, without `kind` "
        "and `queue`.",
        examples=["true"],
    )


@router.get(
    "",
    operation_id="list_jobs",
    summary="List jobs",
    response_model=JobPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(JobListQuery),
)
@requires("jobs:read")
async def list_jobs(request: Request) -> Response:
    """Newest first. A page can be short or empty although more pages follow; continue while there is a `next`.

    The list ends at Redis' retention: a job that has expired is answered only by id, where the service keeps a
    history (`HISTORY=storage`).

    Deliveries are listed under `/v1/deliveries`, and here with `kind=delivery`, `queue=webhooks` or `endpoint`.
    """
    caller, query = caller_of(request), query_of(request, JobListQuery)
    selection = query.selection(caller.context.kinds, query.owner_for(caller))
    if query.counts and not selection.countable:
        message = (
            "counts: Jobs cannot be counted here with these criteria. Leave out 'counts', or send a bulk action with "
            "'dry_run', which counts."
        )
        raise Refusal("invalid_request", message, field="counts")
    page = await caller.context.listing.page(
        selection, limit=query.limit, cursor=query.cursor, with_counts=query.counts
    )
    now_ms = clock.now_ms()
    jobs = [job_of(record, caller, with_markup=False) for record in page.records if not record.expired(now_ms)]
    if query.waiting_for:
        waiting = await find_waiting_for(caller.context, page.records)
        for job in jobs:
            job.waiting_for = waiting.get(job.id)
    return uncached(JobPage(jobs=jobs, next=page.cursor, counts=page.counts))
