"""Pictures that are named instead of sent: `{"upload": …}` for one that is here already, `{"job": …}` for the original
of a former job, `{"url": …}` for one that the worker fetches."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from fastapi import Request
from pydantic import BeforeValidator, ConfigDict, Field

from api.http.body import whole
from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.json_body import examined
from api.images.exif import EXIF
from api.images.stored import checked_picture, find_picture
from api.images.truncation import TRUNCATED, Truncated
from api.images.variants import ChosenVariants, read_variants
from api.jobs.views import EXAMPLE_JOB
from api.outputs.options import OutputFields
from api.uploads.receive import Upload, clean
from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.outbound.url_policy import MAX_URL_CHARS
from tasks.queue.records.list import read
from tasks.refusal import Refusal
from tasks.thumbnail.kind import THUMBNAIL
from tasks.thumbnail.summary.exif_fields import ExifField, exif_fields
from tasks.thumbnail.variants import Variant
from tasks.uploads.store import find_upload
from tasks.validation import shown


@dataclass(frozen=True, slots=True)
class Remote:
    """An image that a worker downloads later. name: the last part of its URL path, to show to people."""

    url: str
    name: str | None


def _preset_or_list(given: Any) -> Any:
    if given is None or isinstance(given, str | list):
        return given
    raise ValueError(f"{shown(given)} is neither the name of a preset nor a list of variants")


def _exif(given: Any) -> tuple[ExifField, ...] | None:
    if given is None:
        return None
    if isinstance(given, bool) or (isinstance(given, list) and all(isinstance(name, str) for name in given)):
        return exif_fields(given)
    raise ValueError(f"{shown(given)} is neither true, false nor a list of names")


class ImageRequest(OutputFields):
    """An image that was uploaded before, that of a former job, or one that is downloaded from a URL: exactly one of the
    three."""

    # Without `oneOf` in its schema, which generated clients would take for a union of things without fields.
    model_config = ConfigDict(extra="forbid")

    upload: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="The id of an upload from `POST /v1/uploads`."
    )
    job: str | None = Field(
        None,
        pattern="^[0-9a-f]{32}$",
        description="The id of a job of `POST /v1/images`, of whose original more variants are made.",
        examples=[EXAMPLE_JOB],
    )
    url: str | None = Field(
        None, max_length=MAX_URL_CHARS, description="A public URL that returns the image without a redirect."
    )
    variants: Annotated[Any, BeforeValidator(_preset_or_list, json_schema_input_type=str | list[Variant] | None)] = (
        Field(None, description="The name of a preset, or a list of up to 20 variants.")
    )
    name: str | None = Field(None, max_length=255, description="A name to show, instead of the image's own.")
    exif: Annotated[Any, BeforeValidator(_exif, json_schema_input_type=bool | list[ExifField] | None)] = Field(
        None, description=EXIF
    )
    truncated: Truncated | None = Field(None, description=TRUNCATED)


class NamedImage(NamedTuple):
    """An image that a JSON body names, and what else the body says of it."""

    image: Upload | Remote
    chosen: ChosenVariants | None
    name: str | None
    exif: tuple[ExifField, ...] | None
    truncated: Truncated | None


async def receive_named(
    request: Request,
    body: AsyncIterator[bytes],
    caller: Caller,
    submit_options: RequestedOptions,
    checks: Checks,
) -> NamedImage:
    """Read a JSON body that names an image.

    Args:
        request: The request.
        body: Its body.
        caller: The sender.
        submit_options: Those of the query and the headers, to which those of the body are added.
        checks: Those of the request so far.

    Returns:
        The image, and its variants, name and `exif` as far as the body has them.

    Raises:
        Refusal: `invalid_request`, `invalid_params`, `not_found`, `expired`, `inputs_gone`, `too_large`,
            `unsupported_format`, `invalid_url`, `address_refused`, and those of `OutputFields.add_to`.
    """
    text = await whole(request.headers, body, caller.context.settings.max_params_bytes)
    return await find_named(caller, examined(text, ImageRequest, checks), submit_options, checks)


async def find_named(
    caller: Caller, requested: ImageRequest | None, submit_options: RequestedOptions, checks: Checks
) -> NamedImage:
    """Find the image that a body names, and read the rest of it.

    Args:
        caller: The sender.
        requested: The body; None if it has faults alone.
        submit_options: As of `receive_named`.
        checks: Those of the request, or of the part of it that this is.

    Raises:
        Refusal: As `receive_named`.
    """
    chosen = None
    if requested is not None:
        with checks.collect():
            chosen = await _variants(caller, requested)
        checks.run(lambda: requested.add_to(submit_options, caller))
        _check_place(caller, requested, checks)
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    image = await _picture(caller, requested)
    return NamedImage(image, chosen, requested.name, requested.exif, requested.truncated)


async def _variants(caller: Caller, requested: ImageRequest) -> ChosenVariants | None:
    given = requested.variants
    if given is None:
        return None
    return await read_variants(caller, given if isinstance(given, str) else json.dumps(given))


def _check_place(caller: Caller, requested: ImageRequest, checks: Checks) -> None:
    if requested.url is not None:
        # Only the form of the URL is checked here; the worker checks the IP address of every connection it opens.
        with checks.collect():
            requested.url = caller.context.url_policy.check(requested.url)
    wrong = {fault.field for fault in checks.faults}
    places = {"upload": requested.upload, "job": requested.job, "url": requested.url}
    if not wrong & places.keys() and sum(place is not None for place in places.values()) != 1:
        message = "Send exactly one of the fields 'upload', 'job' and 'url'."
        checks.add(Refusal("invalid_request", message, field="upload"))


async def _picture(caller: Caller, requested: ImageRequest) -> Upload | Remote:
    if requested.url is not None:
        return Remote(requested.url, clean(unquote(urlsplit(requested.url).path)))
    if requested.job is None:
        return await find_picture(caller, requested.upload or "", "upload")
    try:
        return await _original(caller, requested.job)
    except Refusal as refusal:
        refusal.field = "job"
        raise


async def _original(caller: Caller, job_id: str) -> Upload:
    """The original of a former job: what `keep` has kept, or what the job itself still needs."""
    context = caller.context
    if (kept := await find_upload(context.redis, caller.owner, job_id)) is not None:
        return await checked_picture(caller, kept.blob, kept.name)
    record = await read(context.redis, job_id) or await context.history.find(job_id)
    if record is None or record.owner != caller.owner or record.kind != THUMBNAIL.name:
        message = f"Job {job_id!r} was not found among your image jobs, nor is its original kept. Send the image."
        raise Refusal("not_found", message)
    if record.expired(clock.now_ms()):
        message = f"Job {job_id!r} has expired, and its original with it. Send the image, with 'keep' to keep it."
        raise Refusal("expired", message)
    upload = json.loads(record.params).get("upload")
    if upload is None:
        if record.state in ("failed", "cancelled"):
            message = f"Job {job_id!r} has {record.state} and has no image, which was to come from a URL. Send the URL."
        else:
            message = f"Job {job_id!r} took its image from a URL, and keeps no copy. Send the URL, with 'keep'."
        raise Refusal("inputs_gone", message)
    return await checked_picture(caller, BlobRef(upload["blob"], upload["bytes"]), record.name)
