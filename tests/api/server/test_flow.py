"""Bodies that arrive at once: together they take no more memory than they may."""

import asyncio
import contextlib
import socket
import tracemalloc

import pytest
from arq.connections import ArqRedis

from api.server.flow import READ_BYTES, ReceivedBytes
from tasks.settings import MiB, Settings
from tests.api.server.conftest import answered
from tests.support.api.pictures import big
from tests.support.api.serving import ALICE, serving

CONNECTIONS, SIZE = 30, 400_000
LIMIT = MiB // 2
"""A sixteenth of UPLOAD_MEMORY_MB=8, which small bodies may take, and what sockets have received."""
KEPT_BYTES = 100_000
"""A connection with its request and its temporary file; 35 KB were measured. A chunk has up to 256 KB."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    limits = {"upload_memory_mb": 8, "http_max_connections": 2 * CONNECTIONS, "http_body_grace_s": 60.0}
    return settings.model_copy(update=limits)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The bytes of each read, and what sockets have received after it."""
    found: list[tuple[int, int]] = []
    add = ReceivedBytes.add

    def noted(received: ReceivedBytes, size: int) -> None:
        add(received, size)
        found.append((size, received.total()))

    monkeypatch.setattr(ReceivedBytes, "add", noted)
    return found


async def test_first_packets_that_are_all_there_at_once(
    settings: Settings, redis: ArqRedis, reads: list[tuple[int, int]]
) -> None:
    head = f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {ALICE}\r\n"
    async with serving(settings) as port:
        clients = []
        for _ in range(CONNECTIONS):
            client = socket.create_connection(("127.0.0.1", port))
            client.setblocking(False)
            # The server, which runs in this thread, reads nothing yet.
            request = f"{head}Content-Length: {SIZE}\r\n\r\n".encode() + big(SIZE)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < len(request):
                    sent += client.send(request[sent:])
            clients.append((client, request[sent:]))

        async def finish(client: socket.socket, rest: bytes) -> int:
            reader, writer = await asyncio.open_connection(sock=client)
            writer.write(rest)
            status, _ = await answered(reader)
            writer.close()
            return status

        assert await asyncio.gather(*(finish(*one) for one in clients)) == [201] * CONNECTIONS
    assert max(total for _, total in reads) <= 2 * LIMIT + READ_BYTES


@pytest.mark.parametrize("form", [False, True], ids=["raw", "form"])
async def test_clients_that_pause_leave_nothing_in_memory(
    settings: Settings, redis: ArqRedis, reads: list[tuple[int, int]], form: bool
) -> None:
    """What they have sent is in temporary files: not even the last chunk of each is kept until the next comes."""
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' if form else b""
    kind = "multipart/form-data; boundary=b" if form else "image/jpeg"
    head = f"POST /v1/images HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\nContent-Type: {kind}\r\n"
    request = f"{head}Content-Length: {SIZE + len(start)}\r\n\r\n".encode() + start + big(SIZE - 1)
    async with serving(settings) as port, contextlib.AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.setblocking(False)
            await loop.sock_sendall(client, request)
        async with asyncio.timeout(20):
            while sum(size for size, _ in reads) < CONNECTIONS * (len(start) + SIZE - 1):
                await asyncio.sleep(0.05)
            while tracemalloc.get_traced_memory()[0] - before > LIMIT + CONNECTIONS * KEPT_BYTES:
                await asyncio.sleep(0.05)
