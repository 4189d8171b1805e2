"""Removes the objects of incoming uploads (`tasks/uploads/incoming.py`) that have expired, were deleted or are stored.

The reconciliation, which runs every minute, removes those of uploads whose time is over. A request that began before
may write an object afterwards, and Redis may lose its keys: the nightly cleanup removes what no record knows.
"""

import time
from collections.abc import AsyncIterator
from datetime import datetime

from redis.asyncio import Redis

from tasks import clock
from tasks.maintenance.storage_owner import owns_storage
from tasks.queue.redis_keys import INCOMING_IDS
from tasks.queue.script import Script
from tasks.storage.protocol import Storage

AT_ONCE = 100


async def remove_expired(redis: "Redis[bytes]", storage: Storage, *, until: float) -> int:
    """Remove the objects of uploads whose time is over. In a storage of another installation it only forgets them.

    Args:
        redis: Connection.
        storage: Where the objects are.
        until: When to stop, as `time.monotonic()`; the next run goes on.

    Returns:
        How many uploads there were.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    removed, is_ours = 0, None
    while time.monotonic() < until:
        now_ms = clock.of_redis(await redis.time())
        due = [one.decode() for one in await redis.zrangebyscore(INCOMING_IDS, "-inf", now_ms, start=0, num=AT_ONCE)]
        if not due:
            break
        if is_ours is None:
            is_ours = await owns_storage(redis, storage)
        for upload_id in due if is_ours else ():
            await storage.incoming.delete(upload_id)
        await Script(redis, "upkeep/incoming")({"ids": due})
        removed += len(due)
    return removed


async def remove_unknown(redis: "Redis[bytes]", storage: Storage, *, before: datetime, dry_run: bool) -> int:
    """Remove the objects of uploads that Redis does not know.

    Args:
        redis: Connection.
        storage: Where the objects are.
        before: Objects last written before this time, which has a time zone.
        dry_run: Only count them.

    Returns:
        How many uploads there were.
    """
    count = 0
    async for uploads in _old(storage, before):
        for upload_id in uploads:
            if await redis.zscore(INCOMING_IDS, upload_id) is None:
                count += 1
                if not dry_run:
                    await storage.incoming.delete(upload_id)
    return count


async def _old(storage: Storage, before: datetime) -> AsyncIterator[set[str]]:
    """The ids of old objects, some at a time: what is deleted is listed no more."""
    found: set[str] = set()
    async for one in storage.incoming.objects():
        if one.modified < before:
            found.add(one.upload)
        if len(found) == AT_ONCE:
            yield found
            found = set()
    yield found
