"""The whole deployment: the Procfile's own lines on a Valkey of their own, with small limits."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import WORKER
from tools.demo.demo import pressroom
from tools.servers import Valkey

SMALL_LIMITS = {
    "MAX_PIXELS": "30000000",
    "MAX_SIDE_PX": "12000",
    "MAX_FRAMES": "20",
    "MAX_UPLOAD_BYTES": "8000000",
    "REPORT_SECONDS": "4",
    "MAX_REPORT_ROWS": "500000",
    "SANDBOX_CHILDREN": "2",
    "LOG_LEVEL": "warning",
}


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the running deployment: storage/ and the processes' logs are in it."""
    return tmp_path_factory.mktemp("deployment")


@pytest.fixture(scope="session")
def redis_url(deployment: Path) -> Iterator[str]:
    """The Redis of the deployment."""
    with Valkey(folder=deployment / "queues") as valkey:
        yield valkey.url


@pytest.fixture(scope="session")
def address(deployment: Path, redis_url: str) -> Iterator[str]:
    with pressroom(deployment, REDIS_URL=redis_url, **SMALL_LIMITS) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def worker(address: str, redis_url: str) -> int:
    """The process id of the deployment's worker."""

    async def asked() -> int:
        redis = connect(redis_url)
        words = [await redis.get(key) async for key in redis.scan_iter(WORKER + "*")]
        await close(redis)
        assert len(words) == 1
        return int(json.loads(words[0] or b"")["pid"])

    return asyncio.run(asked())
