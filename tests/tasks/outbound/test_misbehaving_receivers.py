"""The guarded client and misbehaving receivers: each has its error code, in time, and with bounded reading."""

import asyncio
import socket
import time
import tracemalloc
from typing import Any

import pytest

from tasks.outbound import failure as failures
from tasks.outbound.client import DRAIN_BYTES, GuardedClient
from tasks.refusal import CODES
from tests.support.receiver_behaviours import BEHAVIOURS, BOMB_BYTES, bomb
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import Opening, failure, post
from tools.servers import free_port

LIMIT_S = 1.0
MISBEHAVING = {
    "silent": "answer_timed_out",
    "continuing": "answer_timed_out",
    "reset": "connection_lost",
    "hang-up": "connection_lost",
    "garbage": "malformed_answer",
}
WELL_BEHAVED = {
    *("fast", "status", "failing", "throttling", "gone", "redirecting", "file", "streamed", "cookies", "slow", "stale"),
    *("stale-reset", "closing", "asking", "aborting", "many-headers", "echoing"),
}
ANSWERING_BADLY = ("drip", "drip-head", "truncated", "huge-headers", "bad-chunks")
"""What follows their status line is never whole, or not HTTP."""
CUT_SHORT = {"gzip-bomb", "endless", "large", "upgrading"}


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: they report the same failure differently."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def impatient(opening: Opening) -> GuardedClient:
    return opening(post_s=LIMIT_S)


def test_every_behaviour_has_a_test() -> None:
    # Other tests may have behaviours of their own.
    known = {
        name for name, behaviour in BEHAVIOURS.items() if behaviour.__module__ == "tests.support.receiver_behaviours"
    }
    assert known == MISBEHAVING.keys() | set(ANSWERING_BADLY) | WELL_BEHAVED | CUT_SHORT
    assert set(MISBEHAVING.values()) | set(failures.MESSAGES) <= CODES.keys()


@pytest.mark.parametrize("behaviour", MISBEHAVING)
async def test_a_misbehaving_receiver_fails_the_request_in_time(impatient: GuardedClient, behaviour: str) -> None:
    async with Receiver(behaviour) as receiver:
        began = time.monotonic()
        error = await failure(impatient, receiver.url)
        assert error.code == MISBEHAVING[behaviour]
        assert time.monotonic() - began < LIMIT_S + 10
        assert len(receiver.requests) == 1  # nothing is sent twice over a connection that was new
    assert error.ip == "127.0.0.1"
    assert {"dns", "connect", "wait", "total"} <= error.timing.keys()
    assert error.message == failures.MESSAGES[error.code]
    assert not any(character.isdigit() for character in error.message)


@pytest.mark.parametrize("behaviour", ANSWERING_BADLY)
async def test_a_status_counts_from_the_moment_that_its_line_is_read(impatient: GuardedClient, behaviour: str) -> None:
    """The receiver has taken the request, and says so: to send it again would make it take it twice."""
    async with Receiver(behaviour) as receiver:
        answer = await post(impatient, receiver.url)
        assert answer.status == 200
        assert {"dns", "connect", "wait", "total"} <= answer.timing.keys()
        await post(impatient, receiver.at("/fast"))
        assert receiver.connections == 2


@pytest.mark.parametrize("behaviour", ["silent", "hang-up", "garbage"])
async def test_misbehaviour_on_a_connection_that_was_open_already_has_the_same_code(
    impatient: GuardedClient, behaviour: str
) -> None:
    async with Receiver() as receiver:
        await post(impatient, receiver.url)
        assert (await failure(impatient, receiver.at(f"/{behaviour}"))).code == MISBEHAVING[behaviour]


@pytest.mark.parametrize("behaviour", ["silent", "drip", "truncated"])
async def test_a_broken_connection_is_not_used_again(opening: Opening, behaviour: str) -> None:
    client = opening(post_s=2)
    async with Receiver() as receiver:
        if behaviour == "silent":
            await failure(client, receiver.at("/silent"))
        else:
            await post(client, receiver.at(f"/{behaviour}"))
        assert (await post(client, receiver.url)).status == 200
        broken, good = (request.connection for request in receiver.requests)
    assert good != broken


async def test_a_connection_that_breaks_late_is_not_tried_again(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been read, and worked on: only the schedule decides whether it is sent again."""
    monkeypatch.setattr("tasks.outbound.client.STALE_S", 0.0)
    client = opening()
    async with Receiver("stale") as receiver:
        await post(client, receiver.url)
        assert (await failure(client, receiver.url)).code == "connection_lost"
        assert len(receiver.requests) == 2


async def test_a_bomb_is_not_unpacked(client: GuardedClient) -> None:
    async with Receiver("gzip-bomb") as receiver:
        assert len(bomb()) > 20_000
        await post(client, receiver.at("/fast"))
        tracemalloc.start()
        answer = await post(client, receiver.url)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.status == 200
    assert answer.excerpt[:2] == b"\x1f\x8b"
    assert peak < BOMB_BYTES / 10


@pytest.mark.parametrize("behaviour", ["endless", "large"])
async def test_a_body_without_end_is_cut_short_and_its_status_counts(client: GuardedClient, behaviour: str) -> None:
    async with Receiver(behaviour) as receiver:
        answer = await post(client, receiver.url)
        assert (answer.status, answer.excerpt) == (200, bytes(1024))
        assert answer.timing["total"] < 2000
        await post(client, receiver.at("/fast"))
        assert receiver.connections == 2
    assert DRAIN_BYTES < 100_000


async def test_an_upgrade_is_an_answer_like_any_and_its_connection_is_closed(client: GuardedClient) -> None:
    async with Receiver("upgrading") as receiver:
        assert (await post(client, receiver.url)).status == 101
        await post(client, receiver.at("/fast"))
        assert receiver.connections == 2


async def test_nobody_listens(client: GuardedClient) -> None:
    error = await failure(client, f"http://127.0.0.1:{free_port()}/")
    assert error.code == "connect_failed"
    assert error.timing.keys() == {"dns", "connect", "total"}


async def test_a_connection_that_is_never_made_costs_its_limit(opening: Opening) -> None:
    """A full backlog: the kernel drops the first packet, as a firewall would."""
    client = opening(connect_s=0.3)
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        began = loop.time()
        error = await failure(client, f"http://127.0.0.1:{address[1]}/")
        assert error.code == "connect_timed_out"
        assert 0.25 < loop.time() - began < 10
        assert error.timing.keys() == {"dns", "connect", "total"}
        for filler in fillers:
            filler.close()


async def test_the_limit_of_the_connection_does_not_hold_for_the_answer(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.receiver_behaviours.SLOW_S", 1.2)
    client = opening(connect_s=1)
    async with Receiver("slow") as receiver:
        assert (await post(client, receiver.url)).status == 200
