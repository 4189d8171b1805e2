"""Uploads: files stored for later jobs, such as datasets and images: `/v1/uploads`."""

from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import json_of, uncached
from api.http.body import check_length, chunks_of
from api.http.caller import Caller, caller_for_owner, caller_of
from api.http.checks import Checks
from api.http.components import BINARY
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from api.jobs.views import EXAMPLE_UPLOAD
from api.labels import LABEL_HEADERS, LabelQuery, Labels, ShownMetadata, ShownTags, labels_of_request
from api.uploads.receive import clean, receive_any
from api.uploads.token_limits import TOKEN_REFUSALS, check_options, check_target
from tasks.accounts.tokens.upload_tokens import UploadToken
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.uploads.incoming import missing_upload
from tasks.uploads.store import UploadRecord, find_upload, forget, keep

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

FORM = "multipart/form-data"

UploadId = Annotated[str, Path(description="The upload's id, from `POST /v1/uploads`.", examples=[EXAMPLE_UPLOAD])]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The raw bytes of the file, not a form. The Content-Type is ignored.",
        "content": {
            "application/octet-stream": {
                "schema": BINARY,
                "examples": {"photo": {"summary": "An image", "value": "photo.jpg"}},
            },
            "*/*": {
                "schema": BINARY,
                "examples": {"photo": {"summary": "An image", "value": "photo.jpg"}},
            },
            "text/csv": {
                "schema": {"type": "string"},
                "examples": {"csv": {"summary": "A table", "value": "day,amount\n2026-11-20,9.50\n"}},
            },
        },
    }
}


class UploadQuery(LabelQuery):
    """The query parameters of an upload."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=255, description="A name to show, such as the file's name.")


class StoredUpload(BaseModel):
    """A stored file that jobs can use."""

    id: str = Field(description="The upload's id: 32 hex digits.", examples=[EXAMPLE_UPLOAD])
    name: str | None = Field(None, description="The name that was sent with it.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    bytes: int = Field(description="The size in bytes.")
    sha256: str = Field(description="The SHA-256 of the bytes, in hex.")
    created_at: datetime = Field(description="When it was uploaded.")
    expires_at: datetime = Field(
        description="When it expires. New jobs cannot use it from then on; existing jobs keep the file."
    )


@router.post(
    "",
    status_code=201,
    operation_id="upload",
    summary="Upload a file",
    response_model=StoredUpload,
    response_description="The upload, with its path in `Location`. To an upload token without its labels.",
    responses=documented(
        *("unauthorized", "too_large", "no_file", "unsupported_media_type", "invalid_request", "redis_full"),
        *TOKEN_REFUSALS,
    ),
    openapi_extra=BODY | {"parameters": [*LABEL_HEADERS, *documented_query(UploadQuery)["parameters"]]},
)
@requires("images", "reports")
async def upload(request: Request) -> Response:
    """Use the `id` in `POST /v1/reports` or `POST /v1/images`, as often as you like until it expires."""
    caller, checks = caller_of(request), Checks()
    if (token := caller.access.upload_token) is not None:
        return await _upload_by_token(request, caller, token)
    query = query_of(request, UploadQuery, checks)
    settings = caller.context.settings
    labels = checks.run(lambda: labels_of_request(settings, request.headers, query)) or Labels()
    checks.run(lambda: _check_type(request))
    checks.done()
    check_length(request.headers.get("content-length"), settings.max_dataset_bytes)
    caller.check_room()
    await caller.check_bytes(request.headers.get("content-length"))
    async with aclosing(chunks_of(request)) as body:
        blob = await receive_any(body, caller.context.storage, settings.max_dataset_bytes)
    kept = await keep(
        caller.context.redis,
        caller.owner,
        blob,
        name=clean(query.name),
        seconds=settings.keep_uploads_s,
        storage=caller.context.storage,
        tags=labels.tags,
        metadata=labels.metadata,
    )
    return Response(json_of(view(kept)), 201, {"Location": f"/v1/uploads/{kept.id}"}, "application/json")


@router.get(
    "/{upload_id}",
    operation_id="get_upload",
    summary="Get an upload",
    response_model=StoredUpload,
    responses=documented(*OF_OWNER, "upload_unfinished"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("images", "reports")
async def get_upload(request: Request, upload_id: UploadId) -> Response:
    """Returns the description of the upload, not its bytes."""
    found = await _find(caller_for_owner(request), upload_id)
    return Response(json_of(view(found)), headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.delete(
    "/{upload_id}",
    status_code=204,
    operation_id="delete_upload",
    summary="Delete an upload",
    response_class=Response,
    responses=documented(*OF_OWNER, "upload_unfinished"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("images", "reports")
async def delete_upload(request: Request, upload_id: UploadId) -> Response:
    """Jobs that already use the upload are not affected. The bytes are removed within minutes, unless a record needs
    them."""
    caller = caller_for_owner(request)
    await forget(caller.context.redis, await _find(caller, upload_id))
    return Response(status_code=204)


async def _upload_by_token(request: Request, caller: Caller, token: UploadToken) -> Response:
    check_target(token, "uploads")
    checks, context, grant = Checks(), caller.context, token.grant
    name = check_options(request, checks)
    checks.run(lambda: _check_type(request))
    checks.done()
    check_length(request.headers.get("content-length"), grant.max_bytes)
    caller.check_room()
    await caller.check_bytes(request.headers.get("content-length"))
    async with aclosing(chunks_of(request)) as body:
        blob = await receive_any(body, context.storage, grant.max_bytes, grant.types)
    kept = await keep(
        context.redis,
        caller.owner,
        blob,
        name=name,
        seconds=context.settings.keep_uploads_s,
        storage=context.storage,
        tags=grant.tags,
        metadata=grant.metadata,
        upload_token=token.id,
    )
    # The labels are what the minter notes, for itself.
    shown = view(kept).model_copy(update={"tags": None, "metadata": None})
    return uncached(shown, 201, Location=f"/v1/uploads/{kept.id}")


def _check_type(request: Request) -> None:
    if request.headers.get("content-type", "").lower().startswith(FORM):
        message = "Send the raw bytes of the file, not a form (curl --data-binary @file)."
        raise Refusal("unsupported_media_type", message, field="Content-Type")


async def _find(caller: Caller, upload_id: str) -> UploadRecord:
    found = await find_upload(caller.context.redis, caller.owner, upload_id)
    if found is None:
        raise await missing_upload(caller.context.redis, caller.owner, upload_id)
    return found


def view(kept: UploadRecord) -> StoredUpload:
    return StoredUpload(
        id=kept.id,
        name=kept.name,
        bytes=kept.blob.bytes,
        sha256=kept.blob.sha256,
        created_at=from_ms(kept.created_at),
        expires_at=from_ms(kept.expires_at),
        tags=list(kept.tags) or None,
        metadata=dict(kept.metadata) or None,
    )
