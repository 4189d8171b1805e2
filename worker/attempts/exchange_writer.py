"""Writes what attempts that failed have sent and received into the storage, beside the work of the queue."""

import asyncio
import time
from collections import deque
from typing import Final

from tasks.stopping import stop
from tasks.storage.protocol import Storage
from tasks.telemetry.outage_log import OutageLog
from tasks.webhook.exchanges.files import DELIVERY_ID, KEPT, path_of
from worker.attempts.outcome import Outcome

AT_ONCE: Final = 8
"""Files that are written at once. The storage has threads for 32 calls, which other jobs need too."""
MOST_WAITING: Final = 1_000
"""Files that wait, of some kilobytes each. If more attempts fail, nothing is kept of those."""
PAUSE_S: Final = 10.0
"""Seconds without another try after one that failed, while the storage is away."""


class ExchangeWriter:
    """Keeps the exchanges of attempts that failed. No attempt waits for it, and none fails with it.

    Args:
        storage: Where they go.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._outage = OutageLog("exchange.not_kept", "exchange.kept_again", self._is_back)

    def keep(self, outcome: Outcome) -> None:
        """Have the exchange of an attempt written, if it failed and there is room, and note in the attempt that it is.

        Args:
            outcome: Of the attempt, before its record is written.
        """
        notes, job = outcome.notes, outcome.job
        if notes is None or notes.exchange is None or outcome.verb not in ("failed", "retrying"):
            return
        if self._is_pausing() or not DELIVERY_ID.fullmatch(job.id):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._outage.failed(RuntimeError(f"The storage is slow: {MOST_WAITING} files wait."))
            return
        notes.about[KEPT] = True
        self._waiting.append((path_of(job.id, job.attempt), notes.exchange))
        if len(self._writers) < AT_ONCE:
            writer = asyncio.create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def close(self, seconds: float) -> None:
        """Let what waits be written, within so many seconds."""
        if self._writers:
            await asyncio.wait(self._writers, timeout=seconds)
        self._waiting.clear()
        await stop(*self._writers)

    async def _write(self) -> None:
        while self._waiting:
            path, content = self._waiting.popleft()
            try:
                await self._storage.put_object(path, content)
            except Exception as error:
                self._outage.failed(error)
                if not self._is_back():
                    self._waiting.clear()

    def _is_back(self) -> bool:
        return self._storage.away_since is None

    def _is_pausing(self) -> bool:
        return not self._is_back() and time.monotonic() - self._outage.failed_at < PAUSE_S
