"""What a client may send before it has said who it is: bytes, fields, and time."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tests.api.server.conftest import Opened, answered
from tests.support.api.pictures import PNG, big
from tests.support.api.serving import ALICE, requests_under_way
from tests.support.eventually import eventually

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
POST = f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n".encode()
Open = Callable[[], Opened]


async def sent(opened: Open, data: bytes) -> tuple[int, bytes]:
    async with opened() as (reader, writer):
        writer.write(data)
        return await answered(reader)


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"a" * 200_000,  # and no end
        GET + b"X: " + b"a" * 32_760 + b"\r\n\r\n",
        GET + b"".join(b"X%d: y\r\n" % number for number in range(120)),
        GET + b"".join(b"X%d: y\r\n" % number for number in range(120)) + b"\r\n",
        b"GET /livez?" + b"a" * 100_000,
        b"\r\n" * 40_000,
    ],
    ids=["line", "sum", "fields", "complete", "url", "nothing"],
)
async def test_a_head_has_limits(opened: Open, head: bytes) -> None:
    status, answer = await sent(opened, head)
    assert status == 431
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "header_too_large"
    assert b"connection: close" in answer


async def test_a_head_after_another_request_has_the_same_limits(opened: Open) -> None:
    second = GET + b"X: " + b"a" * 33_000 + b"\r\n\r\n"
    _, answer = await sent(opened, GET + b"\r\n" + second + GET + b"\r\n")
    first, *others = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    # The answer to the first is the last, unless it was sent before the second head had come.
    assert [one.partition(b" ")[0] for one in others] in ([], [b"431"])
    assert b"connection: close" in [first, *others][-1]


async def test_a_head_that_just_fits_is_served(opened: Open, settings: Settings) -> None:
    fields = b"".join(b"X%d: y\r\n" % number for number in range(97)) + b"Connection: close\r\n"
    assert (await sent(opened, GET + fields + b"\r\n"))[0] == 200
    rest = settings.http_max_header_bytes - len(GET) - len(b"Connection: close\r\nX: \r\n\r\n")
    head = GET + b"Connection: close\r\nX: " + b"a" * rest + b"\r\n\r\n"
    assert len(head) == settings.http_max_header_bytes
    assert (await sent(opened, head))[0] == 200


async def test_trailer_fields_have_the_same_limits(opened: Open) -> None:
    start = POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
    assert (await sent(opened, start + b"X: y\r\n" * 120))[0] == 431
    assert (await sent(opened, start + b"X: " + b"y" * 200_000))[0] == 431
    status, answer = await sent(opened, start.replace(b"Host", b"Connection: close\r\nHost") + b"X: y\r\n\r\n")
    assert status == 201
    assert b'"bytes":3' in answer


@pytest.mark.parametrize("lines", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nHost: a\r\n"])
async def test_a_request_names_one_host(opened: Open, lines: bytes) -> None:
    status, answer = await sent(opened, b"GET /livez HTTP/1.1\r\n" + lines + b"\r\n")
    assert status == 400
    assert b"Host" in answer
    expected = 200 if not lines else 400
    assert (await sent(opened, b"GET /livez HTTP/1.0\r\n" + lines + b"\r\n"))[0] == expected


async def test_what_is_no_http_is_told_so_as_a_problem(opened: Open) -> None:
    status, answer = await sent(opened, b"\x16\x03\x01\x02\x00\x01\x00\x01")
    assert status == 400
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "malformed_request"


@pytest.mark.parametrize("start", [b"", b"GET /livez HT", GET])
async def test_a_head_must_come_in_time(opened: Open, start: bytes) -> None:
    began = time.monotonic()
    async with opened() as (reader, writer):
        writer.write(start)
        status, answer = await answered(reader)
    assert time.monotonic() - began > 0.4
    assert status == (408 if start else 0)
    assert not start or b'"code":"request_timeout"' in answer


async def test_a_head_that_comes_byte_by_byte_gets_no_more_time(opened: Open) -> None:
    async with opened() as (reader, writer):
        answer = asyncio.create_task(answered(reader))
        for byte in GET + b"X: " + b"a" * 1000:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
            if answer.done():
                break
        assert (await answer)[0] == 408


async def test_a_connection_may_be_idle_for_a_while_only(opened: Open) -> None:
    async with opened() as (reader, writer):
        writer.write(GET + b"\r\n")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(1)  # longer than a head may take: the connection is between two requests
        writer.write(GET + b"\r\n")
        async with asyncio.timeout(5):
            assert b"HTTP/1.1 200 " in await reader.readuntil(b"}")
        began = time.monotonic()
        assert await answered(reader) == (0, b"")
        assert time.monotonic() - began > 1


@pytest.mark.parametrize("came", [b"", b"abc", big(100_000)])
async def test_a_body_that_stops_is_answered(redis: ArqRedis, opened: Open, came: bytes) -> None:
    async with opened() as (reader, writer):
        writer.write(POST + b"Content-Length: 200000\r\n\r\n" + came)
        status, answer = await answered(reader)
    assert status == 408
    assert b'"code":"request_timeout"' in answer
    assert b"bytes per second" in answer


async def test_a_body_may_come_slowly(redis: ArqRedis, opened: Open, settings: Settings) -> None:
    """Twice as fast as it must, for longer than the grace."""
    async with opened() as (reader, writer):
        writer.write(POST + b"Connection: close\r\nContent-Length: 3000\r\n\r\n")
        began, sent = time.monotonic(), 0
        while sent < 3000:
            await asyncio.sleep(0.05)
            more = min(int((time.monotonic() - began) * 2000), 3000) - sent
            writer.write(bytes(more))
            sent += more
        assert (await answered(reader))[0] == 201


async def test_time_in_which_the_server_does_not_read_is_not_the_clients(
    redis: ArqRedis, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.storage import calls  # noqa: PLC0415

    held = asyncio.Event()
    run = calls.StorageCalls.run

    async def slow(self: calls.StorageCalls, *args: Any) -> Any:
        await held.wait()
        return await run(self, *args)

    monkeypatch.setattr(calls.StorageCalls, "run", slow)
    body = big(4_000_000)
    async with opened() as (reader, writer):
        writer.write(POST + f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await asyncio.sleep(2)
        held.set()
        await writer.drain()
        assert (await answered(reader))[0] == 201


async def test_who_does_not_take_the_answer_is_let_go(redis: ArqRedis, opened: Open, alice: httpx.AsyncClient) -> None:
    stored = (await alice.post("/v1/images", content=PNG)).json()["id"]
    path = f"/v1/jobs?limit=1&owner=x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ALICE}\r\n\r\n"
    assert stored
    async with opened() as (_, writer):
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 10:  # answers pile up on the way back
                writer.write(f"GET {path}".encode() * 50)
                await writer.drain()
                await asyncio.sleep(0.02)
        assert time.monotonic() - began < 8


async def test_an_answer_before_the_body_was_read_ends_the_connection(redis: ArqRedis, port: int) -> None:
    """A client that only sends until it cannot, and then reads, still gets the answer."""

    def send_it_all() -> tuple[int, bytes]:
        with socket.create_connection(("127.0.0.1", port), timeout=8) as client:
            client.sendall(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
            taken = 0
            with contextlib.suppress(ConnectionError):
                while taken < 100_000_000:
                    taken += client.send(bytes(100_000))
            return taken, client.recv(10_000)

    taken, answer = await asyncio.to_thread(send_it_all)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer
    assert taken < 20_000_000  # what the sockets' own buffers hold, and a megabyte


async def test_an_answer_after_a_small_body_keeps_the_connection(opened: Open) -> None:
    async with opened() as (reader, writer):
        for _ in range(2):
            writer.write(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            async with asyncio.timeout(5):
                answer = await reader.readuntil(b"}")
            assert b" 401 " in answer
            assert b"connection: close" not in answer


async def test_a_request_to_speak_another_protocol_is_passed_over(opened: Open) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    async with opened() as (reader, writer):
        writer.write((GET + upgrade + b"\r\n") * 2)
        async with asyncio.timeout(5):
            for _ in range(2):
                assert b"HTTP/1.1 200 " in await reader.readuntil(b"}")
    status, answer = await sent(opened, POST + upgrade + b"Content-Length: 3\r\n\r\nabc")
    assert status == 400
    assert b"Upgrade" in answer


async def test_few_requests_may_be_sent_ahead(opened: Open) -> None:
    async with opened() as (reader, writer):
        writer.write((GET + b"\r\n") * 300)
        whole = (await answered(reader))[1]
    assert 100 <= whole.count(b"HTTP/1.1 200 ") <= 102


async def test_silent_connections_make_room_and_busy_ones_do_not(
    opened: Open, port: int, settings: Settings, redis: ArqRedis
) -> None:
    """At the cap the oldest that waits goes; if none does, the newest is told so."""
    most = settings.http_max_connections
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(most)]
    await asyncio.sleep(0.35)
    assert (await sent(opened, GET + b"Connection: close\r\n\r\n"))[0] == 200
    assert await answered(connections[0][0]) == (0, b"")
    for _, writer in connections:
        writer.close()
    busy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(most)]
    for _, writer in busy:
        writer.write(POST + b"Content-Length: 9\r\n\r\n")
    await eventually(requests_under_way, most)
    status, answer = await sent(opened, b"")
    assert status == 503
    assert b'"code":"too_many_connections"' in answer
    assert b"retry-after" in answer
    for _, writer in busy:
        writer.close()
