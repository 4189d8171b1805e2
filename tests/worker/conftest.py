"""Fixtures of the worker's tests."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tests.support.engine_running import Desk, settings_for


@pytest.fixture
def settings(redis: ArqRedis) -> Settings:
    return settings_for(redis, shutdown_grace_s=5)


@pytest.fixture
async def desk(redis: ArqRedis, settings: Settings) -> AsyncIterator[Desk]:
    desk = Desk(redis, settings)
    desk.watch.start()
    yield desk
    await desk.watch.stop()
