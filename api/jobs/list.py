"""List jobs, filtered and newest first: `GET /v1/jobs`. The cost of a page does not grow with the number of jobs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.caller import Caller, caller_of
from api.http.problems import documented
from api.http.query import refuse_unknown
from api.jobs.filter import Beginning, JobFilter, KindName, Queue, Since, Until
from api.jobs.views import JobPage, job_of, uncached
from tasks import clock
from tasks.maintenance.activity import owners
from tasks.queue.records.record import State
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_PAGE = 200
EVERYONE = "*"


@router.get(
    "",
    operation_id="list_jobs",
    summary="List jobs",
    response_model=JobPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
)
async def list_jobs(
    request: Request,
    *,
    state: Annotated[State | None, Query(examples=["queued"])] = None,
    kind: Annotated[KindName | None, Query()] = None,
    queue: Annotated[Queue | None, Query(examples=["media"])] = None,
    since: Annotated[Since | None, Query()] = None,
    until: Annotated[Until | None, Query()] = None,
    q: Annotated[Beginning | None, Query()] = None,
    owner: Annotated[
        str | None,
        Query(max_length=100, description="The owner whose jobs are listed, or `*` for all owners. For admins."),
    ] = None,
    counts: Annotated[
        bool, Query(description="Also count the jobs by state. The counts ignore `state` and `q`.", examples=["true"])
    ] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, examples=[10])] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="The `next` value of the previous page.")] = None,
) -> Response:
    """Newest first. A page can be short or empty although more pages follow; continue while there is a `next`.

    Deliveries are listed under `/v1/deliveries`, and here with `kind=delivery` or `queue=webhooks`.
    """
    refuse_unknown(request, "state", "kind", "queue", "since", "until", "q", "owner", "counts", "limit", "cursor")
    caller = caller_of(request)
    asked = JobFilter(state=state, kind=kind, queue=queue, since=since, until=until, q=q)
    selection = asked.selection(caller.context.kinds, *_owners(caller, owner))
    page = await caller.context.listing.page(selection, limit=limit, cursor=cursor)
    address, now_ms = caller.base_url, clock.now_ms()
    jobs = [job_of(record, address) for record in page.records if not record.expired(now_ms)]
    counted = await caller.context.listing.counts(selection) if counts else None
    return uncached(JobPage(jobs=jobs, next=page.cursor, counts=counted))


def _owners(caller: Caller, asked_for: str | None) -> list[str]:
    """The owners whose jobs are listed.

    Raises:
        Refusal: `forbidden`.
    """
    if asked_for in (None, caller.owner):
        return [caller.owner]
    if not caller.is_admin:
        raise Refusal(
            "forbidden",
            "Only an admin (see ADMINS) may list other owners' jobs. Leave out the parameter 'owner'.",
            field="owner",
        )
    if asked_for != EVERYONE:
        return [asked_for]
    return owners(caller.context.settings)
