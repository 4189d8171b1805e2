"""Clients that connect and say nothing, or never finish what they say, hold up nobody else."""

import asyncio
import contextlib
import random
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.api.serving import client_of
from tests.support.api.web_process import web_process
from tools.servers import Valkey

STARTS = (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ", b"POST /v1/uploads HTTP/1.1\r\n")
AT_ONCE = 100
"""Connections that are opened at the same moment: more than that and the kernel makes some wait for a second."""


@asynccontextmanager
async def silent(port: int, count: int, chance: random.Random) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that send part of a request at most. Yields what the server may send on each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 200:
        pytest.skip(f"needs {count + 200} file descriptors; this machine gives {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    opened = []
    try:
        for start in range(0, count, AT_ONCE):
            coming = [asyncio.open_connection("127.0.0.1", port) for _ in range(min(AT_ONCE, count - start))]
            opened += await asyncio.gather(*coming)
        for _, writer in opened:
            with contextlib.suppress(ConnectionError):
                writer.write(chance.choice(STARTS))
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def all_ended(readers: list[asyncio.StreamReader]) -> None:
    for reader in readers:
        with contextlib.suppress(ConnectionError):
            await reader.read()


async def longest_answer_s(port: int, count: int) -> float:
    """Requests on new connections, one after the other; the seconds that the slowest took."""
    slowest = 0.0
    for _ in range(count):
        async with client_of(port) as client:
            began = time.monotonic()
            assert (await client.get("/livez")).status_code == 200
            assert (await client.post("/v1/uploads", content=b"abc")).status_code == 201
            slowest = max(slowest, time.monotonic() - began)
    return slowest


async def test_more_silent_connections_than_there_is_room_for(
    mortal_valkey: Valkey, tmp_path: Path, seeded: random.Random
) -> None:
    limits = {"HTTP_MAX_CONNECTIONS": "30", "HTTP_HEADER_TIMEOUT_S": "3"}
    with web_process(mortal_valkey.url, tmp_path.as_uri(), limits) as web:
        async with silent(web.port, 45, seeded) as readers:
            await asyncio.sleep(1)
            assert await longest_answer_s(web.port, 5) < 2
            async with asyncio.timeout(10):
                await all_ended(readers)


@pytest.mark.long
@pytest.mark.parametrize("descriptors", [1_024, 4_096])
async def test_eleven_hundred_silent_connections(
    mortal_valkey: Valkey, tmp_path: Path, seeded: random.Random, *, descriptors: int
) -> None:
    """With as few descriptors as a process is often given, and with enough."""
    with web_process(mortal_valkey.url, tmp_path.as_uri(), descriptors=descriptors) as web:
        async with silent(web.port, 1_100, seeded) as readers:
            await asyncio.sleep(1.5)
            assert await longest_answer_s(web.port, 50) < 2
            async with asyncio.timeout(20):
                await all_ended(readers)
            assert await longest_answer_s(web.port, 5) < 2


@pytest.mark.long
async def test_an_endless_head_holds_up_nobody(mortal_valkey: Valkey, tmp_path: Path) -> None:
    """64 MB in one line, and four million fields: both are answered within their first kilobytes."""
    line = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: "
    with web_process(mortal_valkey.url, tmp_path.as_uri()) as web:
        before = web.peak_memory()
        for piece in (b"a" * 65_536, b"X1234567: y\r\n" * 5_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(line)
            with contextlib.suppress(ConnectionError):
                for _ in range(1_000):
                    writer.write(piece)
                    await writer.drain()
            writer.close()
            assert await longest_answer_s(web.port, 3) < 1
            del reader
        assert web.peak_memory() - before < 30_000_000
