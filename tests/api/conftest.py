"""Fixtures of the API's tests: a server on a clean Redis and an empty folder, and clients of two owners."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
from arq.connections import ArqRedis

from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import ORIGIN
from tests.support.api.serving import BOB, KEYS, client_of, serving
from tests.support.receivers import Receiver
from tools.servers import Valkey


@pytest.fixture(autouse=True)
def readable_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A logger that has been configured keeps its configuration, and tests could not look at its lines any more."""
    monkeypatch.setattr("tasks.telemetry.logs.configure", lambda _settings: None)
    structlog.reset_defaults()


@pytest.fixture
def settings(valkey: Valkey, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        redis_url=valkey.url,
        storage_url=f"file://{tmp_path / 'storage'}",
        api_keys=KEYS,
        max_upload_bytes=1_000_000,
        max_files_per_request=3,
        log_level="error",
        readiness_kept_s=0,
        secret_key="k" * 32,
        outbound_networks="127.0.0.0/8",
        outbound_http=True,
        dns_timeout_s=0.2,
        cors_origins=ORIGIN,
    )


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings) as port:
        yield port


@pytest.fixture
async def alice(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port) as client:
        yield client


@pytest.fixture
async def bob(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(port, BOB) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where webhooks go: it answers 200."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def storage(settings: Settings) -> Storage:
    """The storage that the server writes to."""
    return open_storage(settings)


@pytest.fixture
def worker(redis: ArqRedis, settings: Settings) -> ManualWorker:
    return ManualWorker(redis, settings)
