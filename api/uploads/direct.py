"""Uploads that go straight into the storage: `/v1/uploads/direct` says where to, `…/completion` that they are there."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import json_of
from api.http.caller import Caller, caller_of
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import documented_query, query_of
from api.images.by_token import accept_image, respond_by_token
from api.labels import LabelFields, labels_of
from api.uploads.endpoints import StoredUpload, UploadId, view
from api.uploads.finishing import finish
from api.uploads.receive import Upload, clean
from api.uploads.token_limits import TOKEN_REFUSALS, TokenUpload
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.uploads.incoming import IncomingStore, IncomingUpload, NewIncoming, unfinished, unknown_upload
from tasks.uploads.store import find_upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

UNFINISHED_S = 3_600
"""Seconds after which what was not completed is removed. DIRECT_UPLOAD_S is shorter."""
RETRY_AFTER_S = 1
MEDIA_TYPE = r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$"


class DirectUploadRequest(LabelFields):
    """A file that is to go straight into the storage."""

    model_config = ConfigDict(extra="forbid")

    max_bytes: int | None = Field(
        None,
        gt=0,
        description="The most bytes that the file may have, which count for the owner until the upload is completed. "
        "The default is MAX_UPLOAD_BYTES (52428800). With the purpose `any` it may be up to MAX_DATASET_BYTES.",
    )
    purpose: Literal["any", "image"] = Field(
        "any", description="`image`: the file must be an image, of at most MAX_UPLOAD_BYTES."
    )
    type: str | None = Field(
        None, pattern=MEDIA_TYPE, description="The media type that the form must name.", examples=["image/jpeg"]
    )
    name: str | None = Field(None, max_length=255, description="A name to show, such as the file's name.")
    method: Literal["POST", "PUT"] = Field(
        "POST",
        description="`POST`: a form, of which the storage itself checks key, size and time. `PUT`: the plain body, "
        "whose size is checked when the upload is completed.",
    )


class DirectUpload(BaseModel):
    """Where to send a file. The upload exists once it was completed."""

    id: str = Field(description="The id that the upload will have.")
    method: Literal["POST", "PUT"] = Field(description="The method of the request.")
    url: str = Field(description="Where to send it. It works without an API key, for this one upload.")
    fields: dict[str, str] = Field(
        description="Fields of the form. Send them as they are, and after them the file, as the field `file`."
    )
    headers: dict[str, str] = Field(description="Headers that the request must have.")
    max_bytes: int = Field(description="The most bytes that the file may have.")
    expires_at: datetime = Field(description="Until when the request may be sent.")


class UnfinishedUpload(BaseModel):
    """An upload that is being checked."""

    id: str = Field(description="The upload's id.")
    state: Literal["checking"] = Field(description="A worker checks the file. Ask again.")


class CompletionQuery(BaseModel):
    """The query parameters of a completion."""

    model_config = ConfigDict(extra="forbid")

    wait: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Seconds to wait for the check; MAX_WAIT_S without it.",
        examples=[5],
    )


@router.post(
    "/direct",
    status_code=201,
    operation_id="create_direct_upload",
    summary="Create a direct upload",
    response_model=DirectUpload,
    responses=documented(
        *("unauthorized", "invalid_request", "malformed_request", "unsupported_media_type", "too_large"),
        *("no_direct_uploads", "too_many_uploads", "redis_full"),
    ),
    openapi_extra=documented_body(DirectUploadRequest, photo=("A photo", {"purpose": "image", "name": "photo.jpg"})),
)
@requires("images", "reports")
async def create_direct_upload(request: Request) -> Response:
    """For a storage that signs requests: S3, and with `PUT` Google Cloud Storage and Azure too. The bytes do not pass
    through this service. Send the request, then `POST /v1/uploads/{id}/completion`. What is not completed is removed
    within an hour."""
    caller = caller_of(request)
    settings, storage = caller.context.settings, caller.context.storage
    asked = await receive(request, DirectUploadRequest, settings.max_params_bytes)
    labels = labels_of(settings, asked)
    limit = settings.max_upload_bytes if asked.purpose == "image" else settings.max_dataset_bytes
    # Not the whole limit: so much of the owner's quota would be taken for an hour by each file, however small.
    max_bytes = asked.max_bytes or min(settings.max_upload_bytes, limit)
    if max_bytes > limit:
        message = f"max_bytes: {max_bytes} is more than the limit of {limit} bytes. Send a smaller file."
        raise Refusal("too_large", message, field="max_bytes", limit=limit)
    caller.check_room()
    await caller.check_bytes(max_bytes)
    new = NewIncoming(
        way=asked.method,
        length=max_bytes,
        name=clean(asked.name),
        picture=asked.purpose == "image",
        tags=labels.tags,
        metadata=labels.metadata,
    )
    seconds, most = settings.direct_upload_s, settings.max_unfinished_uploads
    store = IncomingStore(caller.context.redis)
    upload = await store.create(caller.owner, new, seconds=UNFINISHED_S - 60, most=most)
    place = await storage.incoming.direct_place(
        upload.id, method=asked.method, max_bytes=max_bytes, seconds=seconds, type=asked.type
    )
    if place is None:
        await store.drop(upload)
        raise Refusal(
            "no_direct_uploads",
            f"The storage of this service signs no {asked.method} requests. Upload with POST /v1/uploads, or in parts "
            "under /v1/uploads/resumable.",
            field="method",
        )
    answer = DirectUpload(
        id=upload.id,
        method=asked.method,
        url=place.url,
        fields=place.fields,
        headers=place.headers,
        max_bytes=max_bytes,
        expires_at=from_ms(upload.created_at + seconds * 1000),
    )
    headers = {"Location": f"/v1/uploads/{upload.id}", "Cache-Control": "no-store"}
    return Response(json_of(answer), 201, headers, "application/json")


_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {
        "model": UnfinishedUpload | TokenUpload,
        "description": "The check has not ended: ask again. Or, to an upload token for images, the new job.",
    }
}


@router.post(
    "/{upload_id}/completion",
    operation_id="complete_upload",
    summary="Check a sent upload",
    response_model=StoredUpload | TokenUpload,
    response_description="The upload, which jobs can use now. To an upload token for images, the job of the image.",
    responses=_RESPONSES
    | documented(
        *("unauthorized", "invalid_request", "not_found", "upload_unfinished", "too_large", "no_file"),
        *("unsupported_format", "upload_incomplete", "queue_full", "owner_queue_full", "redis_full", "failed"),
        *TOKEN_REFUSALS,
    ),
    openapi_extra=documented_query(CompletionQuery),
)
@requires("images", "reports")
async def complete_upload(request: Request, upload_id: UploadId) -> Response:
    """Says that the bytes of a direct upload are in the storage. A worker checks size and type, and stores the file
    under its hash; only then jobs can use the upload. Repeat it as often as you like: an id is one upload."""
    caller, wait = caller_of(request), query_of(request, CompletionQuery).wait
    context, token = caller.context, caller.access.upload_token
    if token is not None:
        sent = await IncomingStore(context.redis).find(caller.owner, upload_id)
        if sent is None or sent.token != token.id:
            raise unknown_upload(upload_id)
    stored = await find_upload(context.redis, caller.owner, upload_id)
    if stored is None:
        upload = await IncomingStore(context.redis).find(caller.owner, upload_id)
        if upload is None or upload.stored:
            raise unknown_upload(upload_id)
        await _check_arrived(caller, upload)
        most = context.settings.max_wait_s
        stored = await finish(caller, upload, most if wait is None else min(wait, most))
    if stored is None:
        headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
        return Response(json_of(UnfinishedUpload(id=upload_id, state="checking")), 202, headers, "application/json")
    if token is not None and token.grant.target == "images":
        image = Upload(stored.blob, stored.name)
        submitted = await accept_image(caller, token, image, upload_id=upload_id)
        return respond_by_token(token, submitted)
    if token is not None:
        stored = replace(stored, tags=(), metadata={})  # they are what the minter notes, for itself
    return Response(json_of(view(stored)), 200, {"Cache-Control": "no-store"}, "application/json")


async def _check_arrived(caller: Caller, upload: IncomingUpload) -> None:
    """Look whether all bytes are there, and not too many: a plain PUT may send any number, so that it is asked at once.

    Raises:
        Refusal: `upload_unfinished`, `too_large`.
    """
    if upload.way == "tus":
        if not upload.complete:
            raise unfinished(upload)
        return
    incoming = caller.context.storage.incoming
    size = await incoming.size(upload.id)
    if size is None:
        raise unfinished(upload)
    if size > upload.length:
        await IncomingStore(caller.context.redis).drop(upload)
        await incoming.delete(upload.id)
        message = f"The file has {size} bytes, more than the {upload.length} bytes that were allowed. It was removed."
        raise Refusal("too_large", message, limit=upload.length)
