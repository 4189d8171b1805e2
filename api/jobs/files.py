"""Downloads: the outputs of a job."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from api.http.access.scopes import requires
from api.http.caller import caller_of
from api.http.components import BINARY, documented_headers
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from api.http.ranges import SANDBOXED, names, stream_blob
from api.jobs.get import JobId, find_unexpired
from tasks.queue.records.record import Record, State
from tasks.refusal import Refusal
from tasks.storage.content_disposition import attachment

router = APIRouter(prefix="/v1/jobs/{job_id}/files", tags=["jobs"])

PRESIGNED_S = 300
"""Seconds that a presigned URL of the storage stays valid."""


class FileQuery(OwnerQuery):
    """The query parameters of a download."""

    redirect: bool = Field(
        True,
        description="Whether the response may redirect to the storage. With `false` the service sends the bytes, for "
        "pages that load nothing from other sites.",
        examples=["false"],
    )


FileName = Annotated[str, Path(description="The name of one of the job's `files`.", examples=["small.jpg"])]
BYTES: dict[str, Any] = {media_type: {"schema": BINARY} for media_type in ("application/octet-stream", "*/*")}
"""Of any type, which the job's `files` list. Clients that are generated know the first as a file."""
OF_FILE = documented_headers(
    **{
        "ETag": "The SHA-256 of the file in quotes.",
        "Accept-Ranges": "`bytes`.",
        "Cache-Control": "`private`, until the job expires.",
        "Content-Disposition": "`attachment`, with the name of the file.",
    }
)
OF_PART = documented_headers(**{"Content-Range": "The first and the last byte of the part, and the size of the file."})
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, with the media type listed in the job's `files`.",
        "content": BYTES,
        "headers": OF_FILE,
    },
    206: {
        "description": "The part of the file that `Range` asks for.",
        "content": BYTES,
        "headers": OF_FILE | OF_PART,
    },
    304: {"description": "The file has not changed (`If-None-Match`).", "headers": OF_FILE},
    307: {
        "description": "The storage serves the file itself; follow the URL in `Location`.",
        "headers": documented_headers(Location="The URL of the file, valid for five minutes."),
    },
    **documented(*OF_OWNER, "not_ready", "expired", "range_not_satisfiable"),
}


@router.get(
    "/{name}",
    operation_id="download_file",
    summary="Download a file",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra=documented_query(FileQuery),
)
@requires("jobs:read")
async def download_file(request: Request, job_id: JobId, name: FileName) -> Response:
    """The ETag is the SHA-256 of the bytes. `Range`, `If-Range` and `If-None-Match` are supported.

    If the storage can serve the file itself, under this name and media type, the response redirects to it: S3 can.
    `redirect=false` has the service send it.
    """
    query = query_of(request, FileQuery)
    caller = caller_of(request).acting_for(query.owner)
    record = await find_unexpired(caller, job_id)
    file = file_of(record, name)
    headers = _headers(record, file)
    if names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    storage = caller.context.storage
    if query.redirect and (
        url := await storage.presign(file["blob"], PRESIGNED_S, type=file["type"], filename=file["name"])
    ):
        return RedirectResponse(url, headers={"Cache-Control": "no-store"})
    return await stream_blob(request, storage, file["blob"], file["bytes"], file["type"], headers)


@router.head(
    "/{name}",
    operation_id="describe_file",
    summary="Get a file's headers",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra=documented_query(FileQuery),
)
@requires("jobs:read")
async def describe_file(request: Request, job_id: JobId, name: FileName) -> Response:
    """Returns the headers of the download without reading the storage."""
    query = query_of(request, FileQuery)
    caller = caller_of(request).acting_for(query.owner)
    record = await find_unexpired(caller, job_id)
    file = file_of(record, name)
    headers = _headers(record, file)
    if names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(headers=headers | {"Content-Length": str(file["bytes"])}, media_type=file["type"])


def file_of(record: Record, name: str) -> dict[str, Any]:
    """The file of this name. Raises: Refusal `not_ready`, `not_found`."""
    if record.state is not State.SUCCEEDED:
        raise Refusal("not_ready", f"The job is {record.state}; only one that has succeeded has files.")
    for file in record.files:
        if file["name"] == name:
            return file
    raise Refusal(
        "not_found",
        f"The job has no file {name!r}; it has {', '.join(file['name'] for file in record.files) or 'none'}.",
    )


def _headers(record: Record, file: dict[str, Any]) -> dict[str, str]:
    left_s = max((record.expires_at or 0) // 1000 - int(time.time()), 0)
    return {
        "ETag": f'"{file["blob"]}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={left_s}, immutable",
        "Content-Disposition": attachment(file["name"]),
        "Content-Security-Policy": SANDBOXED,
    }
