"""Submitting pictures: `POST /v1/images`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from api.accepted import answer
from api.context import Context, context_of, owner_of, request_id_of
from api.json_body import JSON_TYPE
from api.multipart import Multipart
from api.named_images import receive_named
from api.problems import documented
from api.query import refuse_unknown
from api.uploads import FORM_OVERHEAD_BYTES, FormUploads, Upload, check_length, counted, receive_raw
from api.variants import parse_variants
from api.views import EXAMPLE_UPLOAD, Job, Jobs
from tasks.queue.enqueue import Submission
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.thumbnail.kind import THUMBNAIL, ThumbnailParams
from tasks.thumbnail.kind import Upload as StoredUpload
from tasks.thumbnail.variants import Variant, variants_of

router = APIRouter(prefix="/v1/images", tags=["images"])

DEFAULT_PRESET = "default"
RAW_TYPES = ("image/", "application/octet-stream")
REFUSALS = (
    "unauthorized",
    "not_found",
    "expired",
    "too_large",
    "params_too_large",
    "unsupported_media_type",
    "unsupported_format",
    "no_file",
    "too_many_files",
    "invalid_request",
    "invalid_params",
    "key_reused",
    "queue_full",
)

OWN_VARIANTS = '[{"name": "card", "width": 320, "height": 180, "fit": "cover", "format": "webp"}]'
PRESET_EXAMPLE = {"summary": "A preset", "value": "avatar"}
OWN_EXAMPLE = {"summary": "Variants of your own", "value": OWN_VARIANTS}
FILE: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}
# The body is streamed, so FastAPI sees no model of it; a file stands for itself by its name in the examples.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One picture as it is, a form with one or several, or the id of an upload. Its format is told "
        "by its content.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": FILE, "description": "One part for each picture."},
                        "variants": {"type": "string", "description": "As the query parameter."},
                    },
                },
                "examples": {
                    "one": {"summary": "One picture", "value": {"file": ["photo.jpg"]}},
                    "several": {
                        "summary": "Several pictures, variants of your own",
                        "value": {"file": ["photo.jpg", "logo.png"], "variants": OWN_VARIANTS},
                    },
                },
            },
            "image/*": {"schema": FILE, "examples": {"jpeg": {"summary": "A picture", "value": "photo.jpg"}}},
            "application/octet-stream": {
                "schema": FILE,
                "examples": {"any": {"summary": "A picture", "value": "logo.png"}},
            },
            JSON_TYPE: {
                "schema": {"$ref": "#/components/schemas/ImageRequest"},
                "examples": {
                    "upload": {
                        "summary": "A picture that is here already",
                        "value": {"upload": EXAMPLE_UPLOAD, "variants": "avatar"},
                    }
                },
            },
        },
    }
}


@router.post(
    "",
    status_code=202,
    operation_id="submit_images",
    summary="Submit pictures",
    response_model=Job | Jobs,
    response_description="One picture: its job, whose address is in `Location`. Several: `jobs`, one each, in order.",
    responses={
        200: {
            "model": Job | Jobs,
            "description": "This Idempotency-Key was used before, with the same content: the job as it is now.",
        },
        **documented(*REFUSALS),
    },
    openapi_extra=BODY,
)
async def submit_images(
    request: Request,
    variants: Annotated[str | None, Query(openapi_examples={"preset": PRESET_EXAMPLE, "own": OWN_EXAMPLE})] = None,
    name: Annotated[
        str | None, Query(max_length=255, description="The file's name, for a body that is the picture itself.")
    ] = None,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, examples=["order-4711"])] = None,
) -> Response:
    """Thumbnails of each picture, as `variants` asks: the name of a preset (or `default`), or a JSON list.

    All files of a form are checked and stored before the first job is made. With an `Idempotency-Key` a submit can be
    repeated safely: the same content gives the same job, with status 200. Each file of a form has a key of its own,
    made from yours and its place.
    """
    refuse_unknown(request, "variants", "name")
    context, owner = context_of(request), owner_of(request)
    uploads, chosen = await _receive(request, context, variants, name)
    submissions = [
        _submission(owner, upload, chosen, _key_of(idempotency_key, number), request_id_of(request))
        for number, upload in enumerate(uploads)
    ]
    accepted = [await context.intake.accept(submission) for submission in submissions]
    return await answer(request, context, accepted)


async def _receive(
    request: Request, context: Context, variants: str | None, name: str | None
) -> tuple[list[Upload], tuple[Variant, ...]]:
    """Store what the request carries. Its variants are read first, if they come first."""
    content_type = request.headers.get("content-type", RAW_TYPES[-1])
    chosen = None if variants is None else parse_variants(variants)
    settings, storage = context.settings, context.storage
    async with aclosing(request.stream()) as body:
        if content_type.lower().startswith("multipart/form-data"):
            form = _form(request, body, content_type, settings)
            uploads = FormUploads(form, storage, settings, "variants", parse_variants)
            received = await uploads.receive()
            return received, uploads.value or chosen or variants_of(DEFAULT_PRESET)
        if content_type.lower().startswith(JSON_TYPE):
            return await receive_named(request, body, context, chosen)
        if not content_type.lower().startswith(RAW_TYPES):
            raise Refusal(
                "unsupported_media_type",
                "Send multipart/form-data, a picture as image/* or application/octet-stream, or application/json; "
                f"not {content_type}.",
                field="Content-Type",
            )
        check_length(request.headers.get("content-length"), settings.max_upload_bytes)
        upload = await receive_raw(body, storage, settings.max_upload_bytes, name)
        return [upload], chosen or variants_of(DEFAULT_PRESET)


def _form(request: Request, body: AsyncGenerator[bytes], content_type: str, settings: Settings) -> Multipart:
    limit = settings.max_files_per_request * settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    check_length(request.headers.get("content-length"), limit)
    return Multipart(counted(body, limit), content_type)


def _key_of(idempotency_key: str | None, number: int) -> str | None:
    # No header holds a line feed, so that these keys can be nobody else's.
    return f"{idempotency_key}\n{number}" if idempotency_key and number else idempotency_key


def _submission(
    owner: str, upload: Upload, variants: tuple[Variant, ...], key: str | None, request_id: str
) -> Submission:
    stored = StoredUpload(blob=upload.blob.sha256, bytes=upload.blob.bytes)
    return Submission(
        kind=THUMBNAIL.name,
        queue=THUMBNAIL.queue,
        owner=owner,
        params=ThumbnailParams(upload=stored, variants=variants).model_dump_json(exclude_none=True),
        blobs=(upload.blob.sha256,),
        name=upload.name,
        idempotency_key=key,
        request_id=request_id,
    )
