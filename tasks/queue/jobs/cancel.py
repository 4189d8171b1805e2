"""Stopping jobs: one that waits never starts; one that runs is stopped by its worker."""

from collections.abc import Sequence

from redis.asyncio import Redis

from tasks.queue.jobs.bulk_step import BulkStep, answers_of, payload_of
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.indexes import of_batch
from tasks.queue.redis_keys import JOB, JOBS
from tasks.queue.script import Script
from tasks.settings import Settings

CANCEL_AT_ONCE = 50
"""Jobs of a batch in one script, so that it does not hold up Redis."""


class Canceller:
    """Cancels jobs by id."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._redis = redis
        self._cancel = Script(redis, "verbs/cancel")
        self._keep = keep_ms(settings)

    async def cancel(self, job_id: str) -> str:
        """`cancelled` (it waited, and will never start), `running` (its worker has been told), `unknown`, or the state
        in which it had ended. Of a batch its jobs are cancelled; it ends with the last that still runs."""
        (answer,) = await self.cancel_all([job_id])
        if answer != "batch":
            return answer
        ids = [one.decode() for one in await self._redis.zrange(JOBS + of_batch(job_id), 0, -1)]
        for start in range(0, len(ids), CANCEL_AT_ONCE):
            await self.cancel_all(ids[start : start + CANCEL_AT_ONCE])
        state = await self._redis.hget(JOB + job_id, "state")
        return state.decode() if state else "unknown"

    async def cancel_all(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """As `cancel`, for some dozens of jobs at once; of a batch (`batch`) the jobs are not among them.

        Raises: Superseded.
        """
        return answers_of(await self._cancel({"ids": ids, "keep": self._keep, "by": payload_of(step)}))
