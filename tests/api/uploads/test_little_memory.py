"""Uploads in a process that has little memory for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from arq.connections import ArqRedis

from tasks.settings import MiB, Settings
from tasks.storage.upload_memory import UploadMemory
from tests.support.api.pictures import big
from tests.support.api.serving import client_of, serving

SIZE = 2 * MiB + 1000


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


@pytest.fixture
def in_sockets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What sockets have received, in bytes, whenever a file begins to wait for its turn to be stored."""
    found: list[int] = []
    storing = UploadMemory.storing

    @asynccontextmanager
    async def noted(memory: UploadMemory, size: int) -> AsyncIterator[None]:
        found.append(memory.in_sockets())
        async with storing(memory, size):
            yield

    monkeypatch.setattr(UploadMemory, "storing", noted)
    return found


async def test_no_upload_waits_for_bytes_that_are_its_own(
    settings: Settings, redis: ArqRedis, in_sockets: list[int]
) -> None:
    """Files wait for their turn until less is in sockets; a file that waits has nothing there any more."""
    picture = big(SIZE)
    async with (
        serving(settings.model_copy(update={"upload_memory_mb": 8, "max_upload_bytes": 4 * MiB})) as port,
        client_of(port) as alice,
    ):
        assert (await alice.post("/v1/uploads", content=picture)).status_code == 201
        assert (await alice.post("/v1/uploads", content=chunks(picture))).status_code == 201
        assert (await alice.post("/v1/images", content=picture)).status_code == 202
        assert (await alice.post("/v1/images", files={"file": ("a.png", picture)})).status_code == 202
    assert in_sockets == [0] * 4
