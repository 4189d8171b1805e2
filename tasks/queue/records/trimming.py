"""Walking through all keys once: what indexes list though it is gone, and who is said to need a blob though he is
gone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from tasks.queue.records.record import State
from tasks.queue.redis_keys import BLOB, ENDPOINT, ENDPOINTS, JOB, JOBS, SCHEDULE, SCHEDULES, SUBSCRIBERS
from tasks.queue.script import Script

PAGE_KEYS = 1000
"""Keys that one step of the walk asks for."""
AT_ONCE = 100
"""Members of an index, or blobs, in one script."""
INDEXES: Final = {JOBS: JOB, ENDPOINTS: ENDPOINT, SUBSCRIBERS: ENDPOINT, f"{SCHEDULES}:": SCHEDULE}
"""How the keys of indexes (zsets) begin → how the keys of their members begin."""
STATES: Final = frozenset(State)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What one step came by. keys: looked through; entries: of indexes, that were examined and removed."""

    keys: int
    examined: int
    removed: int


async def trim(redis: "Redis[bytes]", *, dry_run: bool) -> AsyncIterator[Trimmed]:
    """Walk through all keys, a page a step; with dry_run only count. An index that expires by itself is left to that.

    Raises: redis.exceptions.RedisError; begun anew it does no harm, and finds less to do.
    """
    shears = IndexTrimmer(redis, dry_run=dry_run)
    cursor: int | None = None
    while cursor != 0:
        cursor, keys = await redis.scan(cursor or 0, count=PAGE_KEYS)
        examined = removed = 0
        names = [key.decode(errors="surrogateescape") for key in keys]
        for name in await shears.lasting([name for name in names if name.startswith(tuple(INDEXES))]):
            async for seen, gone in shears.trim(name):
                examined, removed = examined + seen, removed + gone
        await shears.release([name.removeprefix(BLOB) for name in names if name.startswith(BLOB)])
        yield Trimmed(len(keys), examined, removed)


class IndexTrimmer:
    def __init__(self, redis: "Redis[bytes]", *, dry_run: bool) -> None:
        self._redis = redis
        self._trim = Script(redis, "upkeep/trim")
        self._release = Script(redis, "upkeep/release")
        self._dry_run = dry_run

    async def lasting(self, names: list[str]) -> list[str]:
        """Those that do not expire."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.pttl(name)
            left = await pipe.execute()
        return [name for name, ms in zip(names, left, strict=True) if ms == -1]

    async def trim(self, index: str) -> AsyncIterator[tuple[int, int]]:
        """How many members of an index were examined, and removed, a part at a time."""
        things = next(things for prefix, things in INDEXES.items() if index.startswith(prefix))
        payload: dict[str, Any] = {"index": index, "key": things, "dry": self._dry_run}
        # An owner may have the name of a state. The index of an owner has no state of its own.
        job_index, _, state = index.removeprefix(JOBS).rpartition(":")
        if things == JOB and job_index and state in STATES:
            payload["state"] = state
        cursor: int | None = None
        while cursor != 0:
            cursor, found = await self._redis.zscan(index, cursor or 0, count=AT_ONCE)
            members = [member.decode(errors="surrogateescape") for member, _ in found]
            for start in range(0, len(members), AT_ONCE):
                part = members[start : start + AT_ONCE]
                yield len(part), await self._trim({**payload, "members": part})

    async def release(self, blobs: list[str]) -> None:
        """Forget who no longer needs these."""
        for start in range(0, len(blobs), AT_ONCE):
            await self._release({"blobs": blobs[start : start + AT_ONCE], "mark": False, "dry": self._dry_run})
