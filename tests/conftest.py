"""What every test may ask for: the event loop's kind, a real Valkey, a clean database in it."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tests.support.key_leaks import key_leaks
from tests.support.servers import MotoServer, RcloneServer, Valkey


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes run the tests, unless `-n` says so: one more than cores, since many tests wait.

    0, which is this process itself, when only one file is asked for or when output is wanted as it comes (`-s`).
    """
    if config.option.capture == "no":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    files = {argument.partition("::")[0] for argument in config.args}
    processes = min(cores + 1, len(files)) if all(file.endswith(".py") for file in files) else cores + 1
    return processes if processes > 1 else 0


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
