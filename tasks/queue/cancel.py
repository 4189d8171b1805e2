"""Stopping a job: one that waits never starts; one that runs is stopped by its worker."""

from redis.asyncio import Redis

from tasks.queue.retention import keep_ms
from tasks.queue.script import Script
from tasks.settings import Settings


class Canceller:
    """Cancels jobs by id."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._cancel = Script(redis, "cancel")
        self._keep = keep_ms(settings)

    async def cancel(self, job_id: str) -> str:
        """`cancelled` (it waited, and will never start), `running` (its worker has been told), `unknown`, or the state
        in which it had ended."""
        answer: str = await self._cancel({"id": job_id, "keep": self._keep})
        return answer
