"""Uploads: files sent in advance for later jobs. While an upload exists, the cleanup keeps its blob."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from redis.asyncio import Redis

from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.queue.jobs.enqueue_with_blobs import enqueue_with_blobs, token_over
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import SECOND_MS, UPLOAD
from tasks.queue.script import Script
from tasks.storage.protocol import Storage
from tasks.uploads.incoming import unknown_upload


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An upload as Redis holds it. Times are milliseconds since 1970.

    Args:
        id: 32 hexadecimal digits.
        owner: Who sent it.
        blob: Its bytes.
        name: The sender's name for it, shown to people.
        created_at: When it was sent.
        expires_at: Until when it can be used.
        tags: By which its sender finds it.
        metadata: What its sender noted on it.
    """

    id: str
    owner: str
    blob: BlobRef
    name: str | None
    created_at: int
    expires_at: int
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_hash(cls, upload_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """Build the record from a non-empty Redis hash."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            id=upload_id,
            owner=text["owner"],
            blob=BlobRef(text["blob"], int(text["bytes"])),
            name=text.get("name"),
            created_at=int(text["created_at"]),
            expires_at=int(text["expires_at"]),
            tags=tuple(json.loads(text.get("tags", "[]"))),
            metadata=json.loads(text.get("metadata", "{}")),
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
    tags: Sequence[str] = (),
    metadata: str | None = None,
    upload_token: str | None = None,
    sent: bool = True,
    incoming: bool = False,
) -> UploadRecord:
    """Store the record of an upload.

    Args:
        redis: Connection.
        owner: Who sent it.
        blob: Its bytes, which are in storage.
        name: The sender's name for it.
        seconds: How long it can be used.
        storage: Where its blob is.
        upload_id: 32 hexadecimal digits; None for a new id.
        tags: By which its sender finds it.
        metadata: JSON of what its sender notes on it.
        upload_token: Id of the upload token that it comes with, of which it takes one use.
        sent: Whether the bytes came with a request, and count as such.
        incoming: Whether it is an incoming upload of this id, and must be there still.

    Raises:
        Refusal: `unavailable`: the cleanup has just deleted the blob (see `tasks.queue.jobs.enqueue_with_blobs`);
            `unauthorized`, `token_used`: the token allows no more; `not_found`: the incoming upload was deleted.
    """
    now = clock.now_ms()
    noted = json.loads(metadata or "{}")
    expires_at = now + seconds * SECOND_MS
    upload = UploadRecord(upload_id or new_id(), owner, blob, name, now, expires_at, tuple(tags), noted)
    fields: dict[str, str | int] = {
        "owner": owner,
        "blob": blob.sha256,
        "bytes": blob.bytes,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }
    if name is not None:
        fields["name"] = name
    if tags:
        fields["tags"] = json.dumps(tags)
    if metadata:
        fields["metadata"] = metadata
    values = [text for field in fields.items() for text in field]
    payload: dict[str, Any] = {
        "id": upload.id,
        "owner": owner,
        "blob": blob.sha256,
        "bytes": blob.bytes,
        "sent": sent,
        "fields": values,
        "expires_at": upload.expires_at,
    }
    if upload_token:
        payload["upload_token"] = upload_token
    if incoming:
        payload["incoming"] = True
    answer = await enqueue_with_blobs(Script(redis, "submit/keep"), payload, storage)
    if answer["answer"] == "gone":
        raise unknown_upload(upload.id)
    if answer["answer"] != "kept":
        raise token_over(answer)
    return upload


async def find_upload(redis: "Redis[bytes]", owner: str, upload_id: str) -> UploadRecord | None:
    """Find an owner's upload. Returns None if it does not exist, has expired, or belongs to another owner."""
    fields = await redis.hgetall(UPLOAD + upload_id)
    upload = UploadRecord.from_hash(upload_id, fields) if fields else None
    return upload if upload and upload.owner == owner else None


async def forget(redis: "Redis[bytes]", upload: UploadRecord) -> None:
    """Delete an upload, and its bytes some minutes later. Jobs that were created from it keep their blob."""
    payload = {"holder": _holder(upload.id), "blobs": [upload.blob.sha256], "owner": upload.owner, "upload": upload.id}
    await Script(redis, "upkeep/give_up")(payload)


def _holder(upload_id: str) -> str:
    """The member that stands for an upload in a blob's set of holders, beside the ids of jobs."""
    return f"upload:{upload_id}"
