"""Request bodies: limits that are checked while the bytes arrive."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from tempfile import SpooledTemporaryFile

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from tasks.refusal import Refusal

FORM_OVERHEAD_BYTES = 256 * 1024
"""Bytes that the boundaries, headers and text fields of a form may take in addition to its files."""

SMALL_BODY_BYTES = 64 * 1024
"""Of a body that is read and parsed at once."""
LARGE_AT_ONCE = 2
"""Larger bodies that are in memory at the same time."""


async def chunks_of(request: Request) -> AsyncGenerator[bytes]:
    """The body as it arrives. What reads it lets go of a chunk before it asks for the next, which may take a client
    minutes; a chunk has up to 256 KB, and `Request.stream` would keep it.

    Raises:
        ClientDisconnect: The client is gone.
        Refusal: `unsupported_media_type` for a body that is compressed.
    """
    _check_encoding(request)
    more_body = True
    while more_body:
        event = await request.receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        more_body = event.get("more_body", False)
        if event.get("body"):
            yield event.pop("body")


def _check_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "")
    if encoding.lower() not in ("", "identity"):
        raise Refusal(
            "unsupported_media_type",
            f"The body is compressed (Content-Encoding: {encoding!r}). Send it uncompressed, without this header.",
            field="Content-Encoding",
        )


def check_length(content_length: str | None, limit: int) -> None:
    """Refuse a body by its Content-Length, before any of it is read.

    Raises:
        Refusal: `too_large`.
    """
    if content_length is not None and content_length.isdecimal() and int(content_length) > limit:
        raise _too_large(limit)


async def counted(body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Pass `body` on while it stays within `limit` bytes.

    Raises:
        Refusal: `too_large` at the first byte over the limit.
    """
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk
        del chunk  # see `chunks_of`


async def whole(headers: Headers, body: AsyncIterator[bytes], limit: int) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        Refusal: `too_large`.
    """
    check_length(headers.get("content-length"), limit)
    return b"".join([chunk async for chunk in counted(body, limit)])


class LargeBodies:
    """Receives bodies that are needed whole: a large one waits in a temporary file until it is its turn.

    Args:
        max_waiting: Received ones that may wait for their turn.
    """

    def __init__(self, max_waiting: int) -> None:
        self._turns = asyncio.Semaphore(LARGE_AT_ONCE)
        self._max_waiting = max_waiting
        self._waiting = 0

    @asynccontextmanager
    async def receive(self, headers: Headers, body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
        """Receive a body of at most `limit` bytes. What has to be done with it is done in the block.

        Raises:
            Refusal: `too_large`, `spec_reader_unavailable`.
        """
        check_length(headers.get("content-length"), limit)
        with SpooledTemporaryFile(SMALL_BODY_BYTES) as file:
            size = 0
            async for chunk in counted(body, limit):
                size += len(chunk)
                if size > SMALL_BODY_BYTES:
                    await asyncio.to_thread(file.write, chunk)
                else:
                    file.write(chunk)
                del chunk  # see `chunks_of`
            async with self._turn() if size > SMALL_BODY_BYTES else nullcontext():
                file.seek(0)
                yield file.read()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._turns.locked() and self._waiting >= self._max_waiting:
            raise Refusal(
                "spec_reader_unavailable",
                f"{self._waiting} large report specs wait to be read already (MAX_WAITING_SPECS). Try again in a "
                f"moment, or send a spec of at most {SMALL_BODY_BYTES} bytes.",
                limit=self._max_waiting,
            )
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


def _too_large(limit: int) -> Refusal:
    return Refusal(
        "too_large",
        f"The request body is larger than the limit of {limit} bytes. Send less.",
        field="body",
        limit=limit,
    )
