"""Finds the blobs that a job will read: an owner's uploads, and files of the owner's earlier jobs."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.queue.records.packing import unpack
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, UPLOAD
from tasks.refusal import Refusal
from tasks.uploads.incoming import missing_upload
from tasks.uploads.store import UploadRecord


@dataclass(frozen=True, slots=True)
class RequestedSource:
    """A source that a request names: an upload, or a file of a job.

    Args:
        field: The field of the request that names it, for error messages.
        upload: The upload's id.
        job: The job's id.
        file: The name of the job's file.
    """

    field: str
    upload: str | None = None
    job: str | None = None
    file: str | None = None


async def find_sources(
    redis: "Redis[bytes]",
    owner: str,
    wanted: Sequence[RequestedSource],
    find_moved: Callable[[str], Awaitable[Mapping[bytes, bytes]]] | None = None,
) -> list[BlobRef]:
    """Find the blobs of some sources, in one round trip to Redis, and one for each job whose record has left it.

    Args:
        redis: Connection.
        owner: Whose uploads and jobs may be used.
        wanted: The sources.
        find_moved: Finds the fields of a job whose record has left Redis, by its id (`History.find_fields`). Without it
            such a job is not found.

    Returns:
        Their blobs, in the same order.

    Raises:
        Refusal: `not_found`, `not_ready`, `upload_unfinished` or `expired`, with the field that names the source.
        StorageUnavailable: The history has a job, but the storage does not answer.
    """
    if not wanted:
        return []
    async with redis.pipeline(transaction=False) as pipe:
        for one in wanted:
            if one.upload is not None:
                pipe.hgetall(UPLOAD + one.upload)
            else:
                pipe.hgetall(f"{JOB}{one.job}")
        answers = await pipe.execute()
    for one, answer in zip(wanted, answers, strict=True):
        if one.upload is not None and not answer:
            missing = await missing_upload(redis, owner, one.upload)
            if missing.code != "not_found":
                field = f"{one.field}.upload"
                raise Refusal(missing.code, f"{field}: {missing.message}", field=field)
    blobs = []
    for one, answer in zip(wanted, answers, strict=True):
        if one.upload is not None:
            blobs.append(_of_upload(owner, one, answer))
            continue
        fields = unpack(answer)
        if not fields and find_moved is not None:
            fields = await find_moved(one.job or "")
        blobs.append(_of_job(owner, one, fields))
    return blobs


def _of_upload(owner: str, wanted: RequestedSource, fields: Mapping[bytes, bytes]) -> BlobRef:
    field = f"{wanted.field}.upload"
    upload = UploadRecord.from_hash(wanted.upload or "", fields) if fields else None
    if upload is None or upload.owner != owner:
        raise Refusal(
            "not_found",
            f"{field}: Upload {wanted.upload!r} was not found or has expired. Upload it again.",
            field=field,
        )
    return upload.blob


def _of_job(owner: str, wanted: RequestedSource, found: Mapping[bytes, bytes]) -> BlobRef:
    asked = (b"owner", b"state", b"files", b"expires_at")
    whose, state, files, expires_at = (found[name].decode() if name in found else None for name in asked)
    field = f"{wanted.field}.job"
    if whose != owner:
        raise Refusal("not_found", f"{field}: Job {wanted.job!r} was not found.", field=field)
    if expires_at and int(expires_at) <= clock.now_ms():
        raise Refusal(
            "expired", f"{field}: Job {wanted.job!r} has expired and its files were removed. Run it again.", field=field
        )
    if state != State.SUCCEEDED:
        raise Refusal("not_ready", f"{field}: Job {wanted.job!r} is {state}. Wait until it has succeeded.", field=field)
    made: list[dict[str, Any]] = json.loads(files or "[]")
    for one in made:
        if one["name"] == wanted.file:
            return BlobRef(one["blob"], one["bytes"])
    field, names = f"{wanted.field}.file", ", ".join(one["name"] for one in made)
    raise Refusal("not_found", f"{field}: Job {wanted.job!r} has no file {wanted.file!r}. It has {names}.", field=field)
