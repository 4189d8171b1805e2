"""Byte ranges and conditional requests of downloads (RFC 9110 §13, §14)."""

import re
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import StreamingResponse

from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing, Storage

SANDBOXED: Final = "default-src 'none'; sandbox"
"""The Content-Security-Policy of files: no script of theirs runs, and nothing is loaded for them."""

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Parse a Range header.

    Args:
        header: The header's value, or None.
        size: The size of the file in bytes.

    Returns:
        The range [start, end) in bytes; None for the whole file. Multiple ranges and other units are ignored, as the
        RFC allows.

    Raises:
        Refusal: `range_not_satisfiable`.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Refusal(
            "range_not_satisfiable",
            f"The file has {size} bytes. Request a range within them.",
            field="Range",
            limit=size,
        )
    return start, end


def names(etags: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this (strong) ETag."""
    if etags is None:
        return False
    return etags.strip() == "*" or any(one.strip().removeprefix("W/") == etag for one in etags.split(","))


async def stream_blob(
    request: Request, storage: Storage, blob: str, size: int, media_type: str, headers: dict[str, str]
) -> StreamingResponse:
    """Answer with a blob, or with the part of it that `Range` asks for.

    Args:
        request: The request.
        storage: Where the blob is.
        blob: Its SHA-256.
        size: Its bytes.
        media_type: Its media type.
        headers: Those of the response, `ETag` among them.

    Raises:
        Refusal: `range_not_satisfiable`; `expired`: the storage does not have it.
    """
    etag = headers["ETag"]
    requested = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    part = parse_range(requested, size)
    start, end = part or (0, size)
    chunks = storage.read(blob, start, end)
    try:
        # Read the first bytes before sending headers, so that a missing blob can still be answered with an error.
        first = await anext(chunks, b"")
    except BlobMissing as error:
        raise Refusal("expired", "This file has been removed from the storage. Submit again.") from error

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    sent = {**headers, "Content-Length": str(end - start)}
    if part is not None:
        sent["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(body(), 200 if part is None else 206, sent, media_type)
