"""Deletes blobs that nothing needs any more, while other processes write blobs.

The bytes of a blob are in the storage; who needs it (its *holders*) is in Redis. No step is atomic over both. A writer
first writes the blob, which renews the modified time of an existing one, and then registers as a holder in Redis: the
API when it enqueues a job or keeps an upload, a worker when it finishes a job. Between the two the blob has no holder.

The protocol, whose steps in Redis are one script each:

1. The sweep lists the storage. It skips blobs younger than the grace period, whose writer may register soon. No attempt
   at a job takes as long as the shortest grace period (a test checks this).
2. `release.lua` checks the holders of a blob. If none of them exists any more, it sets a **mark**: the time until which
   the sweep may be deleting the blob.
3. The sweep deletes the blob from the storage, and `bury.lua` changes the mark: from now on the blob is not being
   deleted. The mark stays for SWEPT_MS.
4. The script that registers a holder of a marked blob refuses (`swept` in `records.lua`), since the writer may have
   written just before the deletion. Until step 3 is over it waits. After that:
   - the API checks whether the blob exists (`tasks.queue.jobs.enqueue_with_blobs`). If so, it was written after the
     deletion and is registered; if not, the client is asked to send it again, and nothing has been stored.
   - a job whose attempt began after the deletion wrote its outputs after it. One that began before runs again, without
     using up a try (`finish.lua`).

So a blob with a holder exists, whatever happens between the steps. A sweep that dies leaves marks that expire, and
blobs that the next one finds. Two sweeps at once never delete the same blob, since only one of them sets its mark. A
process that is delayed between marking and deleting keeps the blob, since the mark may have expired (LATE_S); only one
that is suspended for minutes between this check and the request could delete a blob that is needed.

Blobs of deleted jobs are deleted in the same way, only sooner (`tasks.maintenance.deleted_bytes`): the marks alone keep
what is needed. A grace period spares other jobs to run again, and clients to send again, what was just deleted.

A job's blobs are held until the job has expired and LINGER_MS longer, for downloads that have begun. The storage's
prefix belongs to one Redis alone: a sweep does not know what the jobs of another one need.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from tasks.maintenance.stored_bytes import StoredCount
from tasks.queue.script import Script
from tasks.storage.protocol import Storage, StoredBlob

BATCH = 100
"""Blobs in one script and in one deletion, so that neither Redis nor the storage is blocked for long."""
LATE_S = 30.0
"""Seconds after which a marked batch is not deleted any more; much less than SWEEPING_MS."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many blobs were examined and deleted, and the bytes of those deleted."""

    examined: int
    deleted: int
    bytes: int


async def sweep(
    redis: "Redis[bytes]", storage: Storage, *, before: datetime, dry_run: bool, count: StoredCount | None = None
) -> AsyncIterator[Swept]:
    """Delete old blobs that nothing needs, in batches. After a failure it can be started again.

    Args:
        redis: Connection.
        storage: Whose blobs.
        before: Blobs last written before this time, which has a time zone.
        dry_run: Only count what would be deleted.
        count: Is told of every blob that the storage has.

    Yields:
        What was done with each batch.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    sweeper = BlobSweeper(redis, storage, dry_run=dry_run)
    young, old, listed = 0, dict[str, StoredBlob](), list[StoredBlob]()
    async for blob in storage.blobs():
        listed.append(blob)
        if count is not None and len(listed) >= BATCH:
            await count.add(listed)
            listed = []
        if blob.modified < before:
            old[blob.sha256] = blob
        else:
            young += 1
        if len(old) == BATCH:
            yield await sweeper.sweep(old, young)
            young, old = 0, {}
    yield await sweeper.sweep(old, young)
    if count is not None:
        await count.add(listed)


class BlobSweeper:
    """Deletes batches of blobs that nothing needs."""

    def __init__(self, redis: "Redis[bytes]", storage: Storage, *, dry_run: bool) -> None:
        self._release = Script(redis, "upkeep/release")
        self._bury = Script(redis, "upkeep/bury")
        self._storage = storage
        self._dry_run = dry_run

    async def examine(self, shas: list[str]) -> dict[str, str]:
        """What `release.lua` answers for each blob, without a change: `needed`, `busy` or `free`."""
        return dict(zip(shas, await self._release({"blobs": shas, "dry": True}), strict=True))

    async def sweep(self, old: dict[str, StoredBlob], young: int, *, fresh: bool = False) -> Swept:
        """Delete those of a batch that nothing needs.

        Args:
            old: Blobs to check, by SHA-256.
            young: How many blobs were skipped, for the count.
            fresh: The storage was asked about each of them just now: one that was lately deleted is there again.
        """
        began = time.monotonic()
        payload = {"blobs": list(old), "mark": True, "dry": self._dry_run, "fresh": fresh}
        answers = await self._release(payload) if old else []
        free = [blob for blob, answer in zip(old.values(), answers, strict=True) if answer == "free"]
        if free and not self._dry_run:
            if time.monotonic() - began > LATE_S:
                free = []
            else:
                shas = [blob.sha256 for blob in free]
                await self._storage.delete(shas)
                sizes = {blob.sha256: blob.bytes for blob in free} if fresh else None
                await self._bury({"blobs": shas, "sizes": sizes})
        return Swept(len(old) + young, len(free), sum(blob.bytes for blob in free))
