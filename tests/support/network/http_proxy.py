"""An HTTP proxy on loopback that knows CONNECT, remembers what it was asked for, and answers as it is told to."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class HttpProxy:
    """Listens on a free port of 127.0.0.1 until its block ends.

    Args:
        answer: To every CONNECT instead of an open connection; empty for none at all.
        refusing: Addresses to which it answers 502.

    Attributes:
        heads: Of each CONNECT, as they came.
    """

    def __init__(self, answer: bytes | None = None, *, refusing: tuple[str, ...] = ()) -> None:
        self.heads: list[str] = []
        self.port = 0
        self._answer = answer
        self._refusing = refusing
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def targets(self) -> list[str]:
        """What it was asked for: host and port each."""
        return [head.split(" ")[1] for head in self.heads]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)  # those that have just been accepted begin
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._connect(reader, writer)
        writer.close()
        self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        host, _, port = self.targets[-1].rpartition(":")
        if self._answer == b"":
            await asyncio.Event().wait()
        elif self._answer is not None or host in self._refusing:
            writer.write(self._answer or b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        else:
            there_reader, there_writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
            try:
                await asyncio.gather(_pass_on(reader, there_writer), _pass_on(there_reader, writer))
            finally:
                there_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65_536):
        writer.write(part)
        await writer.drain()
    writer.write_eof()
