"""Pictures that are in storage already: `{"upload": …}` instead of the bytes."""

import json
from collections.abc import AsyncIterator

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.context import Context, owner_of
from api.json_body import whole
from api.sniff import HEAD_BYTES, type_of
from api.uploads import Upload
from api.variants import parse_variants
from tasks.refusal import Refusal
from tasks.storage import BlobMissing
from tasks.thumbnail.variants import Variant, variants_of
from tasks.uploads import find_upload


class ImageRequest(BaseModel):
    """A picture that was uploaded before."""

    model_config = ConfigDict(extra="forbid")

    upload: str = Field(pattern="^[0-9a-f]{32}$", description="Of `POST /v1/uploads`.")
    variants: str | list[dict[str, object]] | None = Field(None, description="A preset's name, or a list of variants.")


async def receive_named(
    request: Request, body: AsyncIterator[bytes], context: Context, chosen: tuple[Variant, ...] | None
) -> tuple[list[Upload], tuple[Variant, ...]]:
    """The picture that a JSON body names, and its variants. chosen: those of the query.

    Raises: Refusal `invalid_request`, `invalid_params`, `not_found`, `too_large`, `unsupported_format`.
    """
    text = await whole(request.headers, body, context.settings.max_params_bytes)
    asked = _read(text)
    if asked.variants is not None:
        chosen = parse_variants(asked.variants if isinstance(asked.variants, str) else json.dumps(asked.variants))
    return [await _find(context, owner_of(request), asked.upload)], chosen or variants_of("default")


def _read(text: bytes) -> ImageRequest:
    try:
        return ImageRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "body"
        raise Refusal("invalid_request", f"{field}: {first['msg']}.", field=field) from error


async def _find(context: Context, owner: str, upload_id: str) -> Upload:
    found, limit = await find_upload(context.redis, owner, upload_id), context.settings.max_upload_bytes
    if found is None:
        raise Refusal("not_found", f"You have no upload {upload_id!r} (any more); upload it anew.", field="upload")
    if found.blob.bytes > limit:
        raise Refusal("too_large", f"A picture has at most {limit} bytes; this has more.", field="upload", limit=limit)
    try:
        head = b"".join([chunk async for chunk in context.storage.read(found.blob.sha256, 0, HEAD_BYTES)])
        type_of(head)
    except BlobMissing as error:
        raise Refusal(
            "expired", "The upload has been removed from the storage; upload it anew.", field="upload"
        ) from error
    except Refusal as refusal:
        refusal.field = "upload"
        raise
    return Upload(found.blob, found.name)
