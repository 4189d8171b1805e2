"""Incoming uploads: the job that stores them, and what is left of those that never became one."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks import clock
from tasks.maintenance.incoming import remove_expired, remove_unknown
from tasks.maintenance.storage_owner import owns_storage
from tasks.queue.redis_keys import INCOMING, INCOMING_IDS, UNFINISHED
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.uploads.incoming import IncomingStore, IncomingUpload, NewIncoming, Receipt

CONTENT = b"0123456789"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(Settings(_env_file=None, storage_url=tmp_path.as_uri()))


@pytest.fixture
def store(redis: ArqRedis) -> IncomingStore:
    return IncomingStore(redis)


async def sent(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def begun(store: IncomingStore, storage: Storage, *, seconds: int = 60) -> IncomingUpload:
    """An upload of which half has arrived."""
    upload = await store.create("alice", NewIncoming("tus", len(CONTENT) * 2), seconds=seconds, most=5)
    receipt = Receipt(upload, 0)
    await store.begin(receipt, most_parts=5)
    name = receipt.part_name(0)
    size = await storage.incoming.put(f"{upload.id}/{name}", sent(CONTENT))
    await store.commit(receipt, [(0, name)], size)
    assert receipt.offset == size == len(CONTENT)
    return upload


async def uploads_in(storage: Storage) -> set[str]:
    return {one.upload async for one in storage.incoming.objects()}


async def later(redis: ArqRedis, upload: IncomingUpload) -> None:
    """Let the time of an upload be over."""
    await redis.pexpire(INCOMING + upload.id, 1)
    for key in (INCOMING_IDS, UNFINISHED + upload.owner):
        await redis.zadd(key, {upload.id: clock.now_ms() - 1})
    while await redis.exists(INCOMING + upload.id):
        pass


async def test_what_has_expired_leaves_nothing(
    redis: ArqRedis, store: IncomingStore, storage: Storage, tmp_path: Path
) -> None:
    kept, expired = await begun(store, storage), await begun(store, storage)
    await owns_storage(redis, storage)
    await later(redis, expired)
    assert await store.find("alice", expired.id) is None
    with pytest.raises(Refusal, match="has expired"):
        await store.begin(Receipt(expired, len(CONTENT)), most_parts=5)
    assert await remove_expired(redis, storage, until=time.monotonic() + 60) == 1
    assert await uploads_in(storage) == {kept.id}
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == [kept.id]
    assert await redis.zrange(INCOMING_IDS, 0, -1) == [kept.id.encode()]
    assert await redis.pttl(INCOMING_IDS) > 0


async def test_a_complete_upload_is_kept_for_its_job(redis: ArqRedis, store: IncomingStore, storage: Storage) -> None:
    upload = await begun(store, storage, seconds=5)
    await store.complete(upload)
    assert await redis.pttl(INCOMING + upload.id) > 3600 * 1000
    assert (await redis.zscore(INCOMING_IDS, upload.id) or 0) > clock.now_ms() + 3600 * 1000


async def test_the_cleanup_removes_what_redis_has_forgotten(
    redis: ArqRedis, store: IncomingStore, storage: Storage
) -> None:
    known, unknown = await begun(store, storage), await begun(store, storage)
    await redis.zrem(INCOMING_IDS, unknown.id)
    now = clock.from_ms(clock.now_ms())
    old, young = now + timedelta(hours=1), now - timedelta(hours=1)
    assert await remove_unknown(redis, storage, before=young, dry_run=False) == 0
    assert await remove_unknown(redis, storage, before=old, dry_run=True) == 1
    assert await uploads_in(storage) == {known.id, unknown.id}
    assert await remove_unknown(redis, storage, before=old, dry_run=False) == 1
    assert await uploads_in(storage) == {known.id}


async def test_a_request_that_was_overtaken_adds_nothing(store: IncomingStore, storage: Storage) -> None:
    upload = await store.create("alice", NewIncoming("tus", 20), seconds=60, most=5)
    first, second = Receipt(upload, 0), Receipt(upload, 0)
    await store.begin(first, most_parts=5)
    await store.begin(second, most_parts=5)
    with pytest.raises(Refusal, match="another request") as refused:
        await store.commit(first, [(0, first.part_name(0))], 5)
    assert refused.value.code == "offset_conflict"
    await store.commit(second, [(0, second.part_name(0)), (5, second.part_name(5))], 8)
    found = await store.find("alice", upload.id)
    assert found is not None
    assert (found.offset, found.parts) == (8, (second.part_name(0), second.part_name(5)))
