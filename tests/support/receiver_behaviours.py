"""How receivers behave: one function for each behaviour. `tests.support.receivers` chooses one by name."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.receivers import Receiver, Request

DRIP_S = 0.02
SLOW_S = 0.2
BOMB_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 16 * 1024
ENDLESS_BYTES = 256 * 1024 * 1024
"""Where `endless` gives up: far past every limit that a test sets, and soon reached on loopback."""


class HangUp(Exception):  # noqa: N818 - an outcome
    """The connection is to be closed without another word."""


@dataclass(slots=True)
class Exchange:
    """One request, and the means to answer it. turn: its number on its connection, from 1."""

    receiver: "Receiver"
    request: "Request"
    writer: asyncio.StreamWriter
    turn: int

    async def say(self, *parts: bytes) -> None:
        if self.writer.transport.is_closing():  # uvloop would raise a RuntimeError
            raise ConnectionResetError("the sender has gone")
        # Not `writelines`: on Python 3.12.1 and 3.13.0 it spins for ever once the reader has gone.
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def answer(self, status: int = 200, body: bytes = b"ok", *headers: str) -> None:
        head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
        await self.say("\r\n".join([*head, "", ""]).encode(), body)


Behaviour = Callable[[Exchange], Awaitable[None]]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(function: Behaviour) -> Behaviour:
    BEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


@behaviour
async def fast(exchange: Exchange) -> None:
    await exchange.answer()


@behaviour
async def status(exchange: Exchange) -> None:
    """The status that ends the path."""
    asked = int(exchange.request.path.rpartition("/")[2])
    await exchange.answer(asked, b"" if asked in (204, 304) else b"as you asked")


@behaviour
async def failing(exchange: Exchange) -> None:
    """500 for the first `times` requests, then 200."""
    await exchange.answer(500 if len(exchange.receiver.requests) <= exchange.receiver.times else 200)


@behaviour
async def throttling(exchange: Exchange) -> None:
    """429 with `Retry-After: 2` for the first `times` requests, then 200."""
    if len(exchange.receiver.requests) <= exchange.receiver.times:
        await exchange.answer(429, b"slow down", "Retry-After: 2")
    else:
        await exchange.answer()


@behaviour
async def gone(exchange: Exchange) -> None:
    await exchange.answer(410, b"no more")


@behaviour
async def asking(exchange: Exchange) -> None:
    """200, with a header that asks for no more deliveries."""
    await exchange.answer(200, b"ok", "Webhook-Delivery: disable")


@behaviour
async def aborting(exchange: Exchange) -> None:
    """422, with a header that asks for no further attempt at this delivery."""
    await exchange.answer(422, b"not this one", "Webhook-Delivery: abort-message")


@behaviour
async def redirecting(exchange: Exchange) -> None:
    """302 to `content`, or to /fast."""
    place = exchange.receiver.content.decode() or exchange.receiver.at("/fast")
    await exchange.answer(302, b"", f"Location: {place}")


@behaviour
async def file(exchange: Exchange) -> None:
    """`content`, as a picture is served."""
    await exchange.answer(200, exchange.receiver.content, "Content-Type: image/png")


@behaviour
async def streamed(exchange: Exchange) -> None:
    """`content` in chunks, its length untold."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    content = exchange.receiver.content
    for start in range(0, len(content), 1000):
        part = content[start : start + 1000]
        await exchange.say(b"%x\r\n%s\r\n" % (len(part), part))
    await exchange.say(b"0\r\n\r\n")


@behaviour
async def cookies(exchange: Exchange) -> None:
    await exchange.answer(200, b"ok", "Set-Cookie: session=1234; Path=/")


