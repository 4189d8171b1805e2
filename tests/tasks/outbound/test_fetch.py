"""Fetching a file from an address that somebody named: whole, within its limit, or not at all."""

import asyncio
import os
from pathlib import Path

import pytest
import uvloop

from tasks.outbound.client import GuardedClient, OutboundTimeouts
from tasks.outbound.protocol import FetchedFile, OutboundError
from tasks.refusal import Refusal
from tests.support.eventually import eventually
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import LOOPBACK, Opening

CONTENT = os.urandom(100_000)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "source"


async def unreachable(client: GuardedClient, url: str, into: Path, max_bytes: int = 1_000_000) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        await client.fetch(url, into, max_bytes=max_bytes)
    assert not into.exists()
    return caught.value


@pytest.mark.parametrize("behaviour", ["file", "streamed"])
async def test_a_file_comes_whole(client: GuardedClient, into: Path, behaviour: str) -> None:
    async with Receiver(behaviour, content=CONTENT) as receiver:
        fetched = await client.fetch(receiver.url, into, max_bytes=len(CONTENT))
    assert fetched == FetchedFile(len(CONTENT), "image/png" if behaviour == "file" else None)
    assert into.read_bytes() == CONTENT
    (request,) = receiver.requests
    assert (request.method, request.body) == ("GET", b"")
    assert request.headers["accept-encoding"] == "identity"
    assert "content-type" not in request.headers


@pytest.mark.parametrize("behaviour", ["file", "streamed", "endless", "large"])
async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    client: GuardedClient, into: Path, behaviour: str
) -> None:
    async with Receiver(behaviour, content=CONTENT) as receiver:
        with pytest.raises(Refusal) as caught:
            await client.fetch(receiver.url, into, max_bytes=len(CONTENT) - 1)
    assert (caught.value.code, caught.value.limit) == ("too_large", len(CONTENT) - 1)
    assert not into.exists()


async def test_a_bomb_stays_packed(client: GuardedClient, into: Path) -> None:
    async with Receiver("gzip-bomb") as receiver:
        fetched = await client.fetch(receiver.url, into, max_bytes=1_000_000)
    assert fetched.bytes < 100_000
    assert into.read_bytes()[:2] == b"\x1f\x8b"


async def test_a_redirect_asks_for_the_address_that_it_leads_to(client: GuardedClient, into: Path) -> None:
    async with Receiver() as elsewhere, Receiver("redirecting", content=elsewhere.url.encode()) as receiver:
        error = await unreachable(client, receiver.url, into)
    assert (error.code, error.status) == ("redirected", 302)
    assert "302" in error.message
    assert elsewhere.url not in error.message
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [201, 204, 206, 403, 404, 410, 429, 500, 503])
async def test_any_other_status_is_named(client: GuardedClient, into: Path, status: int) -> None:
    async with Receiver() as receiver:
        error = await unreachable(client, receiver.at(f"/status/{status}"), into)
    assert (error.code, error.status) == ("bad_status", status)
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("behaviour", "code", "status"),
    [
        ("silent", "answer_timed_out", None),
        ("drip", "answer_timed_out", 200),
        ("drip-head", "answer_timed_out", 200),
        ("hang-up", "connection_lost", None),
        ("reset", "connection_lost", None),
        ("truncated", "connection_lost", 200),
        ("garbage", "malformed_answer", None),
        ("huge-headers", "malformed_answer", 200),
        ("bad-chunks", "malformed_answer", 200),
    ],
)
async def test_a_misbehaving_server_leaves_nothing(
    opening: Opening, into: Path, behaviour: str, code: str, status: int | None
) -> None:
    async with Receiver(behaviour) as receiver:
        error = await unreachable(opening(fetch_s=1), receiver.url, into)
    assert error.code == code
    assert error.status == status


async def test_a_cancelled_fetch_leaves_nothing(client: GuardedClient, into: Path) -> None:
    async with Receiver("drip") as receiver:
        task = asyncio.create_task(client.fetch(receiver.url, into, max_bytes=1_000_000))
        await eventually(into.exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not into.exists()


@pytest.mark.parametrize("use_uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_a_client_that_closes_ends_a_fetch_whatever_its_buffer_holds(into: Path, use_uvloop: bool) -> None:
    async def fetch_and_close() -> str:
        client = GuardedClient(
            timeouts=OutboundTimeouts(dns_s=1, connect_s=1, post_s=3, fetch_s=10), networks=LOOPBACK, http=True
        )
        async with Receiver("endless") as receiver:
            fetching = asyncio.create_task(unreachable(client, receiver.url, into, max_bytes=10**12))
            async with asyncio.timeout(5):
                while not into.exists() or into.stat().st_size < 1_000_000:
                    await asyncio.sleep(0)
            await client.close()
            return (await fetching).code

    run = uvloop.run if use_uvloop else asyncio.run
    assert run(fetch_and_close()) == "connection_lost"


@pytest.mark.parametrize("url", ["http://10.0.0.7/cat.png", "ftp://example.com/cat.png", "http://[::1]\\@10.0.0.7/"])
async def test_a_bad_address_is_not_asked(client: GuardedClient, into: Path, url: str) -> None:
    assert (await unreachable(client, url, into)).code in ("address_refused", "invalid_url")
