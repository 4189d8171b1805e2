"""JSON bodies: small ones, or refused before they are parsed."""

from collections.abc import AsyncIterator

from starlette.datastructures import Headers

from api.uploads import check_length, counted

JSON_TYPE = "application/json"


async def whole(headers: Headers, body: AsyncIterator[bytes], limit: int) -> bytes:
    """A body of at most `limit` bytes. Raises: Refusal `too_large`."""
    check_length(headers.get("content-length"), limit)
    return b"".join([chunk async for chunk in counted(body, limit)])
