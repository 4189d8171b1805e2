"""Submit images: `POST /v1/images`."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.http.access.scopes import requires
from api.http.body import FORM_OVERHEAD_BYTES, check_length, chunks_of, counted
from api.http.caller import Caller, RequestedOptions, caller_of
from api.http.checks import Checks
from api.http.components import BINARY, component
from api.http.json_body import JSON_TYPE
from api.http.multipart import Multipart
from api.http.problems import documented
from api.http.query import query_of
from api.images.by_reference import ImageRequest, Remote, receive_named
from api.images.by_token import DEFAULT_TYPE, RAW_TYPES, submit_by_token
from api.images.exif import EXIF, parse_exif
from api.images.truncation import TRUNCATED, Truncated, read_truncated
from api.images.variants import ChosenVariants, read_variants
from api.jobs.notify import EXAMPLE_URL
from api.jobs.submit_options import SUBMIT_REFUSALS, documented_submit
from api.jobs.submitted import respond, respond_batch
from api.jobs.views import EXAMPLE_JOB, EXAMPLE_UPLOAD, Batch, Job
from api.outputs.options import OutputOptions, output_parsers
from api.uploads.receive import FormUploads, Upload, clean, read_name, receive_raw
from api.uploads.token_limits import TOKEN_REFUSALS, TokenUpload
from tasks.queue.jobs.submission import Submission
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.summary.exif_fields import ExifField

router = APIRouter(prefix="/v1/images", tags=["images"])

DEFAULT_PRESET = "default"
MAX_NAME_CHARS = 255
REFUSALS = (
    *SUBMIT_REFUSALS,
    *("too_large", "unsupported_media_type", "unsupported_format", "no_file", "too_many_files", "invalid_params"),
    *("inputs_gone", "upload_unfinished"),
    *TOKEN_REFUSALS,
)

OWN_VARIANTS = '[{"name": "card", "width": 320, "height": 180, "fit": "cover", "format": "webp"}]'
CARD = {
    "name": "card",
    "width": 320,
    "height": 180,
    "fit": "cover",
    "focal": {"x": 0.68, "y": 0.36},
    "dpr": [1, 2],
    "formats": ["avif", "jpeg"],
    "max_bytes": 60_000,
    "watermark": {"upload": EXAMPLE_UPLOAD, "opacity": 0.5, "scale": 0.2, "margin": 8},
}
# The body is streamed, so FastAPI has no model of it. In the examples, a file's name stands for its content.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One image as raw bytes, a form with one or more images, or JSON with the id of an upload, the "
        "id of a former job or the URL of an image. The format is detected from the content.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": BINARY, "description": "One part for each image."},
                        "variants": {"type": "string", "description": "The same as the query parameter."},
                        "name": {"type": "string", "description": "The same as the query parameter."},
                        "keep": {"type": "string", "description": "The same as the query parameter."},
                        "exif": {"type": "string", "description": "The same as the query parameter."},
                        "truncated": {"enum": ["draw"], "description": "The same as the query parameter."},
                        "urls": {"enum": ["private", "public"], "description": "The same as the query parameter."},
                        "destination": {"type": "string", "description": "The same as the query parameter."},
                        "notify": {"type": "string", "description": "The same as the query parameter."},
                        "tags": {"type": "string", "description": "The same as the query parameter."},
                        "metadata": {"type": "string", "description": "The same as the query parameter."},
                    },
                },
                "examples": {
                    "one": {"summary": "One image", "value": {"file": ["photo.jpg"]}},
                    "several": {
                        "summary": "Several images with custom variants",
                        "value": {"file": ["photo.jpg", "logo.png"], "variants": OWN_VARIANTS},
                    },
                },
            },
            "image/*": {"schema": BINARY, "examples": {"jpeg": {"summary": "An image", "value": "photo.jpg"}}},
            "application/pdf": {
                "schema": BINARY,
                "examples": {"pdf": {"summary": "The first page of a document", "value": "invoice.pdf"}},
            },
            "application/octet-stream": {
                "schema": BINARY,
                "examples": {"any": {"summary": "An image", "value": "logo.png"}},
            },
            JSON_TYPE: {
                "schema": component(ImageRequest),
                "examples": {
                    "upload": {
                        "summary": "An image that was uploaded before",
                        "value": {"upload": EXAMPLE_UPLOAD, "variants": "avatar"},
                    },
                    "job": {
                        "summary": "More variants of an image that was submitted before",
                        "value": {"job": EXAMPLE_JOB, "variants": [{"name": "banner", "width": 1200}]},
                    },
                    "options": {
                        "summary": "A card around a focal point, in two densities and two formats, with a watermark",
                        "value": {"upload": EXAMPLE_UPLOAD, "variants": [CARD]},
                    },
                    "url": {
                        "summary": "An image that is downloaded from a URL",
                        "value": {"url": "https://example.com/photos/cat.jpg", "variants": "avatar"},
                    },
                    "notify": {
                        "summary": "An image with a notification at the end",
                        "value": {"upload": EXAMPLE_UPLOAD, "notify": {"url": EXAMPLE_URL}},
                    },
                },
            },
        },
    }
}


class ImageOptions(OutputOptions):
    """The query parameters of `POST /v1/images`."""

    variants: str | None = Field(
        None, description="The name of a preset, or a JSON list of variants.", examples=["avatar", OWN_VARIANTS]
    )
    name: str | None = Field(
        None,
        max_length=MAX_NAME_CHARS,
        description="A name to show: that of the image instead of its own, or of the batch that several images are.",
    )
    exif: str | None = Field(None, description=EXIF, examples=["true", "taken_at,camera,gps"])
    truncated: Truncated | None = Field(None, description=TRUNCATED)


@router.post(
    "",
    status_code=202,
    operation_id="submit_images",
    summary="Submit images",
    response_model=Job | Batch | TokenUpload,
    response_description="For one image: its job. For several: a `batch`, and `jobs` with one job for each image, in "
    "order. `Location` has the path of the job or of the batch, which ends with its last job. To an upload token: the "
    "id of the job, and a token that sees it.",
    responses={
        200: {
            "model": Job | Batch | TokenUpload,
            "description": "This Idempotency-Key was already used with the same content. The existing job. "
            "Or the job that holds the unique key, as `Pressroom-Unique` says: `returned` or `replaced`.",
        },
        **documented(*REFUSALS),
    },
    openapi_extra=BODY | documented_submit(ImageOptions),
)
@requires("images")
async def submit_images(request: Request) -> Response:
    """Makes the thumbnails that `variants` describes, of each image. Without `variants`, the preset `default` is used.

    All files of a form are checked and stored before the first job is created. With an `Idempotency-Key` the request
    can be repeated safely: the same content returns the same job with status 200.
    """
    caller, checks = caller_of(request), Checks()
    if (token := caller.access.upload_token) is not None:
        return await submit_by_token(request, caller, token)
    options = query_of(request, ImageOptions, checks)
    submit_options = checks.run(lambda: options.fields(caller, THUMBNAIL)) or {}
    if caller.idempotency_key is None:  # with one, the job may exist already
        caller.check_room()
    await caller.check_bytes(request.headers.get("content-length"))
    received = await _receive(request, caller, options, submit_options, checks)
    images, name, warnings = received.images, received.name, received.warnings
    made_of = partial(submission_of, caller, received, submit_options)
    if len(images) == 1:
        only = replace(images[0], name=name or images[0].name)
        return await respond(caller, await caller.context.enqueuer.enqueue(made_of(only)), warnings)
    submissions = list(map(made_of, images))
    return await respond_batch(caller, await caller.context.enqueuer.enqueue_batch(submissions, name), warnings)


class Received(NamedTuple):
    """The images of a request, their variants, a name, the EXIF that is asked for, what is done with a truncated one,
    what the sender should know, and whether the images came with the request."""

    images: Sequence[Upload | Remote]
    chosen: ChosenVariants
    name: str | None
    exif: tuple[ExifField, ...] | None = None
    truncated: Truncated | None = None
    warnings: Sequence[str] = ()
    sent: bool = True


async def _receive(
    request: Request, caller: Caller, options: ImageOptions, submit_options: RequestedOptions, checks: Checks
) -> Received:
    """Store the request's images. Form fields that come before the files are checked before the files are read.

    Args:
        request: The request.
        caller: The sender.
        options: Those of the query.
        submit_options: Those of the query and the headers, to which those of the body are added.
        checks: Those of the request so far.
    """
    content_type = request.headers.get("content-type") or DEFAULT_TYPE
    chosen = ChosenVariants(())
    with checks.collect():
        chosen = await read_variants(caller, DEFAULT_PRESET if options.variants is None else options.variants)
    exif = checks.run(lambda: None if options.exif is None else parse_exif(options.exif))
    name, settings, storage = clean(options.name), caller.context.settings, caller.context.storage
    async with aclosing(chunks_of(request)) as body:
        if content_type.lower().startswith("multipart/form-data"):
            form = _form(request, body, content_type, settings)
            parsers = _parsers(caller, submit_options)
            elsewhere = ImageOptions.model_fields.keys() - parsers.keys()
            uploads = FormUploads(form, storage, settings, parsers, checks, elsewhere)
            received, values = await uploads.receive(), uploads.values
            return Received(
                received,
                values.get("variants") or chosen,
                values.get("name") or name,
                values.get("exif", exif),
                values.get("truncated") or options.truncated,
                uploads.warnings,
            )
        if content_type.lower().startswith(JSON_TYPE):
            named = await receive_named(request, body, caller, submit_options, checks)
            return Received(
                [named.image],
                named.chosen or chosen,
                named.name or name,
                exif if named.exif is None else named.exif,
                named.truncated or options.truncated,
                sent=False,
            )
        if not content_type.lower().startswith(RAW_TYPES):
            message = (
                "Send multipart/form-data, an image as image/*, application/pdf or application/octet-stream, or "
                f"application/json. The Content-Type was {content_type!r}."
            )
            checks.add(Refusal("unsupported_media_type", message, field="Content-Type"))
        checks.done()
        check_length(request.headers.get("content-length"), settings.max_upload_bytes)
        image = await receive_raw(body, storage, settings.max_upload_bytes)
        return Received([image], chosen, name, exif, options.truncated)


def _parsers(caller: Caller, submit_options: RequestedOptions) -> dict[str, Callable[[str], Any]]:
    """What reads the text fields of a form. Options are added to those of the query and the headers."""
    return {
        "variants": partial(read_variants, caller),
        "name": partial(read_name, MAX_NAME_CHARS),
        "exif": parse_exif,
        "truncated": read_truncated,
        **output_parsers(caller, submit_options),
    }


def _form(request: Request, body: AsyncGenerator[bytes], content_type: str, settings: Settings) -> Multipart:
    limit = settings.max_files_per_request * settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    check_length(request.headers.get("content-length"), limit)
    return Multipart(counted(body, limit), content_type)


def submission_of(
    caller: Caller,
    received: Received,
    submit_options: RequestedOptions,
    picture: Upload | Remote,
) -> Submission:
    """What one of the images of a request submits.

    Args:
        caller: The sender.
        received: The request.
        submit_options: Its options.
        picture: The image.
    """
    stored = None if isinstance(picture, Remote) else picture.blob
    watermarks = dict(received.chosen.watermarks)
    url = picture.url if isinstance(picture, Remote) else None
    params = ThumbnailParams.model_construct(  # of what has been checked: all variants would be, once more
        upload=stored,
        url=url,
        variants=received.chosen.variants,
        keep_s=submit_options.get("keep_s"),
        exif=received.exif or None,
        preset=received.chosen.preset,
        watermarks=watermarks,
        truncated=received.truncated,
    )
    # A repeat with the same key is the same job, though the preset has changed meanwhile, and with it its watermarks.
    same: dict[str, Any] = {"variants": True, "preset": {"version": True}, "watermarks": True}
    return caller.submission(
        THUMBNAIL,
        params.model_dump_json(exclude_none=True),
        same_as=params.model_dump_json(exclude_none=True, exclude=same) if params.preset else None,
        blobs=tuple(blob.sha256 for blob in (stored, *watermarks.values()) if blob),
        received={stored.sha256: stored.bytes} if stored and received.sent else {},
        name=picture.name,
        **submit_options,
    )
