"""A load tool: keep-alive connections that each send their next request as soon as the last is answered."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import httptools


@dataclass
class Load:
    """What was measured. latencies_s: one per answer, in seconds. refused: answers other than 2xx, by status."""

    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.seconds


class Connection(asyncio.Protocol):
    """Sends requests until there are no more, then resolves `done`; fails it when the server hangs up before that."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._load.latencies_s.append(time.perf_counter() - self._sent)
        status = self._parser.get_status_code()
        if not 200 <= status < 300:
            self._load.refused[status] = self._load.refused.get(status, 0) + 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._sent = time.perf_counter()
            self._transport.write(request)


async def put_under_load(port: int, requests: Iterator[bytes], connections: int) -> Load:
    """Send all `requests`, whole HTTP/1.1 messages, to a port of 127.0.0.1. Raises OSError when a connection breaks."""
    load = Load()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(requests, load), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    load.seconds = time.perf_counter() - began
    return load
