"""Writes a job's progress to its record, a few times a second at most."""

import asyncio
import json
from collections.abc import Mapping

from tasks.queue.script import Script
from worker.attempts.running import ClaimedJob
from worker.redis_health import REDIS_ERRORS

WRITE_EVERY_S = 0.25
FIRST_WRITE_S = 0.1
"""Seconds before the first write: of a job that ends sooner, its end says all."""


class ProgressReporter:
    """The `tasks.progress.AttemptProgress` of one attempt.

    Args:
        script: `run/progress`.
        worker_id: The worker that makes the attempt.
        job: The claimed job.
    """

    def __init__(self, script: Script, worker_id: str, job: ClaimedJob) -> None:
        self._script = script
        self._worker_id = worker_id
        self._job = job
        self._latest: dict[str, int | str] | None = None
        self.last: dict[str, int | str] | None = None
        """The last progress reported; the finisher writes it, in case it was not written yet."""
        self._writing: asyncio.Task[None] | None = None

    def __call__(self, done: int, total: int, note: str = "", counts: Mapping[str, int] | None = None) -> None:
        self._latest = self.last = {"done": done, "total": total, "note": note, **(counts or {})}
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    def stop(self) -> None:
        """Write nothing more."""
        if self._writing is not None:
            self._writing.cancel()

    async def _write(self) -> None:
        await asyncio.sleep(FIRST_WRITE_S)
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
                # A lost progress report does no harm: the next one replaces it.
                return
            await asyncio.sleep(WRITE_EVERY_S)
