"""The cleanup by hand: `POST /v1/cleanup`, for admins."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.context import context_of, is_admin, owner_of, request_id_of
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.jobs.submitted import respond
from api.jobs.views import Job, address_of
from tasks.maintenance.cleanup import CLEANUP, CleanupParams
from tasks.queue.jobs.enqueue import Submission
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/cleanup", tags=["operations"])

MAX_BODY_BYTES = 1024


class CleanupRequest(BaseModel):
    """How to clean up."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Remove nothing, and tell what would be removed.")


@router.post(
    "",
    status_code=202,
    operation_id="clean_up",
    summary="Clean up now, or see what a cleanup would remove",
    response_model=Job,
    response_description="The job that does it, whose address is in `Location`. Its `result` counts files examined and "
    "deleted, their bytes, leftovers of killed processes, and entries of indexes.",
    responses=documented(
        "unauthorized", "forbidden", "unsupported_media_type", "too_large", "invalid_request", "queue_full"
    ),
    openapi_extra=documented_body(
        CleanupRequest, required=False, look=("What would be removed?", {"dry_run": True}), now=("Clean up now", {})
    ),
)
async def clean_up(request: Request) -> Response:
    """Files that no job and no upload needs any more are deleted, beside whatever goes on. It can be done at any time,
    and twice at once. For admins (ADMINS)."""
    context, owner = context_of(request), owner_of(request)
    if not is_admin(context, owner):
        raise Refusal("forbidden", "Only an admin (ADMINS) may clean up: it concerns the files of every owner.")
    asked = await receive(request, CleanupRequest, MAX_BODY_BYTES)
    submission = Submission(
        kind=CLEANUP.name,
        queue=CLEANUP.queue,
        owner=owner,
        params=CleanupParams(dry_run=asked.dry_run).model_dump_json(),
        request_id=request_id_of(request),
        address=address_of(request, context.settings),
    )
    return await respond(request, context, await context.enqueuer.enqueue(submission))
