"""Deletes the bytes of deleted jobs, uploads and schedules, minutes later, unless something else needs them.

`give_up_blobs` (`blobs.lua`) notes the blobs of what is deleted. The reconciliation, which runs every minute, looks at
those that were noted DELETION_GRACE_S ago: a blob that has a holder stays, one that was written since waits for as long
again, and the rest is deleted by the protocol of `tasks.maintenance.sweep`. A run that dies leaves its blobs noted.
"""

import asyncio
import time
from datetime import timedelta

from redis.asyncio import Redis

from tasks import clock
from tasks.maintenance.storage_owner import owns_storage
from tasks.maintenance.sweep import BATCH, BlobSweeper
from tasks.queue.redis_keys import SECOND_MS, UNNEEDED, UNNEEDED_OF
from tasks.queue.script import Script
from tasks.storage.protocol import Storage


async def delete_unneeded(redis: "Redis[bytes]", storage: Storage, *, grace_s: float, until: float) -> int:
    """Delete the blobs that are due. In a storage of another installation it only forgets them.

    Args:
        redis: Connection.
        storage: Whose blobs.
        grace_s: Seconds since a blob was given up, and since it was last written.
        until: When to stop, as `time.monotonic()`; the next run goes on.

    Returns:
        How many were deleted.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    deleted, is_ours = 0, None
    while time.monotonic() < until:
        now_ms = clock.of_redis(await redis.time())
        first = await redis.zrangebyscore(
            UNNEEDED, "-inf", now_ms - grace_s * SECOND_MS, start=0, num=BATCH, withscores=True
        )
        if not first:
            break
        if is_ours is None:
            is_ours = await owns_storage(redis, storage)
        last = first[-1][1]
        # All that were given up until then: what is given up again meanwhile has a later time, and is not forgotten.
        due = [one.decode() for one in await redis.zrangebyscore(UNNEEDED, "-inf", last)]
        for start in range(0, len(due) if is_ours else 0, BATCH):
            deleted += await _delete(redis, storage, due[start : start + BATCH], now_ms, grace_s)
        await redis.zremrangebyscore(UNNEEDED, "-inf", last)
    return deleted


async def _delete(redis: "Redis[bytes]", storage: Storage, due: list[str], now_ms: int, grace_s: float) -> int:
    """Delete those that nothing needs, and note again those that have to wait. Returns how many were deleted."""
    sweeper = BlobSweeper(redis, storage, dry_run=False)
    answers = await sweeper.examine(due)
    found = await asyncio.gather(*(storage.find(one) for one in due if answers[one] == "free"))
    before = clock.from_ms(now_ms) - timedelta(seconds=grace_s)
    old = {blob.sha256: blob for blob in found if blob is not None and blob.modified <= before}
    later = [blob.sha256 for blob in found if blob is not None and blob.modified > before]
    later += [one for one in due if answers[one] == "busy"]  # by a process that may have died
    if later:
        await Script(redis, "upkeep/give_up")({"holder": "", "blobs": later})
    deleted = (await sweeper.sweep(old, 0, fresh=True)).deleted
    if settled := set(due) - set(later):
        await redis.hdel(UNNEEDED_OF, *settled)
    return deleted
