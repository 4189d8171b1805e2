"""Records that have left Redis, by id."""

import asyncio

from redis.asyncio import Redis

from tasks.history.archive import find_record, path_of, place_of
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
        if not self.on:
            return None
        place = place_of(job_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(INSTALLATION, "id")
            pipe.hget(HISTORY_IDS + place.bucket, place.member)
            installation, number = await pipe.execute()
        if installation is None or number is None:
            return None
        content = await self._storage.get_object(path_of(installation.decode(), int(number)))
        if content is None:
            await self._storage.check()  # all are missing where the bucket is
            return None
        # A millisecond or two, in which others go on.
        return await asyncio.to_thread(find_record, content, job_id)

    async def erase(self, job_id: str) -> bool:
        """Delete a record: it is not found from now on, and the next reconciliation removes its line from the storage.

        Returns:
            Whether the history had it.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        if not self.on:
            return False
        place = place_of(job_id)
        return bool(await self._script({"verb": "erase", "bucket": place.bucket, "member": place.member}))
