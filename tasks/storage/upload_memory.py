"""How much memory a process spends on files on their way into the storage."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasks.settings import MiB

PART_BYTES = 5 * MiB
"""Of a multipart upload; S3 takes no smaller ones."""
PARTS_AT_ONCE = 2
LARGE_BYTES = (PARTS_AT_ONCE + 2) * PART_BYTES
"""What storing one large file takes: the parts on their way, the next one, and the one that is read (measured)."""


class UploadMemory:
    """Divides UPLOAD_MEMORY_MB: half for files that are being stored from temporary files, which wait for their turn
    there; a quarter for what has been received of others, which go into temporary files if there is no room. The last
    quarter is for what sockets have received (`api.server`).

    Args:
        limit: Bytes of all.
    """

    def __init__(self, limit: int) -> None:
        self._received_left = limit // 4
        self._stored_limit = self._stored_left = limit // 2
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, size: int) -> bool:
        """Reserve bytes for what has been received, unless there is no room for them."""
        if size > self._received_left:
            return False
        self._received_left -= size
        return True

    def give_back(self, size: int) -> None:
        """Free bytes that `take` has reserved."""
        self._received_left += size

    @asynccontextmanager
    async def storing(self, size: int) -> AsyncIterator[None]:
        """Hold the memory that storing a file takes, once it is there. Files come in their order.

        Args:
            size: Bytes of the file.
        """
        size = min(2 * size, LARGE_BYTES, self._stored_limit)  # a small one is copied once
        if self._waiting or size > self._stored_left:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.cancelled():
                    self._waiting.remove((size, turn))
                else:
                    self._stored_left += size
                self._next()
                raise
        else:
            self._stored_left -= size
        try:
            yield
        finally:
            self._stored_left += size
            self._next()

    def _next(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._stored_left:
            size, turn = self._waiting.popleft()
            self._stored_left -= size
            turn.set_result(None)
