"""How much memory a process spends on files on their way into the storage."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from tempfile import TemporaryFile
from typing import IO

from tasks.refusal import Refusal
from tasks.settings import MiB

SMALL_BYTES = MiB
"""A body up to this size is kept in memory until its hash is known, a larger one in a temporary file."""
SPILL_BYTES = MiB // 4
"""Written at once to that file."""
PART_BYTES = 5 * MiB
"""Of a multipart upload; S3 takes no smaller ones."""
PARTS_AT_ONCE = 2
LARGE_BYTES = (PARTS_AT_ONCE + 2) * PART_BYTES
"""What storing one large file takes: the parts on their way, the next one, and the one that is read (measured)."""
SOCKETS_S, LOOK_AGAIN_S = 10.0, 0.02
"""How long a file waits at most until what sockets have received is in files."""


class UploadMemory:
    """Divides UPLOAD_MEMORY_MB: three eighths for files that are being stored from temporary files, which wait for
    their turn there; a sixteenth for what has been received of others, which go into temporary files if there is no
    room; and a sixteenth for what sockets have received (`api.server`). The rest is for copies on the way, and for what
    lies free between them (measured).

    Args:
        limit: Bytes of all.

    Attributes:
        in_sockets_limit: Bytes from which on no socket is read.
        in_sockets: Returns how many bytes sockets have received. When many connections begin at once that is more than
            a sixteenth, and the others wait.
    """

    def __init__(self, limit: int) -> None:
        self.in_sockets: Callable[[], int] = lambda: 0
        self.in_sockets_limit = self._received_left = limit // 16
        self._stored_limit = self._stored_left = limit * 3 // 8
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, size: int) -> bool:
        """Reserve bytes for what has been received, unless there is no room for them."""
        if size > self._received_left or self._sockets_have_more:
            return False
        self._received_left -= size
        return True

    @property
    def _sockets_have_more(self) -> bool:
        return self.in_sockets() > self.in_sockets_limit

    def give_back(self, size: int) -> None:
        """Free bytes that `take` has reserved."""
        self._received_left += size

    @asynccontextmanager
    async def storing(self, size: int) -> AsyncIterator[None]:
        """Hold the memory that storing a file takes, once it is there. Files come in their order.

        Args:
            size: Bytes of the file.
        """
        for _ in range(int(SOCKETS_S / LOOK_AGAIN_S)):
            if not self._sockets_have_more:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
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


class Body:
    """The part of a body received so far: in memory, then in an unnamed temporary file, which ends with the process.

    It is large, or memory is short, when it moves to the file. Leaving the context frees both.
    """

    def __init__(self, memory: UploadMemory) -> None:
        self._memory = memory
        self._reserved = 0
        self.digest = hashlib.sha256()
        self.size = 0
        self.tail = bytearray()
        self.spool: IO[bytes] | None = None

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
        if self.spool is not None:
            self.spool.close()

    def give_back(self) -> None:
        """Free the memory of what is not there any more."""
        self._memory.give_back(self._reserved)
        self._reserved = 0

    def keep(self, chunk: bytes) -> bool:
        """Add a chunk. Returns False if it does not fit, and has to be spilled after what is there."""
        fits = len(self.tail) + len(chunk) <= (SMALL_BYTES if self.spool is None else SPILL_BYTES)
        if fits and self._memory.take(len(chunk)):
            self._reserved += len(chunk)
            self.tail += chunk
            return True
        return False

    def spill(self, spool: IO[bytes], chunk: bytes = b"") -> None:
        """Move what is in memory to the temporary file, and a chunk after it."""
        for part in (self.tail, chunk):
            self.digest.update(part)
            spool.write(part)
        self.tail.clear()


async def collect(
    body: Body,
    chunks: AsyncIterable[bytes],
    max_bytes: float,
    run: Callable[[Callable[[IO[bytes], bytes], None], IO[bytes], bytes], Awaitable[None]],
) -> None:
    """Receive a body to its end.

    Args:
        body: Where to.
        chunks: What comes.
        max_bytes: Most bytes to accept.
        run: Runs a blocking call in a thread.

    Raises:
        Refusal: `too_large`, as soon as more have arrived.
    """
    async for chunk in chunks:
        body.size += len(chunk)
        if body.size > max_bytes:
            raise Refusal(
                "too_large",
                f"The file is larger than the limit of {max_bytes} bytes. Send a smaller file.",
                limit=max_bytes,
            )
        if not body.keep(chunk):
            body.spool = body.spool or TemporaryFile()  # noqa: SIM115 - the body closes it
            await run(body.spill, body.spool, chunk)
            body.give_back()
        del chunk  # the next may take minutes
