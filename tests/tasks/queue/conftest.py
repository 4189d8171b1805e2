"""Fixtures of the queue's tests: a way in, a worker, someone who waits."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.watch.watch import Watch
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but its owner has signed, with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "redis.pem"
    unencrypted = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unencrypted) + signed.public_bytes(pem))
    return path


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
