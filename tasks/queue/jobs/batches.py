"""Batches to which jobs are added one by one. Several jobs at once are a batch by `Enqueuer.enqueue`_batch`."""

from redis.asyncio import Redis

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import new_id
from tasks.queue.script import Script
from tasks.settings import Settings


class Batches:
    """Opens and seals batches. A batch ends when it is sealed and its last job has ended."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._batch = Script(redis, "submit/batch")
        self._keep = keep_ms(settings)

    async def open(self, owner: str, **fields: str | None) -> str:
        """The id of a new batch without jobs. fields: of its record, such as `name`, `address` and `notify`."""
        batch_id = new_id()
        said = [text for name, value in fields.items() if value for text in (name, value)]
        await self._batch({"verb": "open", "id": batch_id, "owner": owner, "fields": said})
        return batch_id

    async def seal(self, owner: str, batch_id: str) -> bool:
        """Let no more jobs join; without any that still runs it ends at once. False if the owner has no such batch."""
        answer = await self._batch({"verb": "seal", "id": batch_id, "owner": owner, "keep": self._keep})
        return bool(answer == "sealed")
