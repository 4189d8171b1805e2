"""Forgetting ended jobs before their time."""

from collections.abc import Sequence

from redis.asyncio import Redis

from tasks.queue.jobs.bulk_step import BulkStep, answers_of, payload_of
from tasks.queue.script import Script


class Deleter:
    """Deletes jobs by id: record, listings, ARQ's keys, and their need of blobs. The bytes go with the next cleanup."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._delete = Script(redis, "verbs/delete")

    async def delete(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """Some dozens of jobs at once. Answers for each `deleted`, `unknown`, `needed` (an event that is still being
        delivered, or a job for which others still wait), or the state of one that has not ended. Raises: Superseded."""
        return answers_of(await self._delete({"ids": ids, "by": payload_of(step)}))
