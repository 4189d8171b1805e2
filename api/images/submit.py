"""Submitting pictures: `POST /v1/images`."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from api.http.caller import Caller, RequestedOptions, caller_of
from api.http.json_body import JSON_TYPE
from api.http.multipart import Multipart
from api.http.problems import documented
from api.http.query import documented_query, query_of
from api.images.by_reference import Remote, receive_named
from api.images.variants import parse_variants
from api.jobs.notify import EXAMPLE_URL, encrypted_notify
from api.jobs.submit_options import SubmitOptions
from api.jobs.submitted import respond, respond_batch
from api.jobs.views import EXAMPLE_UPLOAD, Batch, Job
from api.uploads.receive import FORM_OVERHEAD_BYTES, FormUploads, Upload, check_length, counted, receive_raw
from tasks.queue.jobs.enqueue import Submission
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.thumbnail.kind import THUMBNAIL, ThumbnailParams
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
    "invalid_url",
    "address_refused",
    "invalid_secret",
)

OWN_VARIANTS = '[{"name": "card", "width": 320, "height": 180, "fit": "cover", "format": "webp"}]'
FILE: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}
# The body is streamed, so FastAPI sees no model of it; a file stands for itself by its name in the examples.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One picture as it is, a form with one or several, the id of an upload, or the address of a "
        "picture. Its format is told by its content.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": FILE, "description": "One part for each picture."},
                        "variants": {"type": "string", "description": "As the query parameter."},
                        "notify": {"type": "string", "description": "As the query parameter."},
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
                    },
                    "url": {
                        "summary": "A picture that is fetched from its address",
                        "value": {"url": "https://example.com/photos/cat.jpg", "variants": "avatar"},
                    },
                    "notify": {
                        "summary": "With whom to tell when it is done",
                        "value": {"upload": EXAMPLE_UPLOAD, "notify": {"url": EXAMPLE_URL}},
                    },
                },
            },
        },
    }
}


class ImageOptions(SubmitOptions):
    """What the address may say of pictures."""

    variants: str | None = Field(None, examples=["avatar", OWN_VARIANTS])
    name: str | None = Field(
        None, max_length=255, description="The file's name, for a body that is the picture itself."
    )


@router.post(
    "",
    status_code=202,
    operation_id="submit_images",
    summary="Submit pictures",
    response_model=Job | Batch,
    response_description="One picture: its job. Several: a `batch`, and `jobs`, one each, in order. `Location` has the "
    "address of the job, or of the batch, whose record counts its jobs and ends with the last of them.",
    responses={
        200: {
            "model": Job | Batch,
            "description": "This Idempotency-Key was used before, with the same content: the job as it is now.",
        },
        **documented(*REFUSALS),
    },
    openapi_extra={**BODY, "parameters": documented_query(ImageOptions)},
)
async def submit_images(
    request: Request,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, examples=["order-4711"])] = None,
) -> Response:
    """Thumbnails of each picture, as `variants` asks: the name of a preset (or `default`), or a JSON list.

    All files of a form are checked and stored before the first job is made. With an `Idempotency-Key` a submit can be
    repeated safely: the same content gives the same job, with status 200.
    """
    caller, options = caller_of(request), query_of(request, ImageOptions)
    submit_options = options.fields(caller, idempotency_key)
    uploads, chosen, whom = await _receive(request, caller, options)
    if whom is not None:
        submit_options["notify"] = whom
    submissions = [_submission(caller, upload, chosen, submit_options) for upload in uploads]
    if len(submissions) == 1:
        return await respond(caller, await caller.context.enqueuer.enqueue(submissions[0]))
    return await respond_batch(caller, await caller.context.enqueuer.enqueue_batch(submissions))


async def _receive(
    request: Request, caller: Caller, options: ImageOptions
) -> tuple[Sequence[Upload | Remote], tuple[Variant, ...], str | None]:
    """Store what the request carries. Its variants, and whom to notify, are read first, if they come first."""
    content_type = request.headers.get("content-type", RAW_TYPES[-1])
    chosen = None if options.variants is None else parse_variants(options.variants)
    settings, storage = caller.context.settings, caller.context.storage
    async with aclosing(request.stream()) as body:
        if content_type.lower().startswith("multipart/form-data"):
            form = _form(request, body, content_type, settings)
            parsers: dict[str, Callable[[str], Any]] = {
                "variants": parse_variants,
                "notify": partial(encrypted_notify, caller.context),
            }
            uploads = FormUploads(form, storage, settings, parsers)
            received, said = await uploads.receive(), uploads.values
            return received, said.get("variants") or chosen or variants_of(DEFAULT_PRESET), said.get("notify")
        if content_type.lower().startswith(JSON_TYPE):
            return await receive_named(request, body, caller, chosen)
        if not content_type.lower().startswith(RAW_TYPES):
            raise Refusal(
                "unsupported_media_type",
                "Send multipart/form-data, a picture as image/* or application/octet-stream, or application/json; "
                f"not {content_type}.",
                field="Content-Type",
            )
        check_length(request.headers.get("content-length"), settings.max_upload_bytes)
        upload = await receive_raw(body, storage, settings.max_upload_bytes, options.name)
        return [upload], chosen or variants_of(DEFAULT_PRESET), None


def _form(request: Request, body: AsyncGenerator[bytes], content_type: str, settings: Settings) -> Multipart:
    limit = settings.max_files_per_request * settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    check_length(request.headers.get("content-length"), limit)
    return Multipart(counted(body, limit), content_type)


def _submission(
    caller: Caller, picture: Upload | Remote, variants: tuple[Variant, ...], submit_options: RequestedOptions
) -> Submission:
    stored = None if isinstance(picture, Remote) else picture.blob
    url = picture.url if isinstance(picture, Remote) else None
    return caller.submission(
        THUMBNAIL,
        ThumbnailParams(upload=stored, url=url, variants=variants).model_dump_json(exclude_none=True),
        blobs=() if stored is None else (stored.sha256,),
        name=picture.name,
        **submit_options,
    )
