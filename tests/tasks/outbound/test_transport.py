"""The transport below the guarded client: its httpx exceptions, odd responses, and URLs as they are sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.outbound import connection as limits
from tasks.outbound.client import DRAIN_PIECES, GuardedClient
from tasks.outbound.connection import ResponseProgress
from tasks.outbound.dialer import Dialer, DialError
from tasks.outbound.protocol import OutboundError
from tasks.outbound.resolver import CachedLookups, Resolver
from tasks.outbound.timing import RequestTiming
from tasks.outbound.transport import GuardedTransport
from tasks.outbound.url_policy import check_url
from tests.support.network.nameserver import NameServer
from tests.support.receiver_behaviours import Exchange, behaviour
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import LOOPBACK, failure, post
from tools.servers import free_port


@behaviour
async def late_surplus(exchange: Exchange) -> None:
    """A good response, and once it has been read, bytes that nobody asked for."""
    await exchange.answer()
    await asyncio.sleep(0.05)
    await exchange.say(b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n")


@behaviour
async def crumbs(exchange: Exchange) -> None:
    """A body in chunks of one byte, without end."""
    await exchange.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.say(b"1\r\nx\r\n" * 1000)


@behaviour
async def many_hints(exchange: Exchange) -> None:
    """Informational responses without end, as fast as they are taken."""
    while True:
        await exchange.say(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: the worker runs uvloop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def transport(names: NameServer) -> AsyncIterator[GuardedTransport]:
    lookups = CachedLookups(Resolver(timeout_s=1, networks=LOOPBACK, nameservers=(names.address,)))
    transport = GuardedTransport(Dialer(lookups, networks=LOOPBACK, connect_timeout_s=2))
    yield transport
    await transport.aclose()
    await lookups.close()


def get(url: str) -> httpx.Request:
    checked = check_url(url, http_allowed=True, networks=LOOPBACK)
    progress = {"timing": RequestTiming(), "progress": ResponseProgress()}
    return httpx.Request("GET", url, extensions={"url": checked, **progress})


@pytest.mark.parametrize("receiver_does", ["reset", "hang-up"])
async def test_a_connection_that_is_reset_or_closed_is_a_read_error_and_no_time_out(
    transport: GuardedTransport, receiver_does: str
) -> None:
    async with Receiver(receiver_does) as receiver:
        with pytest.raises(httpx.ReadError):
            await transport.handle_async_request(get(receiver.url))


async def test_a_closed_port_is_a_connect_error_and_no_time_out(transport: GuardedTransport) -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        await transport.handle_async_request(get(f"http://127.0.0.1:{free_port()}/"))
    assert isinstance(caught.value, DialError)
    assert caught.value.code == "connect_failed"


async def test_garbage_is_a_protocol_error(transport: GuardedTransport) -> None:
    async with Receiver("garbage") as receiver:
        with pytest.raises(httpx.RemoteProtocolError):
            await transport.handle_async_request(get(receiver.url))


async def test_a_response_has_httpxs_parts(transport: GuardedTransport) -> None:
    async with Receiver("file", content=b"x" * 100_000) as receiver:
        response = await transport.handle_async_request(get(receiver.url))
        assert await response.aread() == b"x" * 100_000
        assert (response.status_code, response.reason_phrase) == (200, "Whatever")
        assert response.headers["content-type"] == "image/png"


async def test_bytes_that_come_between_two_requests_close_the_connection(client: GuardedClient) -> None:
    async with Receiver("late-surplus") as receiver:
        assert (await post(client, receiver.url)).status == 200
        await asyncio.sleep(0.2)
        assert (await post(client, receiver.url)).status == 200
        assert receiver.connections == 2


async def test_tiny_chunks_without_end_are_cut_short_and_the_status_counts(client: GuardedClient) -> None:
    """Each costs the event loop as much as a large one."""
    async with Receiver("crumbs") as receiver:
        answer = await post(client, receiver.url)
    assert answer.status == 200
    assert answer.timing["total"] < 1500
    assert DRAIN_PIECES < limits.MANY_PIECES


async def test_tiny_chunks_without_end_are_no_file(client: GuardedClient, tmp_path: Path) -> None:
    async with Receiver("crumbs") as receiver:
        with pytest.raises(OutboundError) as caught:
            await client.fetch(receiver.url, tmp_path / "source", max_bytes=1_000_000)
    assert caught.value.code == "malformed_answer"


async def test_informational_responses_without_end_are_malformed(client: GuardedClient) -> None:
    async with Receiver("many-hints") as receiver:
        error = await failure(client, receiver.url)
    assert error.code == "malformed_answer"
    assert error.timing["total"] < 1500


@pytest.mark.parametrize("target", ["/a%2Fb?x=1+2", "/a|b?c=|", "/a/../b", "/%7e?a=%7E&b='", "/?", "//x"])
async def test_a_url_goes_out_byte_for_byte(client: GuardedClient, target: str) -> None:
    async with Receiver() as receiver:
        assert (await post(client, receiver.at(target))).status == 200
    assert receiver.requests[0].path == target
