"""Records that have left Redis, by id."""

import asyncio

from redis.asyncio import Redis

from tasks.history.archive import find_fields, path_of, place_of
from tasks.history.kept import kept_of
from tasks.queue.records.packing import Fields
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import HISTORY_IDS, INSTALLATION
from tasks.queue.script import Script
from tasks.settings import Settings
from tasks.storage.protocol import Storage


class History:
    """The history of this installation, which is empty unless HISTORY=storage.

    Args:
        redis: Connection.
        storage: Where the records are.
        settings: Of which HISTORY is read.
    """

    def __init__(self, redis: "Redis[bytes]", storage: Storage, settings: Settings) -> None:
        self.on = settings.history == "storage"
        self._redis = redis
        self._storage = storage
        self._script = Script(redis, "upkeep/history")

    async def find(self, job_id: str) -> Record | None:
        """Read a record; None if the history has none of this id.

        Raises:
            StorageUnavailable: It has one, but the storage does not answer.
            redis.exceptions.RedisError: Redis does not answer.
        """
        fields = await self.find_fields(job_id)
        return Record.from_hash(job_id, fields) if fields else None

    async def find_fields(self, job_id: str) -> Fields:
        """As `find`, the hash as Redis had it, not packed; empty if the history has none of this id."""
        if not self.on:
            return {}
        place = place_of(job_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(INSTALLATION, "id")
            pipe.hget(HISTORY_IDS + place.bucket, place.member)
            installation, number = await pipe.execute()
        if installation is None or number is None:
            return {}
        content = await self._storage.get_object(path_of(installation.decode(), int(number)))
        if content is None:
            await self._storage.check()  # all are missing where the bucket is
            return {}
        # A millisecond or two, in which others go on.
        return await asyncio.to_thread(find_fields, content, job_id)

    async def erase(self, job_id: str, record: Record | None = None) -> bool:
        """Delete a record: it is not found from now on, and the next reconciliation removes its line from the storage.
        Its files go as those of a deleted job do.

        Args:
            job_id: The job's id.
            record: As it was found, for its files; None if it has none.

        Returns:
            Whether the history had it.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        if not self.on:
            return False
        place = place_of(job_id)
        kept = None if record is None else kept_of(record)
        return bool(await self._script({"verb": "erase", **place._asdict(), "id": job_id, "kept": kept}))
