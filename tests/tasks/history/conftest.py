"""Fixtures of the history's tests: a folder and a real S3 server."""

import uuid
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.history.store import History
from tasks.queue.jobs.job_store import JobStore
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.servers import S3Server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, history="storage", storage_url=f"file://{tmp_path}/storage")


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


@pytest.fixture(params=["folder", "moto"])
def each_storage(request: pytest.FixtureRequest, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    if request.param == "folder":
        return storage
    server: S3Server = request.getfixturevalue(request.param)
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{server.bucket}/{uuid.uuid4().hex}"
    return open_storage(Settings(_env_file=None, storage_url=url, storage_endpoint=server.url))


@pytest.fixture
def history(redis: ArqRedis, storage: Storage, settings: Settings) -> History:
    return History(redis, storage, settings)


@pytest.fixture
def job_store(redis: ArqRedis, settings: Settings) -> JobStore:
    return JobStore(redis, settings)
