"""The picture that a job was given, for someone who looks for why it failed: `GET /v1/jobs/{job_id}/original`."""

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from api.http.access.scopes import requires
from api.http.caller import caller_for_owner
from api.http.components import BINARY, documented_headers
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.http.ranges import SANDBOXED, stream_blob
from api.jobs.get import JobId, find_unexpired
from tasks.blob_ref import BlobRef
from tasks.queue.records.record import Record
from tasks.refusal import Refusal
from tasks.storage.content_disposition import attachment
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.params import ThumbnailParams

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MEDIA_TYPE = "application/octet-stream"
"""Whatever it is: it may be no picture at all, and is for a file on a disk, not to be shown by a browser."""
NAME = "original"
"""Of the file, where the job has no name."""


@router.get(
    "/{job_id}/original",
    operation_id="download_original",
    summary="Download the original",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes, as they were sent.",
            "content": {MEDIA_TYPE: {"schema": BINARY}},
            "headers": documented_headers(
                **{"Content-Disposition": "`attachment`, with the name of the job.", "ETag": "The SHA-256 in quotes."}
            ),
        },
        206: {"description": "The part that `Range` asks for.", "content": {MEDIA_TYPE: {"schema": BINARY}}},
        **documented(*OF_OWNER, "expired", "range_not_satisfiable"),
    },
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def download_original(request: Request, job_id: JobId) -> Response:
    """The picture that was uploaded for a job, as long as the job needs it or may be retried: to look for why it
    failed. A picture that the job fetches from a URL is not kept.
    """
    caller = caller_for_owner(request)
    record = await find_unexpired(caller, job_id)
    original = _original_of(record)
    headers = {
        "ETag": f'"{original.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": attachment(record.name or NAME),
        "Content-Security-Policy": SANDBOXED,
    }
    return await stream_blob(request, caller.context.storage, original.sha256, original.bytes, MEDIA_TYPE, headers)


def _original_of(record: Record) -> BlobRef:
    if record.kind == THUMBNAIL.name:
        try:
            params = ThumbnailParams.model_validate_json(record.params)
        except ValidationError:  # those of a job that an ARQ client has enqueued may be anything
            params = None
        if params is not None and params.upload is not None:
            return params.upload
    raise Refusal("not_found", f"Job {record.id!r} was given no picture that is stored. Its params say what it reads.")
