"""Fixtures of the tests of `tasks`: settings, a way to enqueue, and a worker that runs nothing."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


@pytest.fixture
def enqueuer(redis: ArqRedis, settings: Settings) -> Enqueuer:
    return Enqueuer(redis, settings)


@pytest.fixture
def worker(redis: ArqRedis, settings: Settings) -> FakeWorker:
    return FakeWorker(redis, settings)
