"""Files for anyone who has their signed URL: `GET /f/{signed}`.

Nothing here depends on who asks: no key, no cookie. A file is streamed, never a redirect to the storage: what a browser
or a CDN keeps of a redirect would outlive the address that it names.
"""

import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from api.http.components import BINARY, documented_headers
from api.http.context import Context, process_context
from api.http.problems import documented, problem_of
from api.http.ranges import SANDBOXED, names, stream_blob
from api.public_files.live_files import KNOWN_S
from tasks import clock
from tasks.public_files.signing import PREFIX, SignedFile
from tasks.refusal import Refusal
from tasks.settings import DAY_S
from tasks.storage.content_disposition import content_disposition

router = APIRouter(prefix=PREFIX.rstrip("/"), tags=["public files"])

MAX_AGE_S: Final = DAY_S - int(KNOWN_S)
"""Seconds for which browsers and CDNs may keep a file: with what is remembered here a day at most, within which a
`DELETE` is true everywhere."""
SHOWN_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"})
"""What browsers may show: pictures that cannot have scripts."""
PDF: Final = "application/pdf"
PDF_POLICY: Final = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"
"""The Content-Security-Policy of a PDF that is shown: the viewers of browsers do not open one in a sandbox."""
FOR_ALL: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-None-Match, If-Range, Range",
    "Access-Control-Max-Age": str(DAY_S),
}

Signed = Annotated[str, Path(description="What a public URL has after `/f/`.", examples=["AfyL0kKXk.jpg"])]
BYTES: dict[str, Any] = {media_type: {"schema": BINARY} for media_type in ("application/octet-stream", "*/*")}
OF_FILE = documented_headers(
    **{
        "ETag": "The SHA-256 of the file in quotes.",
        "Accept-Ranges": "`bytes`.",
        "Cache-Control": "`public, immutable`, until the URL or the job expires, and at most for a day.",
        "Content-Disposition": "`inline` for pictures, and on the host of PUBLIC_FILES_URL for PDF; else `attachment`.",
        "Access-Control-Allow-Origin": "`*`.",
        "Cross-Origin-Resource-Policy": "`cross-origin`.",
    }
)
OF_PART = documented_headers(**{"Content-Range": "The first and the last byte of the part, and the size of the file."})
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": BYTES, "headers": OF_FILE},
    206: {"description": "The part that `Range` asks for.", "content": BYTES, "headers": OF_FILE | OF_PART},
    304: {"description": "The file has not changed (`If-None-Match`).", "headers": OF_FILE},
    **documented("not_found", "expired", "owner_suspended", "range_not_satisfiable"),
}


@router.get(
    "/{signed}", operation_id="get_public_file", summary="Get a public file", response_class=Response, responses=ANSWERS
)
async def get_public_file(request: Request, signed: Signed) -> Response:
    """The file of a signed URL, from a job or from `POST /v1/jobs/{job_id}/files/{name}/url`. It needs no API key.

    The response is 410 once the URL or the job has expired, 404 if the job was deleted or the URL was not made here,
    and 403 while the owner is suspended. `Range`, `If-Range` and `If-None-Match` are supported.
    """
    context = process_context(request)
    try:
        file, size, headers = await _found(request, context, signed)
        if names(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return await stream_blob(request, context.storage, file.blob, size, file.type, headers)
    except Refusal as refusal:
        return _refused(request, refusal)


@router.head(
    "/{signed}",
    operation_id="describe_public_file",
    summary="Get a public file's headers",
    response_class=Response,
    responses=ANSWERS,
)
async def describe_public_file(request: Request, signed: Signed) -> Response:
    """The headers of the file, without reading the storage."""
    try:
        file, size, headers = await _found(request, process_context(request), signed)
    except Refusal as refusal:
        return _refused(request, refusal)
    if names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(headers=headers | {"Content-Length": str(size)}, media_type=file.type)


@router.options("/{signed}", include_in_schema=False)
async def preflight_public_file(signed: Signed) -> Response:  # noqa: ARG001 - of any
    """Any page may read a public file."""
    return Response(status_code=204, headers=PREFLIGHT)


async def _found(request: Request, context: Context, signed: str) -> tuple[SignedFile, int, dict[str, str]]:
    """The file, its bytes, and the headers of the response.

    Raises:
        Refusal: `not_found`, `expired`, `owner_suspended`.
    """
    file = context.public_files.signer.read(signed)
    if file is None:
        raise _unknown()
    now_s = time.time()
    if file.expires_at_s is not None and now_s >= file.expires_at_s:
        raise Refusal("expired", "This URL has expired. Ask for a new one.")
    found = await context.live_jobs.find(file)
    if found is None:
        raise _unknown()
    live, size = found
    if (await context.accounts.owner(live.owner)).suspended:
        raise Refusal("owner_suspended", "This file cannot be shown, for its owner is suspended.")
    if clock.now_ms() >= live.expires_at_ms:
        raise Refusal("expired", "The job of this file has expired, and the file was removed.")
    left_s = min(live.expires_at_ms // 1000, file.expires_at_s or live.expires_at_ms // 1000) - int(now_s)
    return file, size, _headers(request, context, file, left_s)


def _headers(request: Request, context: Context, file: SignedFile, left_s: int) -> dict[str, str]:
    is_pdf = file.type == PDF and context.host_policy.is_files_host(request.headers)
    inline = file.inline and (is_pdf or file.type in SHOWN_TYPES)
    return {
        "ETag": f'"{file.blob}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"public, max-age={max(min(left_s, MAX_AGE_S), 0)}, immutable",
        "Content-Disposition": content_disposition("inline" if inline else "attachment", file.name),
        "Content-Security-Policy": PDF_POLICY if inline and is_pdf else SANDBOXED,
        **FOR_ALL,
    }


def _refused(request: Request, refusal: Refusal) -> Response:
    """A problem that no CDN keeps, and that a page of any origin may read."""
    response = problem_of(request, refusal)
    response.headers.update({"Cache-Control": "no-store", **FOR_ALL})
    return response


def _unknown() -> Refusal:
    return Refusal("not_found", "There is no file at this URL. It was deleted, or the URL is not complete.")
