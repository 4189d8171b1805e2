"""A way to Redis that can go silent, as a router does that has forgotten a connection."""

import asyncio
import ssl as tls
from pathlib import Path
from types import TracebackType
from typing import Self


class Proxy:
    """Listens on a free port of 127.0.0.1, or on a socket, and passes bytes on until a connection is silenced."""

    def __init__(self, to_port: int, *, socket: Path | None = None, ssl: tls.SSLContext | None = None) -> None:
        self.port = 0
        self._to_port = to_port
        self._socket = socket
        self._ssl = ssl
        self._server: asyncio.Server | None = None
        self._said: dict[asyncio.Task[None], bytes] = {}
        self._silent: set[asyncio.Task[None]] = set()
        self._mute: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    def silence(self, word: bytes) -> bool:
        """Pass nothing more on the connections on which a client has said this word so far. Whether there were any."""
        silenced = {task for task, said in self._said.items() if word in said}
        self._silent |= silenced
        return bool(silenced)

    def mute(self, word: bytes) -> None:
        """As `silence`, but what the client says still arrives: only the answers are lost."""
        self._mute |= {task for task, said in self._said.items() if word in said}

    async def __aenter__(self) -> Self:
        if self._socket is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._socket)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._ssl)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._over.set()
        await asyncio.gather(*self._said)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        assert this is not None
        self._said[this] = b""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)

        async def there() -> None:
            while data := await reader.read(65_536):
                self._said[this] += data
                if this not in self._silent:
                    far_writer.write(data)

        async def back() -> None:
            while data := await far_reader.read(65_536):
                if this not in self._silent | self._mute:
                    writer.write(data)

        # asyncio's server wants no cancelled task of ours: the proxy ends a connection by this event.
        tasks = [asyncio.create_task(way) for way in (there(), back(), self._wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, far_writer):
            end.close()

    async def _wait(self) -> None:
        await self._over.wait()
