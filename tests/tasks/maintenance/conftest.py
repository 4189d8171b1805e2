"""Fixtures of the tests of blobs that are no longer needed: a storage in a folder, and jobs whose bytes are there."""

from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, storage_url=f"file://{tmp_path}")


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


@pytest.fixture
def enqueuer(redis: ArqRedis, settings: Settings, storage: Storage) -> Enqueuer:
    return Enqueuer(redis, settings, storage)
