"""Finds pictures that are stored already: uploads of the sender's."""

from api.http.caller import Caller
from api.uploads.receive import Upload
from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing
from tasks.thumbnail.signatures import HEAD_BYTES, media_type_of
from tasks.uploads.incoming import missing_upload
from tasks.uploads.store import find_upload


async def find_picture(caller: Caller, upload_id: str, field: str) -> Upload:
    """Find an upload that is to be a picture.

    Args:
        caller: Whose upload it must be.
        upload_id: Its id.
        field: The field of the request that names it.

    Raises:
        Refusal: `not_found`, `upload_unfinished`, `expired`, `too_large`, `unsupported_format`.
    """
    found = await find_upload(caller.context.redis, caller.owner, upload_id)
    if found is None:
        missing = await missing_upload(caller.context.redis, caller.owner, upload_id)
        missing.field = field
        raise missing
    try:
        return await checked_picture(caller, found.blob, found.name)
    except Refusal as refusal:
        refusal.field = field
        raise


async def checked_picture(caller: Caller, blob: BlobRef, name: str | None) -> Upload:
    """Check that a stored file is a picture.

    Args:
        caller: The sender.
        blob: The file.
        name: A name to show.

    Raises:
        Refusal: `too_large`, `expired`, `unsupported_format`.
    """
    storage, limit = caller.context.storage, caller.context.settings.max_upload_bytes
    if blob.bytes > limit:
        message = f"The file is larger than the limit for an image of {limit} bytes. Send a smaller image."
        raise Refusal("too_large", message, limit=limit)
    try:
        media_type_of(b"".join([chunk async for chunk in storage.read(blob.sha256, 0, HEAD_BYTES)]))
    except BlobMissing as error:
        raise Refusal("expired", "The file was removed from the storage. Send it again.") from error
    return Upload(blob, name)
