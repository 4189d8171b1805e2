"""Ended jobs whose time in Redis is over, and what the history has of them."""

import gzip
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from arq.connections import ArqRedis

from tasks import clock
from tasks.history.archive import BUCKET_BITS, FOLDER, place_of
from tasks.history.upkeep import RECORDS_AT_ONCE, HistoryUpkeep
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import HISTORY_IDS, JOB, LINGER_MS
from tasks.storage.protocol import Storage, StorageUnavailable
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit

AT_ONCE: Final = 5_000
FIRST_NUMBER: Final = 70_000
"""Of an object, after a long time."""
T = TypeVar("T")
Step = Callable[[], Awaitable[object]]


async def let_expire(redis: ArqRedis, ids: Sequence[str], ago_ms: int = 0) -> None:
    """Let the time of these be over. ago_ms: for how long already, beyond the time for downloads."""
    now_ms = clock.of_redis(await redis.time())
    for job_id in ids:
        await redis.hset(JOB + job_id, "expires_at", now_ms - LINGER_MS - ago_ms)


async def let_pass(redis: ArqRedis, ids: Sequence[str], ms: int) -> None:
    """Let the end of these be so long ago; they are kept for as much less from now on."""
    for job_id in ids:
        await redis.hincrby(JOB + job_id, "expires_at", -ms)


async def move(
    redis: ArqRedis, storage: Storage, ids: Sequence[str], wait_ms: int = 0, in_redis_ms: int | None = None
) -> int:
    """What the reconciliation does with these."""
    moving = HistoryUpkeep(redis, storage).move(ids, time.monotonic() + 60, in_redis_ms=in_redis_ms, wait_ms=wait_ms)
    return sum([count async for count in moving])


async def tidy(redis: ArqRedis, storage: Storage) -> int:
    return await HistoryUpkeep(redis, storage).tidy(time.monotonic() + 60)


async def bytes_of_an_id(redis: ArqRedis, count: int, buckets: int = 1 << BUCKET_BITS) -> float:
    """What an id in the history takes up in Redis, with so many of them. With fewer buckets each has as many members as
    with many more ids."""
    for start in range(0, count, AT_ONCE):
        async with redis.pipeline(transaction=False) as pipe:
            for n in range(start, min(start + AT_ONCE, count)):
                place = place_of(f"{n:032x}")
                number = FIRST_NUMBER + n // RECORDS_AT_ONCE
                pipe.hset(f"{HISTORY_IDS}{int(place.bucket) % buckets}", place.member, number)
            await pipe.execute()
    async with redis.pipeline(transaction=False) as pipe:
        for bucket in range(buckets):
            pipe.memory_usage(f"{HISTORY_IDS}{bucket}", samples=0)
        return sum(int(size or 0) for size in await pipe.execute()) / count


async def archived_text(storage: Storage) -> str:
    """All that the history of every installation has, readable."""
    names = await storage.object_names(FOLDER)
    return "\n".join([gzip.decompress(await storage.get_object(name) or b"").decode() for name in names])


async def ended(enqueuer: Enqueuer, worker: FakeWorker, verb: str = "succeeded", **fields: object) -> str:
    job_id = await submit(enqueuer, **fields)
    assert await worker.finish(await worker.one(), verb, fields=("result", '{"größe": null}'))
    return job_id


class BrokenStorage:
    """A storage of which a step comes before and after each write of an object, and which does not give one object."""

    def __init__(
        self, storage: Storage, *, before: Step | None = None, after: Step | None = None, archived: str | None = None
    ) -> None:
        self._before, self._after = before, after
        self._storage, self._archived = storage, archived
        self.object_names = storage.object_names
        self.delete_objects, self.check = storage.delete_objects, storage.check

    async def get_object(self, name: str) -> bytes | None:
        if name == self._archived:
            raise StorageUnavailable(f"{name} is in an archive")
        return await self._storage.get_object(name)

    async def put_object(self, name: str, content: bytes) -> None:
        await self._write(self._storage.put_object(name, content))

    async def create_object(self, name: str, content: bytes) -> bool:
        return await self._write(self._storage.create_object(name, content))

    async def _write(self, writing: Coroutine[Any, Any, T]) -> T:
        try:
            if self._before:
                await self._before()
        except BaseException:
            writing.close()
            raise
        written = await writing
        if self._after:
            await self._after()
        return written


async def die() -> None:
    raise RuntimeError("killed")


async def be_away() -> None:
    raise StorageUnavailable("away")


def broken(
    storage: Storage, *, before: Step | None = None, after: Step | None = None, archived: str | None = None
) -> Storage:
    return BrokenStorage(storage, before=before, after=after, archived=archived)  # type: ignore[return-value]
