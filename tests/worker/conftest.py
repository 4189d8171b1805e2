"""Fixtures of the worker's tests."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from tasks.settings import Settings
from tests.support.engine_running import JobClient, settings_for


@pytest.fixture
def settings(redis: ArqRedis) -> Settings:
    return settings_for(redis, shutdown_grace_s=5)


@pytest.fixture
async def job_client(redis: ArqRedis, settings: Settings) -> AsyncIterator[JobClient]:
    async with JobClient(redis, settings) as job_client:
        yield job_client