@behaviour
async def echoing(exchange: Exchange) -> None:
    """500, or the status that ends the path, with all that came, in the body and in headers, as pages for those who
    look for an error do."""
    request = exchange.request
    asked = request.path.rpartition("/")[2]
    status_code = int(asked) if asked.isdecimal() else 500
    came = json.dumps({"path": request.path, "headers": request.headers}).replace("/", "\\/")
    told = [f"X-Echo-{number}: {value}" for number, value in enumerate(request.headers.values())]
    await exchange.answer(
        status_code,
        came.encode() + request.body,
        "Set-Cookie: sid=session-of-a-user",
        *told,
    )


@behaviour
async def slow(exchange: Exchange) -> None:
    """An answer after a while."""
    await asyncio.sleep(SLOW_S)
    await exchange.answer()


@behaviour
async def silent(exchange: Exchange) -> None:
    """Never an answer."""
    await asyncio.Event().wait()


@behaviour
async def drip(exchange: Exchange) -> None:
    """A head, then a byte at a time, for ever."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await exchange.say(b".")
        await asyncio.sleep(DRIP_S)


@behaviour
async def drip_head(exchange: Exchange) -> None:
    """A header a byte at a time, for ever."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await exchange.say(b".")
        await asyncio.sleep(DRIP_S)


@behaviour
async def continuing(exchange: Exchange) -> None:
    """100 Continue, for ever."""
    while True:
        await exchange.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(DRIP_S)


@behaviour
async def reset(exchange: Exchange) -> None:
    """The request is read, then the connection is reset."""
    _reset(exchange.writer)
    raise HangUp


@behaviour
async def hang_up(exchange: Exchange) -> None:
    """The request is read, then the connection is closed."""
    raise HangUp


@behaviour
async def stale(exchange: Exchange) -> None:
    """A good answer to the first request of a connection; the second finds it closed."""
    if exchange.turn > 1:
        raise HangUp
    await exchange.answer()


@behaviour
async def stale_reset(exchange: Exchange) -> None:
    """A good answer to the first request of a connection; the second is reset."""
    if exchange.turn > 1:
        _reset(exchange.writer)
        raise HangUp
    await exchange.answer()


@behaviour
async def closing(exchange: Exchange) -> None:
    """A good answer, after which the connection is closed without notice."""
    await exchange.answer()
    raise HangUp


@behaviour
async def truncated(exchange: Exchange) -> None:
    """Less than was announced."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"too short")
    raise HangUp


@behaviour
async def gzip_bomb(exchange: Exchange) -> None:
    """A few kilobytes that are thirty megabytes, compressed though nobody asked for it."""
    await exchange.answer(200, bomb(), "Content-Encoding: gzip", "Content-Type: application/json")


@behaviour
async def endless(exchange: Exchange) -> None:
    """A body that does not end, as fast as it is read: the connection closes after ENDLESS_BYTES."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(ENDLESS_BYTES // CHUNK_BYTES):
        await exchange.say(b"%x\r\n" % CHUNK_BYTES, bytes(CHUNK_BYTES), b"\r\n")
    raise HangUp


@behaviour
async def large(exchange: Exchange) -> None:
    """A body of a hundred megabytes, as its length says; it is never sent whole."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(6000):
        await exchange.say(bytes(CHUNK_BYTES))


@behaviour
async def huge_headers(exchange: Exchange) -> None:
    await exchange.answer(200, b"ok", *(f"X-Huge-{number}: {'x' * 100_000}" for number in range(3)))


@behaviour
async def many_headers(exchange: Exchange) -> None:
    await exchange.answer(200, b"ok", *(f"X-Many-{number}: x" for number in range(5000)))


@behaviour
async def garbage(exchange: Exchange) -> None:
    """Not HTTP."""
    await exchange.say(b"SSH-2.0-OpenSSH_9.9\r\n" * 10)


@behaviour
async def bad_chunks(exchange: Exchange) -> None:
    """A head of HTTP, and a body that is none."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno chunk\r\n")
    raise HangUp


@behaviour
async def upgrading(exchange: Exchange) -> None:
    await exchange.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await asyncio.Event().wait()


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Let the close be a reset: what waits to be sent is thrown away."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
