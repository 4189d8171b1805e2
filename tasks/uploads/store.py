"""Uploads: bytes that somebody has sent for jobs to come. Each keeps its blob from the cleanup while it lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.queue.jobs.enqueue_with_blobs import need
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import BLOB, SECOND_MS, UPLOAD
from tasks.queue.script import Script
from tasks.storage.protocol import Storage


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """What Redis holds of one. name: what its sender calls it, for people. Times are milliseconds since 1970."""

    id: str
    owner: str
    blob: BlobRef
    name: str | None
    created_at: int
    expires_at: int

    @classmethod
    def from_hash(cls, upload_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """The upload of a non-empty Redis hash."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            id=upload_id,
            owner=text["owner"],
            blob=BlobRef(text["blob"], int(text["bytes"])),
            name=text.get("name"),
            created_at=int(text["created_at"]),
            expires_at=int(text["expires_at"]),
        )


async def keep(
    redis: "Redis[bytes]",
    owner: str,
    blob: BlobRef,
    *,
    name: str | None,
    seconds: int,
    storage: Storage | None = None,
    upload_id: str | None = None,
) -> UploadRecord:
    """Write an upload down for `seconds`. storage: where its blob is. upload_id: 32 hex digits; a new id if none is
    given.

    Raises: Refusal `unavailable` if the cleanup has just deleted the blob (see `tasks.queue.jobs.enqueue_with_blobs`).
    """
    now = clock.now_ms()
    upload = UploadRecord(upload_id or new_id(), owner, blob, name, now, now + seconds * SECOND_MS)
    fields: dict[str, str | int] = {
        "owner": owner,
        "blob": blob.sha256,
        "bytes": blob.bytes,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }
    if name is not None:
        fields["name"] = name
    said = [text for field in fields.items() for text in field]
    payload = {"id": upload.id, "blob": blob.sha256, "fields": said, "expires_at": upload.expires_at}
    await need(Script(redis, "submit/keep"), payload, storage)
    return upload


async def find_upload(redis: "Redis[bytes]", owner: str, upload_id: str) -> UploadRecord | None:
    """An owner's upload, or None if it is not there (any more), or is someone else's."""
    fields = await redis.hgetall(UPLOAD + upload_id)
    upload = UploadRecord.from_hash(upload_id, fields) if fields else None
    return upload if upload and upload.owner == owner else None


async def forget(redis: "Redis[bytes]", upload: UploadRecord) -> None:
    """Delete an upload. Jobs that were made from it keep their blob."""
    async with redis.pipeline() as pipe:
        pipe.delete(UPLOAD + upload.id)
        pipe.srem(BLOB + upload.blob.sha256, _holder(upload.id))
        await pipe.execute()


def _holder(upload_id: str) -> str:
    """How the set of those who need a blob names an upload, among the ids of jobs."""
    return f"upload:{upload_id}"
