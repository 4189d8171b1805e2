"""Deletes what failed attempts at deliveries have sent and received (`tasks/webhook/exchanges`), with the delivery.

The reconciliation, which runs every minute, deletes that of deleted deliveries. The nightly cleanup deletes that of
deliveries whose time in Redis is over, and whatever no record knows: a worker may write a file after the deletion, and
Redis may lose its keys.
"""

import time
from collections.abc import AsyncIterator
from datetime import datetime

from redis.asyncio import Redis

from tasks import clock
from tasks.maintenance.storage_owner import owns_storage
from tasks.queue.redis_keys import JOB, LINGER_MS, UNNEEDED_EXCHANGES
from tasks.storage.protocol import Storage
from tasks.webhook.exchanges.files import FOLDER, delivery_of, path_of

AT_ONCE = 100


async def delete_exchanges(redis: "Redis[bytes]", storage: Storage, *, until: float) -> int:
    """Delete the exchanges of deleted deliveries. In a storage of another installation it only forgets them, as it does
    those of deliveries that are there again.

    Args:
        redis: Connection.
        storage: Where they are.
        until: When to stop, as `time.monotonic()`; the next run goes on.

    Returns:
        Of how many deliveries.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    deliveries, is_ours = 0, None
    while time.monotonic() < until:
        due = await redis.zrange(UNNEEDED_EXCHANGES, 0, AT_ONCE - 1, withscores=True)
        if not due:
            break
        if is_ours is None:
            is_ours = await owns_storage(redis, storage)
        if is_ours:
            gone = await _gone(redis, [(one.decode(), int(last)) for one, last in due])
            numbers = ((delivery, number) for delivery, last in gone for number in range(1, last + 1))
            await storage.delete_objects(path_of(delivery, number) for delivery, number in numbers)
        await redis.zrem(UNNEEDED_EXCHANGES, *(one for one, _ in due))
        deliveries += len(due)
    return deliveries


async def _gone(redis: "Redis[bytes]", due: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those that are still deleted. A recovery of the endpoint makes a delivery of the same id again, whose attempts
    have files of the same names."""
    async with redis.pipeline(transaction=False) as pipe:
        for delivery, _ in due:
            pipe.exists(JOB + delivery)
        exist = await pipe.execute()
    return [one for one, exists in zip(due, exist, strict=True) if not exists]


async def sweep_exchanges(
    redis: "Redis[bytes]", storage: Storage, *, before: datetime, dry_run: bool
) -> AsyncIterator[int]:
    """Delete the exchanges of deliveries that Redis does not have, or whose time is over.

    Args:
        redis: Connection.
        storage: Where they are; this installation's own.
        before: Files last written before this time, which has a time zone.
        dry_run: Only count them.

    Yields:
        How many of a batch.
    """
    async for paths in _old(storage, before):
        unneeded = await _unneeded(redis, paths)
        if not dry_run:
            await storage.delete_objects(unneeded)
        yield len(unneeded)


async def _unneeded(redis: "Redis[bytes]", paths: dict[str, str]) -> list[str]:
    """Those whose delivery is not there any more."""
    now_ms = clock.of_redis(await redis.time())
    async with redis.pipeline(transaction=False) as pipe:
        for delivery in paths.values():
            pipe.hmget(JOB + delivery, "state", "expires_at")
        found = await pipe.execute()
    return [
        path
        for path, (state, expires_at) in zip(paths, found, strict=True)
        if state is None or (expires_at is not None and int(expires_at) + LINGER_MS <= now_ms)
    ]


async def _old(storage: Storage, before: datetime) -> AsyncIterator[dict[str, str]]:
    """Old files with their deliveries, some at a time: what is deleted is listed no more."""
    found: dict[str, str] = {}
    async for one in storage.objects(FOLDER):
        delivery = delivery_of(one.name)
        if delivery is not None and one.modified < before:
            found[one.name] = delivery
        if len(found) == AT_ONCE:
            yield found
            found = {}
    if found:
        yield found
