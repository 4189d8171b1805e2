"""An upload whose bytes are there becomes an ordinary one: a worker's job checks and stores it."""

from api.http.caller import Caller
from tasks.queue.records.list import read
from tasks.queue.records.record import State
from tasks.refusal import CODES, Refusal
from tasks.uploads.incoming import IncomingStore, IncomingUpload
from tasks.uploads.kind import UPLOAD, UploadParams
from tasks.uploads.store import UploadRecord, find_upload


async def finish(caller: Caller, upload: IncomingUpload, seconds: float) -> UploadRecord | None:
    """Submit the job of an upload, once for all, and wait for it. One that has failed is run again while the upload is
    there: a worker of a version that does not know the kind, or a cancellation, has cost it nothing.

    Args:
        caller: Whose upload it is.
        upload: All of whose bytes are there.
        seconds: How long to wait.

    Returns:
        The upload, or None if the job has not ended yet.

    Raises:
        Refusal: As the job has failed; `owner_queue_full`, `queue_full`, `redis_full`.
    """
    context = caller.context
    await IncomingStore(context.redis).complete(upload)
    submitted = await caller.submit(UPLOAD, UploadParams(upload=upload.id), idempotency_key=f"upload:{upload.id}")
    if not submitted.created:
        earlier = await read(context.redis, submitted.job_id)
        if earlier is not None and earlier.state in (State.FAILED, State.CANCELLED):
            await context.job_store.retry([submitted.job_id])
    record = await context.watch.wait_until_ended(submitted.job_id, seconds)
    if record is not None and record.state in (State.FAILED, State.CANCELLED):
        error = record.error or {"code": "cancelled", "message": "The job that checks the upload was cancelled."}
        raise Refusal(error["code"] if error["code"] in CODES else "failed", error["message"])
    return await find_upload(context.redis, upload.owner, upload.id)
