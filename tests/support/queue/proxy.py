"""A way to Redis that can go silent, as a router does that has forgotten a connection."""

import asyncio
import ssl as tls
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class Trap:
    """Silences each connection on which a client says `word`, once that was heard `passes` times on any of them.

    unheard: what was said, that word included, and not passed on.
    """

    word: bytes
    passes: int = 0
    unheard: bytes = b""

    def hears(self, said: bytes, new: int) -> bool:
        """Whether this connection is to be silent, by the `new` last bytes that were said on it."""
        heard = said.count(self.word, max(0, len(said) - new - len(self.word) + 1))
        if heard <= self.passes:
            self.passes -= heard
            return False
        self.unheard += said[-new:]
        return True


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
        self._traps: list[Trap] = []
        self._over = asyncio.Event()

    def lead_to(self, port: int) -> None:
        """Lead new connections to another port, as DNS does after a fail-over; those that there are stay."""
        self._to_port = port

    @property
    def connections(self) -> int:
        """How many were made so far."""
        return len(self._said)

    def silence(self, word: bytes) -> bool:
        """Pass nothing more on the connections on which a client has said this word so far. Whether there were any."""
        silenced = {task for task, said in self._said.items() if word in said}
        self._silent |= silenced
        return bool(silenced)

    def mute(self, word: bytes) -> None:
        """As `silence`, but what the client says still arrives: only the answers are lost."""
        self._mute |= {task for task, said in self._said.items() if word in said}

    def trap(self, word: bytes, passes: int = 0) -> Trap:
        """From now on this word is passed on so many times at most; see `Trap`."""
        self._traps.append(Trap(word, passes))
        return self._traps[-1]

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
                self._hear(this, data)
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

    def _hear(self, this: "asyncio.Task[None]", data: bytes) -> None:
        self._said[this] += data
        for trap in self._traps:
            if trap.hears(self._said[this], len(data)):
                self._silent.add(this)

    async def _wait(self) -> None:
        await self._over.wait()
