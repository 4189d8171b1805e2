"""Resumable uploads by tus 1.0: `/v1/uploads/resumable`. A complete one is as `POST /v1/uploads` makes it."""

from datetime import datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.http.access.scopes import requires
from api.http.caller import Caller, caller_of
from api.http.checks import Checks
from api.http.components import BINARY
from api.http.problems import documented
from api.labels import Labels, read_metadata, read_tags
from api.uploads import tus
from api.uploads.finishing import finish
from api.uploads.receive import clean
from api.uploads.receive_parts import receive_parts
from api.uploads.token_limits import TOKEN_REFUSALS, refuse_fields
from tasks.accounts.tokens.upload_tokens import UploadToken
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.settings.limits import LimitSettings
from tasks.uploads.incoming import IncomingStore, IncomingUpload, NewIncoming, Receipt, unknown_upload
from tasks.uploads.store import find_upload, forget

router = APIRouter(prefix=tus.PATH, tags=["uploads"])

EXAMPLE_RESUMABLE = "7c1f0a9b8d3e4f52a6b7c8d9e0f1a2b3"
ResumableId = Annotated[
    str, Path(description="The upload's id, from the `Location` of its creation.", examples=[EXAMPLE_RESUMABLE])
]

PURPOSES = ("image", "any")
MOST_BYTES = LimitSettings().max_dataset_bytes
OF_NOTHING = "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="  # of no bytes


