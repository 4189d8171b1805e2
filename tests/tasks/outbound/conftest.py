"""What the tests of the guard and its client share: a name server, and a client that may speak to loopback."""

from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tasks.outbound.client import GuardedClient, OutboundTimeouts
from tasks.outbound.networks import Network
from tasks.outbound.protocol import OutboundError, OutboundRequest, OutboundResponse
from tests.support.network.certificates import Authority
from tests.support.network.nameserver import NameServer

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
Opening = Callable[..., GuardedClient]


def words(text: str) -> list[str]:
    return text.split()


async def post(client: GuardedClient, url: str, content: bytes = b'{"a": 1}', **headers: str) -> OutboundResponse:
    return await client.post(OutboundRequest(url, content, headers))


async def failure(client: GuardedClient, url: str) -> OutboundError:
    """How a POST fails."""
    with pytest.raises(OutboundError) as caught:
        await post(client, url)
    return caught.value


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with NameServer() as server:
        yield server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def opening(names: NameServer) -> AsyncIterator[Opening]:
    """Makes clients that are closed after the test. What it is given goes before: loopback, no TLS, and time enough."""
    clients: list[GuardedClient] = []

    def make(**options: Any) -> GuardedClient:
        seconds = {"dns_s": 5, "connect_s": 5, "post_s": 10, "fetch_s": 10}
        timeouts = OutboundTimeouts(**{name: options.pop(name, default) for name, default in seconds.items()})
        rest = {"networks": LOOPBACK, "http": True, "nameservers": (names.address,)}
        clients.append(GuardedClient(timeouts=timeouts, **{**rest, **options}))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def client(opening: Opening) -> GuardedClient:
    return opening()
