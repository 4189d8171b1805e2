"""Counts what each owner has in the storage, beside the sweep that lists it."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

from redis.asyncio import Redis

from tasks.accounts.usage import UsageStore
from tasks.queue.script import Script
from tasks.storage.protocol import StoredBlob


class StoredCount:
    """One count. A blob that several owners need counts for each of them."""

    def __init__(self, redis: "Redis[bytes]", before: dict[str, int]) -> None:
        self._owners = Script(redis, "read/blob_owners")
        self._usage = UsageStore(redis)
        self._before = before
        self._counted: Counter[str] = Counter()

    @classmethod
    async def begin(cls, redis: "Redis[bytes]") -> Self:
        """Begin a count: what is stored and deleted from now on is added to it afterwards."""
        return cls(redis, await UsageStore(redis).all_stored())

    async def add(self, blobs: Sequence[StoredBlob]) -> None:
        """Count some blobs that the storage has."""
        owners = await self._owners({"blobs": [blob.sha256 for blob in blobs]}) if blobs else []
        for blob, names in zip(blobs, owners, strict=True):
            for name in names:
                self._counted[name] += blob.bytes

    async def end(self) -> None:
        """Correct what was added up, now that the whole storage was listed."""
        await self._usage.correct_stored(self._before, self._counted)
