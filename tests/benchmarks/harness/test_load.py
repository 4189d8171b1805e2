"""The load tool against a small server of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.benchmarks.harness.load import put_under_load

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def answering(answer: Callable[[int], bytes]) -> AsyncIterator[tuple[int, list[int]]]:
    """A server that gives the n-th request `answer(n)`, or hangs up; its port, and how many each connection sent."""
    connections: list[int] = []
    total = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal total
        mine = len(connections)
        connections.append(0)
        while await reader.read(len(REQUEST)):
            connections[mine] += 1
            total += 1
            content = answer(total)
            writer.write(content)
            if not content:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\nok".encode()


async def test_every_request_is_sent_once_over_the_connections_given() -> None:
    async with answering(lambda _: status(202)) as (port, connections):
        load = await put_under_load(port, iter([REQUEST] * 50), connections=4)
    assert sum(connections) == len(load.latencies_s) == 50
    assert len(connections) == 4
    assert load.refused == {}
    assert load.per_second == pytest.approx(50 / load.seconds)
    assert 0 < min(load.latencies_s) <= load.seconds


async def test_answers_that_are_not_2xx_are_counted_by_status() -> None:
    async with answering(lambda number: status(503 if number % 5 == 0 else 200)) as (port, _):
        load = await put_under_load(port, iter([REQUEST] * 20), connections=2)
    assert load.refused == {503: 4}


async def test_a_server_that_hangs_up_is_an_error_not_a_result() -> None:
    async with answering(lambda number: b"" if number == 3 else status(200)) as (port, _):
        with pytest.raises(ConnectionError):
            await put_under_load(port, iter([REQUEST] * 10), connections=1)
