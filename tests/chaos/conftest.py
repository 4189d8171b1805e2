"""Fixtures of the tests that break things: a Valkey of their own, which may be killed."""

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.settings import Settings
from tests.support.engine_running import JobClient, settings_for
from tools.servers import Valkey

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder before pytest selects by markers. It gets those of the whole run."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@pytest.fixture
def seeded() -> random.Random:
    """Chance that can be repeated: the seed is printed with the test's output, and CHAOS_SEED sets it."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"CHAOS_SEED={seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)  # noqa: S311 - a test's dice


@pytest.fixture
def mortal_valkey() -> Iterator[Valkey]:
    with Valkey(appendonly=True) as server:
        yield server


@pytest.fixture
async def mortal_redis(mortal_valkey: Valkey) -> AsyncIterator[ArqRedis]:
    client = connect(mortal_valkey.url)
    yield client
    await close(client)


@pytest.fixture
def settings(mortal_redis: ArqRedis) -> Settings:
    return settings_for(mortal_redis)


@pytest.fixture
async def job_client(mortal_redis: ArqRedis, settings: Settings) -> AsyncIterator[JobClient]:
    async with JobClient(mortal_redis, settings) as job_client:
        yield job_client
