"""Bytes that tests put into a storage."""

from collections.abc import AsyncIterator
from typing import Any

from tasks.blob_ref import BlobRef
from tasks.storage.protocol import Storage


async def put(storage: Storage, content: bytes = b"content", **options: Any) -> BlobRef:
    """Store these bytes. options: `type` and `filename` of the blob."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    return await storage.put(chunks(), max_bytes=len(content), **options)
