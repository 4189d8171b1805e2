"""Large uploads that are sent at once, from sockets that hold nothing of them in memory."""

import asyncio
import contextlib
import os

from tests.support.api.serving import ALICE

PIECE = bytes(256 * 1024)
UNIQUE_BYTES = 16


async def upload_at_once(port: int, count: int, size: int) -> list[int]:
    """Send `count` different files of `size` bytes to `POST /v1/uploads`.

    Returns:
        The status of each answer; 0 where the connection ended without one.
    """
    return await asyncio.gather(*(_upload(port, size) for _ in range(count)))


async def _upload(port: int, size: int) -> int:
    head = f"POST /v1/uploads HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ALICE}\r\nContent-Length: {size}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    status = 0
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(head.encode() + os.urandom(UNIQUE_BYTES))
            left = size - UNIQUE_BYTES
            while left:
                writer.write(PIECE[:left])
                left -= min(left, len(PIECE))
                await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            status = int(answer.split()[1])
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return status
