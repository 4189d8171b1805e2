"""Fixtures of the queue's tests: a way in, a worker, someone who waits."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.watch.watch import Watch
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker


@pytest.fixture
def rival(redis: ArqRedis, settings: Settings) -> FakeWorker:
    """Another worker."""
    return FakeWorker(redis, settings, "worker-2")


@pytest.fixture
def job_store(redis: ArqRedis, settings: Settings) -> JobStore:
    return JobStore(redis, settings)


@pytest.fixture
def lanes(redis: ArqRedis) -> LaneControls:
    return LaneControls(redis)


@pytest.fixture
async def watch(redis: ArqRedis) -> AsyncIterator[Watch]:
    watch = Watch(redis)
    watch.start()
    yield watch
    await watch.stop()
