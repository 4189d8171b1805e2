"""Start a cleanup: `POST /v1/cleanup`, for admins."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from api.http.access.scopes import requires
from api.http.caller import admin_of
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.jobs.submitted import respond
from api.jobs.views import Job
from tasks.maintenance.cleanup import CLEANUP, CleanupParams

router = APIRouter(prefix="/v1/cleanup", tags=["operations"])

MAX_BODY_BYTES = 1024


class CleanupRequest(BaseModel):
    """Options of a cleanup."""

    model_config = ConfigDict(extra="forbid")

    dry_run: StrictBool = Field(False, description="Remove nothing; only report what would be removed.")


@router.post(
    "",
    status_code=202,
    operation_id="clean_up",
    summary="Run a cleanup",
    response_model=Job,
    response_description="The job that does it, with its path in `Location`. Its `result` counts the files examined "
    "and deleted, their bytes, leftovers of killed processes, and index entries.",
    responses=documented("unauthorized", "forbidden", "unsupported_media_type", "too_large", "invalid_request"),
    openapi_extra=documented_body(
        CleanupRequest,
        required=False,
        look=("Report what would be removed", {"dry_run": True}),
        now=("Clean up now", {}),
    ),
)
@requires("admin")
async def clean_up(request: Request) -> Response:
    """Deletes files that no job and no upload needs any more. It is safe at any time, also while another cleanup runs.
    For admins (see ADMINS).
    """
    caller = admin_of(request)
    requested = await receive(request, CleanupRequest, MAX_BODY_BYTES)
    return await respond(caller, await caller.submit(CLEANUP, CleanupParams(dry_run=requested.dry_run)))
