"""The kind `upload`: it checks the bytes of an incoming upload, and stores them under their hash.

From then on the upload is one as `POST /v1/uploads` makes it, with the same id. The bytes are read once: what is hashed
is what is stored, whatever is written into the incoming object meanwhile.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from pydantic import BaseModel, ConfigDict, Field

from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Kind, Result, RetryPolicy, TryAgain
from tasks.refusal import Refusal
from tasks.thumbnail.signatures import HEAD_BYTES, allowed_type, media_type_of
from tasks.uploads.incoming import IncomingStore, IncomingUpload, unknown_upload
from tasks.uploads.store import UploadRecord, find_upload, keep

TRANSIENT_CODES = ("unavailable", "redis_full")
"""A cleanup has just deleted the blob, or Redis is full."""


class UploadParams(BaseModel):
    """The params of an `upload` job."""

    model_config = ConfigDict(extra="forbid")

    upload: str = Field(pattern="^[0-9a-f]{32}$", description="The upload's id.")


async def store_upload(job: JobContext[UploadParams]) -> Result:
    """Check the bytes, store them and keep the upload. A run after one that died goes on with what is left.

    Returns:
        The upload's id, its `bytes` and its `sha256`.

    Raises:
        Refusal: `not_found`, `no_file`, `too_large`, `unsupported_format`, `upload_incomplete`. The upload is then
            forgotten, with its bytes.
    """
    incoming = IncomingStore(job.redis)
    upload = await incoming.find(job.owner, job.params.upload)
    if upload is None:
        raise unknown_upload(job.params.upload)
    kept = await find_upload(job.redis, job.owner, upload.id) if upload.stored else None
    if kept is None:
        try:
            async with aclosing(_checked(job, upload)) as chunks:
                blob = await job.storage.put(chunks, max_bytes=upload.length)
            if upload.way == "tus" and blob.bytes != upload.length:
                raise _incomplete(upload)
            kept = await _kept(job, upload, blob)
        except Refusal:
            with suppress(Refusal):  # its owner has deleted it
                await incoming.drop(upload)
            await job.storage.incoming.delete(upload.id)
            raise
        await incoming.store(upload)
    await job.storage.incoming.delete(upload.id)
    return Result(value={"upload": upload.id, "bytes": kept.blob.bytes, "sha256": kept.blob.sha256})


async def _kept(job: JobContext[UploadParams], upload: IncomingUpload, blob: BlobRef) -> UploadRecord:
    try:
        return await keep(
            job.redis,
            job.owner,
            blob,
            name=upload.name,
            seconds=job.settings.keep_uploads_s,
            storage=job.storage,
            upload_id=upload.id,
            incoming=True,
            tags=upload.tags,
            metadata=upload.metadata,
            upload_token=upload.token,
        )
    except Refusal as refusal:
        if refusal.code not in TRANSIENT_CODES:
            raise
        raise TryAgain(refusal.code, refusal.message) from refusal


async def _checked(job: JobContext[UploadParams], upload: IncomingUpload) -> AsyncGenerator[bytes]:
    """All bytes of an upload, unless what it begins with is refused."""
    head: bytes | None = b""
    done = 0
    async for chunk in _bytes(job, upload):
        if head is not None:
            head += chunk[:HEAD_BYTES]
            if len(head) >= HEAD_BYTES:
                _check_type(upload, head)
                head = None
        done += len(chunk)
        job.progress(done, max(upload.length, done), "bytes")
        yield chunk
        del chunk  # the next may take seconds
    if done == 0:
        raise Refusal("no_file", "The file is empty. Send the bytes of a file.")
    if head is not None:
        _check_type(upload, head)


def _check_type(upload: IncomingUpload, head: bytes) -> None:
    if upload.picture or upload.types:
        allowed_type(media_type_of(head[:HEAD_BYTES]), upload.types)


async def _bytes(job: JobContext[UploadParams], upload: IncomingUpload) -> AsyncIterator[bytes]:
    names = [f"{upload.id}/{part}" for part in upload.parts] if upload.way == "tus" else [upload.id]
    try:
        for name in names:
            async for chunk in job.storage.incoming.read(name):
                yield chunk
    except FileNotFoundError as error:
        raise _incomplete(upload) from error


def _incomplete(upload: IncomingUpload) -> Refusal:
    return Refusal("upload_incomplete", f"Bytes of upload {upload.id!r} are not in the storage. Upload it again.")


UPLOAD = Kind(
    name="upload",
    queue="default",
    params=UploadParams,
    run=store_upload,
    timeout_s=1_800,
    retry=RetryPolicy(max_tries=5, first_delay_s=1, max_delay_s=300),
    io_bound=True,
    in_activity_report=False,
)
