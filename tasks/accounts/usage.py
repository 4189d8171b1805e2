"""What owners have used, by day, and what they have in the storage. The scripts count it (`lua/parts/counters.lua`)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self

from redis.asyncio import Redis

from tasks.queue.account_keys import STORED, USAGE
from tasks.queue.redis_keys import DAY_MS
from tasks.queue.script import Script

EPOCH: Final = date(1970, 1, 1)
SCANNED_AT_ONCE: Final = 1000
CPU: Final = "cpu "


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What one owner used on one day (UTC).

    Args:
        day: The day.
        jobs: Kind → state → jobs that ended so.
        cpu_ms: Kind → milliseconds of CPU time of its calls in the sandbox.
        bytes_in: Bytes that were sent with requests, and stored.
        bytes_out: Bytes of files that jobs made.
        stored_bytes: Bytes in the storage when that changed last on this day; None if it did not change.
    """

    day: date
    jobs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    cpu_ms: Mapping[str, int] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    stored_bytes: int | None = None

    @classmethod
    def from_hash(cls, day: date, raw: Mapping[bytes, bytes]) -> Self:
        """Read the hash of a day."""
        numbers = {name.decode(): int(value) for name, value in raw.items()}
        bytes_in, bytes_out, stored = numbers.pop("in", 0), numbers.pop("out", 0), numbers.pop("stored", None)
        jobs: dict[str, dict[str, int]] = {}
        cpu_ms: dict[str, int] = {}
        for name, number in numbers.items():
            if name.startswith(CPU):
                cpu_ms[name.removeprefix(CPU)] = number
            else:
                kind, _, state = name.rpartition(" ")
                jobs.setdefault(kind, {})[state] = number
        return cls(day, jobs, cpu_ms, bytes_in, bytes_out, stored)


@dataclass(frozen=True, slots=True)
class BytesUsed:
    """Bytes of one owner now.

    Args:
        stored: In the storage.
        unfinished: That its uploads may have which are not complete, or not checked yet.
        today: Sent and made on this day (UTC).
    """

    stored: int
    unfinished: int
    today: int


class UsageStore:
    """Reads and corrects what owners have used."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._bytes_used = Script(redis, "read/bytes_used")

    async def bytes_used(self, owner: str) -> BytesUsed:
        """How many bytes an owner has and has used today, in one round trip."""
        stored, unfinished, today = await self._bytes_used({"owner": owner})
        return BytesUsed(int(stored), int(unfinished), int(today))

    async def days(self, owner: str, first: date, last: date) -> tuple[list[UsageDay], int]:
        """The days from `first` to `last`, both included, on which the owner used something; and the bytes that it has
        in the storage now. In one round trip."""
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(_key(owner, day))
            pipe.hget(STORED, owner)
            *found, stored = await pipe.execute()
        used = [UsageDay.from_hash(day, raw) for day, raw in zip(days, found, strict=True) if raw]
        return used, max(int(stored or 0), 0)

    async def all_stored(self) -> dict[str, int]:
        """What each owner is counted to have in the storage, in bytes."""
        return {owner.decode(): int(stored) for owner, stored in (await self._redis.hgetall(STORED)).items()}

    async def correct_stored(self, before: Mapping[str, int], counted: Mapping[str, int]) -> None:
        """Replace what was added up by what was counted; what has changed since stays.

        Args:
            before: `all_stored()` at the beginning of the count.
            counted: Owner → bytes that the storage has of it.
        """
        changes = {owner: counted.get(owner, 0) - before.get(owner, 0) for owner in {*before, *counted}}
        await Script(self._redis, "upkeep/stored")({"changes": {name: by for name, by in changes.items() if by}})

    async def expire(self, keep_days: int) -> int:
        """Remove days that are older. Returns how many."""
        oldest, removed = (datetime.now(UTC).date() - EPOCH).days - keep_days, 0
        async for keys in self._pages():
            old = [key for key in keys if int(key.rpartition(b":")[2]) < oldest]
            removed += await self._redis.unlink(*old) if old else 0
        return removed

    async def _pages(self) -> AsyncIterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, keys = await self._redis.scan(cursor, match=f"{USAGE}*", count=SCANNED_AT_ONCE)
            yield keys
            if not cursor:
                return


def _key(owner: str, day: date) -> str:
    return f"{USAGE}{owner}:{(day - EPOCH).days}"


def seconds_left_today() -> int:
    """Seconds until the next day begins (UTC)."""
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return int((DAY_MS - now_ms % DAY_MS) / 1000) + 1
