"""Running ended jobs anew: a delivery is redelivered, a failed job is retried."""

from collections.abc import Sequence

from redis.asyncio import Redis

from tasks.queue.retention import keep_ms
from tasks.queue.script import Script
from tasks.settings import Settings


class Reopener:
    """Puts jobs back into their lanes."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._reopen = Script(redis, "reopen")
        self._keep_event_ms = keep_ms(settings)["event"]

    async def reopen(self, ids: Sequence[str]) -> list[str]:
        """An ended job runs anew with all its tries; one that waits for its time has it now.

        ids: a few hundred at most, so that the script does not hold up Redis. Answers for each `reopened`, `unknown`,
        `expired`, or the state in which it stays: `queued` or `running`.
        """
        answers: list[str] = await self._reopen({"ids": ids, "keep_event_ms": self._keep_event_ms})
        return answers