def header(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A header in OpenAPI."""
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


VERSION_HEADER = header(
    "Tus-Resumable",
    "The version of the protocol.",
    {"type": "string", "enum": [tus.VERSION], "examples": [tus.VERSION]},
)
OFFSET_HEADER = header(
    "Upload-Offset",
    "Where the first byte of the body belongs.",
    {"type": "integer", "minimum": 0, "maximum": MOST_BYTES, "examples": [0]},
)
LENGTH_HEADER = header(
    "Upload-Length",
    "The bytes of the whole file. MAX_DATASET_BYTES (524288000) limits them.",
    {"type": "integer", "minimum": 1, "maximum": MOST_BYTES, "examples": [1_048_576]},
)
CHECKSUM_HEADER = header(
    "Upload-Checksum",
    "`sha1` or `sha256`, a space, and the base64 of the body's digest. Nothing is kept unless the whole body arrives.",
    {"type": "string", "pattern": "^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=)$", "examples": [OF_NOTHING]},
)
METADATA_HEADER = header(
    "Upload-Metadata",
    "Keys and the base64 of their values: `filename`, `filetype`, `tags` and `metadata` (as of an upload), and "
    "`purpose`: `image` for a file that must be an image of at most MAX_UPLOAD_BYTES. `name`, `type` and "
    "`relativePath` are accepted, since Uppy sends them.",
    {"type": "string", "examples": ["filename cGhvdG8uanBn"]},
)


def parameters(*headers: dict[str, Any], required: tuple[str, ...] = ("Tus-Resumable",)) -> dict[str, Any]:
    """Headers of an operation in OpenAPI."""
    return {"parameters": [{**one, "required": one["name"] in required} for one in headers]}


def body(*, required: bool) -> dict[str, Any]:
    """The body of a request that sends bytes. The example sends none, and so goes with any offset."""
    examples = {"nothing": {"summary": "No bytes yet", "value": ""}} if required else {}
    content = {tus.CONTENT_TYPE: {"schema": BINARY, "examples": examples}}
    return {"requestBody": {"required": required, "description": "Bytes of the file.", "content": content}}


@router.options(
    "",
    status_code=204,
    operation_id="get_upload_protocol",
    summary="Get the upload protocol",
    response_class=Response,
    responses=documented("unauthorized"),
)
@requires("images", "reports")
async def get_upload_protocol(request: Request) -> Response:
    """The versions, extensions and limits of the tus protocol, in headers."""
    headers = {
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(caller_of(request).context.settings.max_dataset_bytes),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "",
    status_code=201,
    operation_id="create_resumable_upload",
    summary="Create a resumable upload",
    response_class=Response,
    responses=documented(
        *("unauthorized", "unsupported_protocol", "invalid_request", "too_large", "no_file", "too_many_uploads"),
        *("unsupported_media_type", "redis_full", "offset_conflict", "part_too_small", "checksum_mismatch"),
        *("not_found", "queue_full", "owner_queue_full", "unsupported_format", "upload_incomplete", "failed"),
        *TOKEN_REFUSALS,
    ),
    openapi_extra=parameters(
        VERSION_HEADER, LENGTH_HEADER, METADATA_HEADER, CHECKSUM_HEADER, required=("Tus-Resumable", "Upload-Length")
    )
    | body(required=False),
)
@requires("images", "reports")
async def create_resumable_upload(request: Request) -> Response:
    """By tus 1.0: `Location` is where the bytes go, with PATCH; its last segment is the id of the upload. A body with
    the Content-Type `application/offset+octet-stream` brings the first bytes at once.

    When the last byte has arrived, a worker checks the file and stores it; the answer to the last bytes waits for that,
    up to MAX_WAIT_S. Bytes that have not all arrived within KEEP_UNFINISHED_UPLOADS_S are removed.
    """
    tus.check_version(request.headers)
    caller = caller_of(request)
    settings = caller.context.settings
    new = _new(settings, request, caller.access.upload_token)
    has_body = "content-type" in request.headers
    if has_body:
        _check_content_type(request)
    caller.check_room()
    await caller.check_bytes(new.length)
    store = IncomingStore(caller.context.redis)
    seconds, most = settings.keep_unfinished_uploads_s, settings.max_unfinished_uploads
    if new.token:  # pages leave half of them to the owner's own keys
        seconds, most = min(seconds, settings.keep_unfinished_token_uploads_s), max(1, most // 2)
    upload = await store.create(caller.owner, new, seconds=seconds, most=most)
    receipt = Receipt(upload, 0)
    if has_body:
        await _receive(request, caller, receipt)
    headers = {"Location": f"{tus.PATH}/{upload.id}", **_progress(receipt.offset, upload)}
    return Response(status_code=201, headers=headers)


@router.head(
    "/{resumable_id}",
    operation_id="get_resumable_upload",
    summary="Get a resumable upload",
    response_class=Response,
    responses=documented(
        "unauthorized", "unsupported_protocol", "not_found", "queue_full", "owner_queue_full", *TOKEN_REFUSALS
    ),
    openapi_extra=parameters(VERSION_HEADER),
)
@requires("images", "reports")
async def get_resumable_upload(request: Request, resumable_id: ResumableId) -> Response:
    """`Upload-Offset` says how many bytes have arrived: PATCH goes on there."""
    caller, upload = await _find(request, resumable_id)
    if upload.complete and not upload.stored:
        await finish(caller, upload, 0)  # in case the process that had the last byte has died
    headers = {**_progress(upload.offset, upload), "Upload-Length": str(upload.length), "Cache-Control": "no-store"}
    if upload.about:
        headers["Upload-Metadata"] = upload.about
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{resumable_id}",
    status_code=204,
    operation_id="append_to_resumable_upload",
    summary="Send bytes of an upload",
    response_class=Response,
    responses=documented(
        *("unauthorized", "unsupported_protocol", "invalid_request", "too_large", "unsupported_media_type"),
        *("offset_conflict", "too_many_parts", "part_too_small", "checksum_mismatch", "not_found"),
        *("queue_full", "owner_queue_full", "unsupported_format", "upload_incomplete", "failed", "redis_full"),
        *TOKEN_REFUSALS,
    ),
    openapi_extra=parameters(
        VERSION_HEADER, OFFSET_HEADER, CHECKSUM_HEADER, required=("Tus-Resumable", "Upload-Offset")
    )
    | body(required=True),
)
@requires("images", "reports")
async def append_to_resumable_upload(request: Request, resumable_id: ResumableId) -> Response:
    """Of a body that is cut, what has arrived is kept. While two requests send the same bytes, the later one wins, and
    the other is answered 409. A body has at least MIN_UPLOAD_PART_BYTES bytes, unless it is the last."""
    _check_content_type(request)
    caller, upload = await _find(request, resumable_id)
    receipt = Receipt(upload, tus.number_of(request.headers, "Upload-Offset"))
    if receipt.offset > upload.length:
        message = f"Upload-Offset: {receipt.offset} is beyond the {upload.length} bytes of the upload."
        raise Refusal("invalid_request", message, field="Upload-Offset", limit=upload.length)
    await _receive(request, caller, receipt)
    return Response(status_code=204, headers=_progress(receipt.offset, upload))


@router.delete(
    "/{resumable_id}",
    status_code=204,
    operation_id="delete_resumable_upload",
    summary="Delete a resumable upload",
    response_class=Response,
    responses=documented("unauthorized", "unsupported_protocol", "not_found", *TOKEN_REFUSALS),
    openapi_extra=parameters(VERSION_HEADER),
)
@requires("images", "reports")
async def delete_resumable_upload(request: Request, resumable_id: ResumableId) -> Response:
    """Removes what has arrived; or, when it is complete, the upload. An upload token cannot delete a complete one."""
    caller, upload = await _find(request, resumable_id)
    context = caller.context
    is_page = caller.access.upload_token is not None
    if is_page and (upload.stored or await find_upload(context.redis, caller.owner, resumable_id)):
        message = f"Upload {resumable_id!r} is complete. An upload token may delete only uploads that are not."
        raise Refusal("token_forbids", message, field="Authorization")
    await IncomingStore(context.redis).drop(upload)  # first: from now on its job keeps nothing
    stored = await find_upload(context.redis, caller.owner, resumable_id)
    if stored is not None and not is_page:
        await forget(context.redis, stored)
    await context.storage.incoming.delete(resumable_id)
    return Response(status_code=204)


async def _find(request: Request, upload_id: str) -> tuple[Caller, IncomingUpload]:
    """Raises: Refusal `unsupported_protocol`, `not_found`."""
    tus.check_version(request.headers)
    caller = caller_of(request)
    upload = await IncomingStore(caller.context.redis).find(caller.owner, upload_id)
    token = caller.access.upload_token
    if upload is None or upload.way != "tus" or (token and upload.token != token.id):
        raise unknown_upload(upload_id)
    return caller, upload


async def _receive(request: Request, caller: Caller, receipt: Receipt) -> None:
    """Store the body; after the last byte submit the job, and wait for it. Raises: as `receive_parts` and `finish`."""
    upload = receipt.upload
    await receive_parts(request, caller.context, receipt, tus.checksum_of(request.headers))
    if receipt.offset == upload.length:
        await finish(caller, upload, caller.context.settings.max_wait_s)


def _new(settings: Settings, request: Request, token: UploadToken | None) -> NewIncoming:
    """What the headers of a creation say, and the upload token that it has come with.

    Raises:
        Refusal: `invalid_request`, `too_large`, `no_file`, `token_forbids`.
    """
    checks, headers = Checks(), request.headers
    checks.run(lambda: tus.refuse_unsupported(headers))
    given = checks.run(lambda: tus.metadata_of(headers)) or {}
    length = checks.run(lambda: tus.number_of(headers, "Upload-Length"))
    if token is not None:
        refuse_fields([name for name in ("tags", "metadata", "purpose") if name in given], checks)
        checks.done()
        given["purpose"] = "image" if token.grant.target == "images" else "any"
    labels = checks.run(lambda: _labels(settings, given, token)) or Labels()
    purpose = given.get("purpose", "any")
    if purpose not in PURPOSES:
        message = f"Upload-Metadata: purpose {purpose!r} is unknown. The purposes are {' and '.join(PURPOSES)}."
        checks.add(Refusal("invalid_request", message, field="Upload-Metadata"))
    checks.done()
    limit = settings.max_upload_bytes if purpose == "image" else settings.max_dataset_bytes
    if token is not None:
        limit = min(limit, token.grant.max_bytes)
    if length is None or length == 0:
        raise Refusal("no_file", "Upload-Length: The file is empty. Send a file.", field="Upload-Length")
    if length > limit:
        message = f"Upload-Length: {length} bytes are more than the limit of {limit} bytes. Send a smaller file."
        raise Refusal("too_large", message, field="Upload-Length", limit=limit)
    return NewIncoming(
        way="tus",
        length=length,
        name=clean(given.get("filename") or given.get("name")),
        picture=purpose == "image",
        tags=labels.tags,
        metadata=labels.metadata,
        about=headers.get("upload-metadata"),
        token=token.id if token else None,
        types=token.grant.types if token else (),
    )


def _labels(settings: Settings, given: dict[str, str], token: UploadToken | None) -> Labels:
    if token is not None:
        return Labels(tuple(token.grant.tags), token.grant.metadata)
    tags = read_tags(settings, given["tags"]) if "tags" in given else ()
    metadata = read_metadata(settings, given["metadata"]) if "metadata" in given else None
    return Labels(tags, metadata)


def _check_content_type(request: Request) -> None:
    """Raises: Refusal `unsupported_media_type`."""
    if (given := request.headers.get("content-type", "")) != tus.CONTENT_TYPE:
        message = f"Content-Type: {given!r} is not {tus.CONTENT_TYPE!r}, which the bytes of a resumable upload have."
        raise Refusal("unsupported_media_type", message, field="Content-Type")


def _progress(offset: int, upload: IncomingUpload) -> dict[str, str]:
    expires: datetime = from_ms(upload.expires_at)
    return {"Upload-Offset": str(offset), "Upload-Expires": format_datetime(expires, usegmt=True)}
