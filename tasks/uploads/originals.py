"""Originals that are kept longer than their jobs, so that more can be made of them later.

The kept original of a job is an upload (`tasks/uploads/store.py`) whose id is that of the job: it expires like one, is
deleted like one, and is deleted with its job (`delete.lua`).
"""

from redis.asyncio import Redis

from tasks.blob_ref import BlobRef
from tasks.queue.redis_keys import JOB
from tasks.storage.protocol import Storage
from tasks.uploads.store import UploadRecord, keep


async def keep_original(
    redis: "Redis[bytes]", storage: Storage, job_id: str, owner: str, blob: BlobRef, *, seconds: int
) -> UploadRecord:
    """Keep what a job was made of. It has the name of the job.

    Args:
        redis: Connection.
        storage: Where the blob is.
        job_id: The job's id.
        owner: Whose job it is.
        blob: What is kept.
        seconds: For how long, from now.

    Raises:
        Refusal: `redis_full`; `unavailable`: the cleanup has just deleted the blob (see
            `tasks.queue.jobs.enqueue_with_blobs`).
    """
    name = await redis.hget(JOB + job_id, "name")
    shown = name.decode() if name else None
    return await keep(redis, owner, blob, name=shown, seconds=seconds, storage=storage, upload_id=job_id, sent=False)
