"""Running ended jobs anew: a delivery is redelivered, a failed job is retried."""

from collections.abc import Sequence

from redis.asyncio import Redis

from tasks.queue.jobs.bulk_step import BulkStep, answers_of, payload_of
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import State
from tasks.queue.script import Script
from tasks.settings import Settings

RETRYABLE = (State.FAILED, State.CANCELLED, State.RETRYING)
"""What a retry is for: a job that has succeeded, or is not due yet, is none."""


class Reopener:
    """Puts jobs back into their lanes."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._reopen = Script(redis, "verbs/reopen")
        self._keep_event_ms = keep_ms(settings)["event"]

    async def reopen(self, ids: Sequence[str]) -> list[str]:
        """An ended job runs anew with all its tries; one that waits for its time has it now.

        ids: a few hundred at most, so that the script does not hold up Redis. Answers for each `reopened`, `unknown`,
        `expired`, or the state in which it stays: `queued` or `running`.
        """
        return await self._run(ids, None, None)

    async def retry(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """As `reopen`, for RETRYABLE jobs; others stay in their state, which is the answer. Raises: Superseded."""
        return await self._run(ids, dict.fromkeys(RETRYABLE, True), step)

    async def _run(self, ids: Sequence[str], only: dict[State, bool] | None, step: BulkStep | None) -> list[str]:
        payload = {"ids": ids, "only": only, "keep_event_ms": self._keep_event_ms, "by": payload_of(step)}
        return answers_of(await self._reopen(payload))
