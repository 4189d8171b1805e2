"""Pictures that are named instead of sent: `{"upload": …}` for one that is here already, `{"url": …}` for one that the
worker fetches."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from fastapi import Request
from pydantic import BeforeValidator, ConfigDict, Field

from api.http.body import whole
from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.json_body import examined
from api.images.variants import parse_variants
from api.jobs.submit_options import SubmitFields
from api.uploads.receive import Upload, clean
from tasks.outbound.url_policy import MAX_URL_CHARS
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing
from tasks.thumbnail.signatures import HEAD_BYTES, media_type_of
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


class ImageRequest(SubmitFields):
    """An image that was uploaded before, or that is downloaded from a URL: exactly one of the two."""

    # Without `oneOf` in its schema, which generated clients would take for a union of two things without fields.
    model_config = ConfigDict(extra="forbid")

    upload: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="The id of an upload from `POST /v1/uploads`."
    )
    url: str | None = Field(
        None, max_length=MAX_URL_CHARS, description="A public URL that returns the image without a redirect."
    )
    variants: Annotated[
        Any, BeforeValidator(_preset_or_list, json_schema_input_type=str | list[dict[str, object]] | None)
    ] = Field(None, description="The name of a preset, or a list of variants.")
    name: str | None = Field(None, max_length=255, description="A name to show, instead of the image's own.")


async def receive_named(
    request: Request,
    body: AsyncIterator[bytes],
    caller: Caller,
    submit_options: RequestedOptions,
    checks: Checks,
) -> tuple[Upload | Remote, tuple[Variant, ...] | None, str | None]:
    """Read a JSON body that names an image.

    Args:
        request: The request.
        body: Its body.
        caller: The sender.
        submit_options: Those of the query and the headers, to which those of the body are added.
        checks: Those of the request so far.

    Returns:
        The image, its variants and its name, as far as the body has them.

    Raises:
        Refusal: `invalid_request`, `invalid_params`, `not_found`, `too_large`, `unsupported_format`, `invalid_url`,
            `address_refused`, and those of `SubmitFields.add_to`.
    """
    text = await whole(request.headers, body, caller.context.settings.max_params_bytes)
    requested, chosen = examined(text, ImageRequest, checks), None
    if requested is not None:
        chosen = checks.run(lambda: _variants(requested))
        checks.run(lambda: requested.add_to(submit_options, caller))
        _check_place(caller, requested, checks)
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    return await _picture(caller, requested), chosen, requested.name


def _variants(requested: ImageRequest) -> tuple[Variant, ...] | None:
    given = requested.variants
    return None if given is None else parse_variants(given if isinstance(given, str) else json.dumps(given))


def _check_place(caller: Caller, requested: ImageRequest, checks: Checks) -> None:
    if requested.url is not None:
        # Only the form of the URL is checked here; the worker checks the IP address of every connection it opens.
        with checks.collect():
            requested.url = caller.context.url_policy.check(requested.url)
    wrong = {fault.field for fault in checks.faults}
    if not wrong & {"upload", "url"} and (requested.upload is None) is (requested.url is None):
        message = "Send exactly one of the fields 'upload' and 'url'."
        checks.add(Refusal("invalid_request", message, field="upload"))


async def _picture(caller: Caller, requested: ImageRequest) -> Upload | Remote:
    if requested.url is None:
        return await _find(caller, requested.upload or "")
    return Remote(requested.url, clean(unquote(urlsplit(requested.url).path)))


async def _find(caller: Caller, upload_id: str) -> Upload:
    context = caller.context
    found, limit = await find_upload(context.redis, caller.owner, upload_id), context.settings.max_upload_bytes
    if found is None:
        raise Refusal(
            "not_found", f"Upload {upload_id!r} was not found or has expired. Upload it again.", field="upload"
        )
    if found.blob.bytes > limit:
        raise Refusal(
            "too_large",
            f"The upload is larger than the limit for an image of {limit} bytes. Send a smaller image.",
            field="upload",
            limit=limit,
        )
    try:
        head = b"".join([chunk async for chunk in context.storage.read(found.blob.sha256, 0, HEAD_BYTES)])
        media_type_of(head)
    except BlobMissing as error:
        raise Refusal("expired", "The upload was removed from the storage. Upload it again.", field="upload") from error
    except Refusal as refusal:
        refusal.field = "upload"
        raise
    return Upload(found.blob, found.name)
