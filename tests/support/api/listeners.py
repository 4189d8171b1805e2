"""Who listens to a job's events, over a bare socket: a thousand HTTP clients would cost more than the server."""

import asyncio
import time

LINE_BYTES = 1 << 20


class Listener:
    """One listener. told: names of the events so far; ended_at: when the last came (`time.perf_counter()`)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.told: list[str] = []
        self.ended_at = 0.0

    async def listen(self, until: str) -> None:
        """Read until an event of this name has come."""
        while until not in self.told:
            line = await self._reader.readline()
            assert line, f"the stream ended after {self.told}"
            if line.startswith(b"event: "):
                self.told.append(line[7:].decode().strip())
        self.ended_at = time.perf_counter()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def listen_to(port: int, job_id: str, key: str = "open") -> Listener:
    """A listener who has been told the snapshot. key: of the API."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LINE_BYTES)
    head = f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    writer.write(head.encode())
    listener = Listener(reader, writer)
    await listener.listen("snapshot")
    return listener
