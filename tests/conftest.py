"""What every test may ask for: the event loop's kind, a real Valkey, a clean database in it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tests.support.key_leaks import key_leaks
from tests.support.servers import MotoServer, RcloneServer, Valkey


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """One server for the whole run; tests that kill it start their own."""
    with Valkey() as server:
        yield server


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[ArqRedis]:
    """A client of an empty database. After the test nothing may be left in it that would stay for ever."""
    client = connect(valkey.url)
    await client.flushall()
    yield client
    leaks = await key_leaks(client)
    await close(client)
    assert leaks == []


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """One S3 server for the whole run; a test takes a prefix of its own in its bucket."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def rclone() -> Iterator[RcloneServer]:
    """The S3 server that verifies signatures; shared likewise."""
    with RcloneServer() as server:
        yield server
