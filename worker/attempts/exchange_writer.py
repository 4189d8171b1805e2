"""Writes what attempts that failed have sent and received into the storage, beside the work of the queue."""

import asyncio
import math
import time
from collections import deque
from typing import Final

from tasks.stopping import stop
from tasks.storage.protocol import Storage
from tasks.telemetry.outage_log import OutageLog
from tasks.webhook.exchanges.files import DELIVERY_ID, KEPT, path_of
from worker.attempts.outcome import Outcome

AT_ONCE: Final = 8
"""Calls of the storage at once. It has threads for 32, which other jobs need too."""
FILES: Final = 32
"""Files in one call, for a storage in a folder: threads that write one each wait for the GIL more than they write."""
GATHER_S: Final = 0.05
"""Seconds that a file waits for others, so that they are written together."""
MOST_WAITING: Final = 1_000
"""Files that wait, of some kilobytes each. If more attempts fail, nothing is kept of those."""
PAUSE_S: Final = 10.0
"""Seconds without another try after one that failed. In them no attempt is noted as kept."""


class ExchangeWriter:
    """Keeps the exchanges of attempts that failed. No attempt waits for it, and none fails with it.

    Args:
        storage: Where they go.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._at_once, self._files = (AT_ONCE, 1) if storage.shared else (1, FILES)
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._failed_at = self._written_at = -math.inf
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
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._begin)

    async def close(self, seconds: float) -> None:
        """Let what waits be written, within so many seconds."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        if self._writers:
            await asyncio.wait(self._writers, timeout=seconds)
        self._waiting.clear()
        await stop(*self._writers)

    def _begin(self) -> None:
        self._timer = None
        for _ in range(min(len(self._waiting), self._at_once - len(self._writers))):
            writer = asyncio.create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def _write(self) -> None:
        while self._waiting:
            files = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._files))]
            try:
                await self._storage.put_objects(files)
            except Exception as error:
                self._failed_at = time.monotonic()
                self._outage.failed(error)
                self._waiting.clear()
            else:
                self._written_at = time.monotonic()

    def _is_back(self) -> bool:
        return self._written_at >= self._failed_at

    def _is_pausing(self) -> bool:
        # Not asked of the storage: it may take anything else, and not these files.
        return time.monotonic() - self._failed_at < PAUSE_S
