"""Deleting the blobs that nobody needs, beside everyone who just sends one.

A blob is in the storage, and in Redis is who needs it: no step is atomic over both. Whoever sends bytes writes the blob
first, which renews its modified time if it is there already, and then says in Redis that it is needed (*holds* it): the
API when it enqueues a job or keeps an upload, a worker when it finishes a job. Between the two nobody seems to need it.

The protocol, whose steps in Redis are one script each:

1. The sweep lists the storage. A blob younger than the grace is passed over: who has just sent it, or is at work on a
   job whose output it is, will hold it soon. No attempt at a job takes as long as the shortest grace (a test says so).
2. `release.lua` looks at those who hold a blob. If none of them lives any more, it puts a **mark** on it: the time
   until which the sweep may be deleting it.
3. The sweep deletes the blob from the storage, and `bury.lua` changes the mark: from this moment nothing deletes it.
   The mark stays for SWEPT_MS.
4. Whoever holds a blob that is marked is refused by its script (`swept` in `records.lua`), since what it sent may have
   been written a moment before the deletion, which then took it along. Before step 3 is over it waits. After it:
   - the API looks whether the blob is there (`tasks.queue.jobs.enqueue_with_blobs`). If so, it was written after the
     deletion, and is held; if not, the sender is asked to send it again, and nothing has been written down.
   - a job whose attempt began after the deletion wrote its outputs after it. One that began before runs again, and
     uses up no try (`finish.lua`).

So a blob that somebody holds is there, whatever comes between the steps. A sweep that dies leaves marks that end by
themselves, and blobs that the next one finds. Two at once do not take the same blob: the mark is one's alone. A process
that is held up between marking and deleting lets the blob be, for others may believe its deletion over (LATE_S); only
one that stands still for minutes between that look and the request itself could do harm.

What a job needs is held until the job has expired, and LINGER_MS longer, for downloads that have begun.
The storage's prefix belongs to one Redis alone: what another one's jobs need, this one cannot know.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from tasks.queue.script import Script
from tasks.storage.protocol import Storage, StoredBlob

BATCH = 100
"""Blobs in one script, and in one deletion: neither Redis nor the storage is held up."""
LATE_S = 30.0
"""A batch that was marked longer ago than this is not deleted; much less than SWEEPING_MS."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of some blobs. bytes: of those deleted."""

    examined: int
    deleted: int
    bytes: int


async def sweep(redis: "Redis[bytes]", storage: Storage, *, before: datetime, dry_run: bool) -> AsyncIterator[Swept]:
    """Delete the blobs that were written before a time (with a time zone) and that nobody needs, a batch a step.

    dry_run: only tell what would be deleted. Raises: `StorageUnavailable`, redis.exceptions.RedisError; begun anew it
    goes on where it was, for what is deleted is not listed again.
    """
    broom = BlobSweeper(redis, storage, dry_run=dry_run)
    young, old = 0, dict[str, StoredBlob]()
    async for blob in storage.blobs():
        if blob.modified < before:
            old[blob.sha256] = blob
        else:
            young += 1
        if len(old) == BATCH:
            yield await broom.sweep(old, young)
            young, old = 0, {}
    yield await broom.sweep(old, young)


class BlobSweeper:
    def __init__(self, redis: "Redis[bytes]", storage: Storage, *, dry_run: bool) -> None:
        self._release = Script(redis, "upkeep/release")
        self._bury = Script(redis, "upkeep/bury")
        self._storage = storage
        self._dry_run = dry_run

    async def sweep(self, old: dict[str, StoredBlob], young: int) -> Swept:
        began = time.monotonic()
        answers = await self._release({"blobs": list(old), "mark": True, "dry": self._dry_run}) if old else []
        free = [blob for blob, answer in zip(old.values(), answers, strict=True) if answer == "free"]
        if free and not self._dry_run:
            if time.monotonic() - began > LATE_S:
                free = []
            else:
                shas = [blob.sha256 for blob in free]
                await self._storage.delete(shas)
                await self._bury({"blobs": shas})
        return Swept(len(old) + young, len(free), sum(blob.bytes for blob in free))
