"""Sockets without a client library, which would send only what is allowed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from tasks.settings import Settings

Opened = AbstractAsyncContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Limits of time that a test can wait for."""
    quick = {
        "http_header_timeout_s": 0.6,
        "http_body_grace_s": 0.6,
        "http_send_timeout_s": 1.0,
        "http_keep_alive_s": 1.5,
        "http_max_connections": 40,
    }
    return settings.model_copy(update=quick)


@pytest.fixture
def opened(port: int) -> Callable[[], Opened]:
    """Opens a connection to the server, and closes it at the end of the block."""

    @asynccontextmanager
    async def open_one() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    return open_one


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status of the next answer and all that comes until the server closes, within a few seconds."""
    async with asyncio.timeout(20):
        whole = await reader.read()
    return int(whole.split()[1]) if whole else 0, whole
