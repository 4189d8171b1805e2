"""Passes on how far a job is, a few times a second however often its function says so."""

import asyncio
import json

from tasks.queue.script import Script
from worker.attempts.running import Claimed
from worker.redis_health import REDIS_ERRORS

PASS_ON_S = 0.25


class ProgressReporter:
    """The `Progress` that one attempt is given."""

    def __init__(self, script: Script, worker_id: str, job: Claimed) -> None:
        self._script = script
        self._worker_id = worker_id
        self._job = job
        self._latest: dict[str, int | str] | None = None
        self.said: dict[str, int | str] | None = None
        """The last word; the finish writes it, in case it was not passed on yet."""
        self._passing: asyncio.Task[None] | None = None

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self._latest = self.said = {"done": done, "total": total, "note": note}
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass_on())

    def stop(self) -> None:
        if self._passing is not None:
            self._passing.cancel()

    async def _pass_on(self) -> None:
        while self._latest is not None:
            latest, self._latest = self._latest, None
            try:
                await self._script(
                    {
                        "id": self._job.id,
                        "worker": self._worker_id,
                        "attempt": self._job.attempt,
                        "progress": json.dumps(latest),
                    }
                )
            except REDIS_ERRORS:
                # Progress is a courtesy: the next word replaces this one.
                return
            await asyncio.sleep(PASS_ON_S)
