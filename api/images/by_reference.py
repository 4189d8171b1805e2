"""Pictures that are named instead of sent: `{"upload": …}` for one that is here already, `{"url": …}` for one that the
worker fetches."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller
from api.http.json_body import read, whole
from api.images.sniff import HEAD_BYTES, type_of
from api.images.variants import parse_variants
from api.jobs.notify import Member, encrypted_notify
from api.uploads.receive import Upload, clean
from tasks.outbound.url_policy import MAX_URL_CHARS
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing
from tasks.thumbnail.variants import Variant, variants_of
from tasks.uploads.store import find_upload


@dataclass(frozen=True, slots=True)
class Remote:
    """A picture that is fetched later. name: the last part of its address, for people to recognise."""

    url: str
    name: str | None


class ImageRequest(BaseModel):
    """A picture that was uploaded before, or that is to be fetched: one of the two."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["upload"]}, {"required": ["url"]}]}
    )

    upload: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="Of `POST /v1/uploads`.")
    url: str | None = Field(
        None, max_length=MAX_URL_CHARS, description="A public address that answers with the picture, without redirects."
    )
    variants: str | list[dict[str, object]] | None = Field(None, description="A preset's name, or a list of variants.")
    notify: Member | None = None


async def receive_named(
    request: Request, body: AsyncIterator[bytes], caller: Caller, chosen: tuple[Variant, ...] | None
) -> tuple[list[Upload | Remote], tuple[Variant, ...], str | None]:
    """The picture that a JSON body names, its variants, and whom to notify. chosen: the variants of the query.

    Raises: Refusal `invalid_request`, `invalid_params`, `not_found`, `too_large`, `unsupported_format`, `invalid_url`,
    `address_refused`, and what `api.jobs.notify.encrypted_notify` raises.
    """
    asked = read(await whole(request.headers, body, caller.context.settings.max_params_bytes), ImageRequest)
    if asked.variants is not None:
        chosen = parse_variants(asked.variants if isinstance(asked.variants, str) else json.dumps(asked.variants))
    notify = encrypted_notify(caller.context, asked.notify)
    return [await _picture(caller, asked)], chosen or variants_of("default"), notify


async def _picture(caller: Caller, asked: ImageRequest) -> Upload | Remote:
    if asked.upload is not None and asked.url is None:
        return await _find(caller, asked.upload)
    if asked.url is not None and asked.upload is None:
        # Its form is judged at once; where it leads, by the worker with every connection.
        caller.context.addresses.check(asked.url)
        return Remote(asked.url, clean(unquote(urlsplit(asked.url).path)))
    raise Refusal("invalid_request", "upload: give either an upload or a url.", field="upload")


async def _find(caller: Caller, upload_id: str) -> Upload:
    context = caller.context
    found, limit = await find_upload(context.redis, caller.owner, upload_id), context.settings.max_upload_bytes
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
