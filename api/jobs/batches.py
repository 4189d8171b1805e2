"""Batches that jobs join one by one: `POST /v1/batches`, submits with `batch`, then `POST …/seal`."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_for_owner, caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.get import find
from api.jobs.notify import EXAMPLE_URL
from api.jobs.submit_options import OPTION_HEADERS, BatchFields, SubmitOptions
from api.jobs.submitted import respond
from api.jobs.views import EXAMPLE_JOB, Job, job_of
from tasks.queue.jobs.submission import Submitted
from tasks.refusal import Refusal
from tasks.webhook.notify_url import seal_notify

router = APIRouter(prefix="/v1/batches", tags=["jobs"])

MAX_BODY_BYTES = 16 * 1024

BatchId = Annotated[str, Path(description="The batch's id, from `POST /v1/batches`.", examples=[EXAMPLE_JOB])]


class BatchRequest(BatchFields):
    """A new batch."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=255, description="A name of your choice.", examples=["album 7"])


@router.post(
    "",
    status_code=202,
    operation_id="open_batch",
    summary="Open a batch",
    response_model=Job,
    response_description="The batch: a job of kind `batch` that no worker runs.",
    responses=documented(
        "unauthorized",
        "invalid_request",
        "unsupported_media_type",
        "too_large",
        "invalid_url",
        "invalid_secret",
        "redis_full",
    ),
    openapi_extra={"parameters": list(OPTION_HEADERS)}
    | documented_body(
        BatchRequest,
        required=False,
        album=("A batch that notifies a URL when it ends", {"name": "album 7", "notify": {"url": EXAMPLE_URL}}),
    ),
)
@requires("jobs:write")
async def open_batch(request: Request) -> Response:
    """Jobs submitted with `batch=<id>` join it, and its `jobs` field counts them by state.

    It ends once it is sealed and its last job has ended: `succeeded` if every job succeeded, else `failed`.
    """
    caller = caller_of(request)
    checks = Checks()
    options = checks.run(lambda: SubmitOptions().fields(caller, None)) or {}
    requested = examined(await receive_text(request, MAX_BODY_BYTES), BatchRequest, checks)
    if requested is not None:
        checks.run(lambda: requested.add_to(options, caller))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    batch_id = await caller.context.job_store.open_batch(
        caller.owner,
        options.get("tags", ()),
        name=requested.name,
        notify=seal_notify(options.get("notify"), caller.context.box),
        metadata=options.get("metadata"),
        address=caller.base_url,
        request_id=caller.request_id,
    )
    return await respond(caller, Submitted(batch_id, created=True))


@router.post(
    "/{batch_id}/seal",
    operation_id="seal_batch",
    summary="Seal a batch",
    response_model=Job,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def seal_batch(request: Request, batch_id: BatchId) -> Response:
    """No more jobs can join it. If all its jobs have ended, it ends at once. Sealing it twice changes nothing."""
    caller = caller_for_owner(request)
    if not await caller.context.job_store.seal_batch(caller.owner, batch_id):
        raise Refusal("not_found", f"You have no batch {batch_id!r}.")
    return uncached(job_of(await find(caller, batch_id), caller))
