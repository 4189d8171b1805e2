"""Stores the body of one request as parts of a resumable upload, so that what has arrived stays when it is cut."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.requests import ClientDisconnect, Request

from api.http.body import chunks_of
from api.http.context import Context
from api.uploads.tus import Checksum
from tasks.refusal import Refusal
from tasks.stopping import stop
from tasks.uploads.incoming import IncomingStore, Receipt

SILENCE_S = 1.0
"""A connection that brings nothing for so long may be lost without a sign of it. What has arrived, if it is enough for
a part, is stored then, before the client begins again."""


class CutBody:
    """A body that may end before its end, in pieces that are stored one by one.

    Args:
        chunks: The body.
        most: Bytes that it may have.
        least_bytes: Bytes from which on a piece ends when nothing comes for a moment.
        piece_bytes: Bytes from which on a piece ends.
        checksum: What is computed over it.

    Attributes:
        size: Bytes so far.
        cut: Whether the client is gone.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes],
        most: int,
        *,
        least_bytes: int,
        piece_bytes: int,
        checksum: Checksum | None = None,
    ) -> None:
        self.size = 0
        self.cut = False
        self._chunks = chunks
        self._most = most
        self._least_bytes = least_bytes
        self._piece_bytes = piece_bytes
        self._digest = checksum and checksum.new()
        self._reading: asyncio.Task[bytes] | None = None

    @property
    def digest(self) -> bytes:
        """That of all bytes so far."""
        return self._digest.digest() if self._digest else b""

    async def pieces(self) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces, each of which must be read to its end before the next. None is empty."""
        while first := await self._next(None):
            yield self._piece(first)

    async def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            await stop(self._reading)
        await self._chunks.aclose()

    async def _piece(self, chunk: bytes | None) -> AsyncIterator[bytes]:
        size = 0
        while chunk:
            size += len(chunk)
            self.size += len(chunk)
            if self.size > self._most:
                raise _too_large(self._most)
            if self._digest is not None:
                self._digest.update(chunk)
            yield chunk
            del chunk  # the next may take minutes
            if size >= self._piece_bytes:
                return
            chunk = await self._next(SILENCE_S if size >= self._least_bytes else None)

    async def _next(self, seconds: float | None) -> bytes | None:
        """The next chunk; None at the end, and after so many seconds without one."""
        if self.cut:
            return None
        reading = self._reading or asyncio.create_task(self._read())
        self._reading = None
        try:
            done, _ = await asyncio.wait({reading}, timeout=seconds)
        except asyncio.CancelledError:
            reading.cancel()
            raise
        if not done:
            self._reading = reading
            return None
        return reading.result()

    async def _read(self) -> bytes:
        try:
            return await anext(self._chunks, b"")
        except ClientDisconnect:
            self.cut = True
            return b""


async def receive_parts(request: Request, context: Context, receipt: Receipt, checksum: Checksum | None) -> None:
    """Store what a request sends of an upload. The receipt's offset moves with what has arrived.

    Args:
        request: The request.
        context: The resources of the process.
        receipt: The upload, and where the bytes belong.
        checksum: Of the body. With one, nothing is kept unless all of it arrives.

    Raises:
        ClientDisconnect: The client is gone; what has arrived is kept, unless there is a checksum.
        Refusal: `offset_conflict`, `too_many_parts`, `part_too_small`, `too_large`, `checksum_mismatch`, `not_found`.
    """
    settings, store, incoming = context.settings, IncomingStore(context.redis), context.storage.incoming
    least, left = settings.min_upload_part_bytes, receipt.upload.length - receipt.offset
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        _check_size(int(length), left, least)
    await store.begin(receipt, most_parts=settings.max_upload_parts)
    body = CutBody(
        chunks_of(request), left, least_bytes=least, piece_bytes=settings.upload_part_bytes, checksum=checksum
    )
    parts: list[tuple[int, str]] = []  # those that are stored, and not noted yet
    began = end = receipt.offset
    try:
        async for piece in body.pieces():
            name = receipt.part_name(end)
            parts.append((end, name))
            end += await incoming.put(f"{receipt.upload.id}/{name}", piece)
            if checksum is None and (end - began >= least or body.cut):
                await store.commit(receipt, parts, end - receipt.offset)
                parts = []
        if not body.cut:
            _check_size(body.size, left, least)
            _check_digest(body, checksum)
        if parts and not (checksum and body.cut):
            await store.commit(receipt, parts, end - receipt.offset)
            parts = []
    finally:
        await body.close()
        for _, name in parts:  # what was refused
            await incoming.delete(f"{receipt.upload.id}/{name}")
    if body.cut:
        raise ClientDisconnect


def _check_size(size: int, left: int, least: int) -> None:
    """Raises: Refusal `too_large`, `part_too_small`."""
    if size > left:
        raise _too_large(left)
    if 0 < size < least and size != left:
        message = f"The body has {size} bytes. Send at least {least} bytes at once, unless they are the last."
        raise Refusal("part_too_small", message, field="body", limit=least)


def _check_digest(body: CutBody, checksum: Checksum | None) -> None:
    """Raises: Refusal `checksum_mismatch`."""
    if checksum is not None and body.digest != checksum.digest:
        message = f"Upload-Checksum: The {checksum.algorithm} of the {body.size} bytes of the body is another one."
        raise Refusal("checksum_mismatch", message, field="Upload-Checksum")


def _too_large(left: int) -> Refusal:
    message = f"The body has more than the {left} bytes that are missing of the upload. Send no more."
    return Refusal("too_large", message, field="body", limit=left)
