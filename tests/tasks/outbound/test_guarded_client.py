"""No address that is not public gets a packet, whichever way it is named: listeners on loopback count who comes."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network

import pytest

from tasks.outbound.client import GuardedClient
from tasks.outbound.failure import MESSAGES
from tasks.outbound.networks import Address
from tasks.outbound.resolver import NameNotFound, Resolver
from tasks.outbound.url_policy import check_reachable, check_url
from tests.support.network.nameserver import A, NameServer
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import LOOPBACK, Opening, failure, post

PUBLIC = "93.184.216.34"


@pytest.fixture
async def inside() -> AsyncIterator[Receiver]:
    """A service of our own network that nobody may reach."""
    async with Receiver(host="rebinding.example") as receiver:
        yield receiver
        assert receiver.connections == 0


@pytest.fixture
def strict(opening: Opening) -> GuardedClient:
    """A client as in production, but for TLS."""
    return opening(networks=())


async def test_a_name_that_changes_its_answer_after_it_was_checked_reaches_nobody(
    strict: GuardedClient, names: NameServer, inside: Receiver
) -> None:
    names.say("rebinding.example", [PUBLIC], ["127.0.0.1"])
    resolver = Resolver(timeout_s=1, nameservers=(names.address,))
    await check_reachable(check_url(inside.url, http_allowed=True), resolver)
    await resolver.close()
    error = await failure(strict, inside.url)
    assert error.code == "address_refused"
    assert [kind for _, kind in names.asked].count(A) == 2


async def test_what_was_looked_up_is_dialled_and_nothing_is_looked_up_in_between(
    opening: Opening, names: NameServer, inside: Receiver
) -> None:
    """Were the name looked up once more for the connection, it would find the listener."""
    names.say("rebinding.example", [PUBLIC], ["127.0.0.1"])
    client = opening(networks=(ip_network(f"{PUBLIC}/32"),), connect_s=0.1)
    error = await failure(client, inside.url)
    assert error.code in ("connect_timed_out", "connect_failed")
    assert error.ip == PUBLIC
    assert [kind for _, kind in names.asked].count(A) == 1


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["::ffff:127.0.0.1"], [PUBLIC, "::1"]],
    ids=str,
)
async def test_an_answer_with_one_bad_address_reaches_nobody(
    strict: GuardedClient, names: NameServer, inside: Receiver, addresses: list[str]
) -> None:
    names.say("rebinding.example", addresses)
    error = await failure(strict, inside.url)
    assert error.code == "address_refused"
    assert error.message == MESSAGES["address_refused"]
    assert error.ip is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "127。0。0。1",
    ],
)
async def test_a_bad_host_reaches_nobody(strict: GuardedClient, inside: Receiver, host: str) -> None:
    error = await failure(strict, f"http://{host}:{inside.port}/")
    assert error.code in ("address_refused", "invalid_url")
    assert (error.ip, error.timing) == (None, {})


async def test_the_socket_has_the_last_word(
    strict: GuardedClient, inside: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a resolver were made to lie."""

    async def lying(_self: Resolver, _host: str) -> tuple[Address, ...]:
        return ip_address("127.0.0.1"), ip_address("::1")

    monkeypatch.setattr(Resolver, "addresses", lying)
    error = await failure(strict, inside.url)
    assert error.code == "address_refused"
    assert error.ip is None


async def test_metadata_is_not_dialled_though_everything_is_allowed(
    opening: Opening, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled: list[object] = []
    loop = asyncio.get_running_loop()

    async def watched(sock: socket.socket, address: object) -> None:
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(loop, "sock_connect", watched)
    client = opening(networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    for number, address in enumerate(("169.254.169.254", "fd00:ec2::254", "64:ff9b::a9fe:a9fe")):
        names.say(f"metadata{number}.example", [address])
        assert (await failure(client, f"http://metadata{number}.example/")).code == "address_refused"
    assert dialled == []
    names.say("other.example", ["10.0.0.7"])
    assert (await failure(client, "http://other.example/")).code == "connect_failed"
    assert dialled == [("10.0.0.7", 80)]


async def test_a_name_that_nobody_knows(strict: GuardedClient, names: NameServer) -> None:
    names.fail("unknown.example")
    error = await failure(strict, "http://unknown.example/")
    assert error.code == "dns_failed"
    assert error.timing.keys() == {"dns", "total"}


async def test_a_name_server_that_never_answers(opening: Opening) -> None:
    for limits in ({"dns_s": 0.2}, {"dns_s": 5, "post_s": 0.2}):
        error = await failure(opening(networks=(), **limits), "http://silent.example/")
        assert error.code == "dns_failed"
        assert 150 < error.timing["dns"] < 1500


async def test_our_own_service_and_http_are_refused_where_they_are_not_allowed(opening: Opening) -> None:
    client = opening(own_hosts=("pressroom.example.com",), http=False)
    for url in ("https://pressroom.example.com/v1/events", "http://example.com/"):
        assert (await failure(client, url)).code == "invalid_url"


async def test_a_redirect_to_the_inside_is_not_followed(opening: Opening, names: NameServer, inside: Receiver) -> None:
    client = opening(networks=(ip_network("127.0.0.2/32"),))
    async with Receiver("redirecting", address="127.0.0.2", content=inside.at("/").encode()) as outside:
        names.say("rebinding.example", ["127.0.0.1"])
        assert (await post(client, outside.url)).status == 302
        assert (await failure(client, inside.url)).code == "address_refused"


async def test_no_words_of_a_failure_tell_what_is_inside(opening: Opening, names: NameServer) -> None:
    """Closed, open and silent ports of addresses that are refused all look alike."""
    client = opening(networks=())
    async with Receiver(address="127.0.0.1") as there:
        said = set()
        for address, port in (("127.0.0.1", there.port), ("127.0.0.1", 1024), ("10.0.0.7", 8080)):
            names.say(f"a{port}.example", [address])
            error = await failure(client, f"http://a{port}.example:{port}/")
            said.add((error.code, error.message, error.ip, "connect" in error.timing))
        assert len(said) == 1
        assert there.connections == 0


async def test_a_look_up_that_fails_for_many_fails_for_each(strict: GuardedClient, names: NameServer) -> None:
    names.say("inside.example", ["10.0.0.7"])
    errors = await asyncio.gather(*(failure(strict, "http://inside.example/") for _ in range(5)))
    assert {error.code for error in errors} == {"address_refused"}


async def test_loopback_may_be_allowed_and_is_then_reached(client: GuardedClient) -> None:
    async with Receiver(host="localhost") as receiver:
        assert (await post(client, receiver.url)).status == 200
    with pytest.raises(NameNotFound):
        await Resolver(timeout_s=1, networks=LOOPBACK).addresses("127.1")
