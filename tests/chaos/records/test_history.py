"""Processes that move ended records into the storage are killed, two at once, while records are deleted."""

import asyncio
import random
import sys
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.history.archive import FOLDER
from tasks.history.store import History
from tasks.history.upkeep import HistoryUpkeep
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import HISTORY, HISTORY_WRITING, HISTORY_WRITING_MS, JOB, ROOT
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.engine_running import settings_for
from tests.support.queue.ended_records import EndedRecords, pack_all
from tests.support.queue.history import archived_text, let_expire, move, tidy
from tools.documents import ROOT as REPOSITORY
from tools.servers import Valkey, start_process

MOVER = """
import asyncio, sys, time
from tasks.history import upkeep
from tasks.queue.connect import connect
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.queue.history import broken

upkeep.RECORDS_AT_ONCE = 8

async def pause():
    await asyncio.sleep(0.01)

async def main(url, storage_url):
    redis = connect(url)
    storage = open_storage(Settings(_env_file=None, storage_url=storage_url))
    history = upkeep.HistoryUpkeep(redis, broken(storage, before=pause, after=pause))
    print(flush=True)
    while True:
        ids = [key.decode().removeprefix(JOB) async for key in redis.scan_iter(match=f"{JOB}*", count=1000)]
        async for _ in history.move(ids, time.monotonic() + 60, wait_ms=0):
            pass
        await history.tidy(time.monotonic() + 60)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def settings(mortal_redis: ArqRedis, tmp_path: Path) -> Settings:
    changes = {"storage_url": f"file://{tmp_path / 'storage'}", "history": "storage"}
    return settings_for(mortal_redis).model_copy(update=changes)


async def move_until_killed(valkey: Valkey, settings: Settings, seconds: float, begun: asyncio.Event) -> None:
    command = [sys.executable, "-c", MOVER, valkey.url, settings.storage_url]
    process = start_process(command, cwd=REPOSITORY, stdout=-1)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline), "it did not start"
    begun.set()
    await asyncio.sleep(seconds)
    assert process.poll() is None, "it ended by itself"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    ("records", "kills"), [(300, 3), pytest.param(5_000, 60, marks=[pytest.mark.long, pytest.mark.seconds(600)])]
)
async def test_each_record_is_in_one_place_and_deleted_ones_in_none(
    mortal_valkey: Valkey, mortal_redis: ArqRedis, settings: Settings, seeded: random.Random, records: int, kills: int
) -> None:
    redis, storage = mortal_redis, open_storage(settings)
    history, job_store = History(redis, storage, settings), JobStore(redis, settings)
    ids = await EndedRecords(redis, settings).make("picture", records)
    await pack_all(redis, settings)
    await let_expire(redis, ids)
    deleted: list[str] = []

    async def delete_some(begun: asyncio.Event) -> None:
        """As the API does."""
        await begun.wait()
        for job_id in seeded.sample(sorted({*ids} - {*deleted}), records // kills // 4):
            if await job_store.delete([job_id]) == ["unknown"]:
                assert await history.erase(job_id), "it was in neither place"
            deleted.append(job_id)
            await asyncio.sleep(0)

    for _ in range(kills):
        begun, pauses = asyncio.Event(), [seeded.uniform(0, 0.3) for _ in range(2)]
        movers = [move_until_killed(mortal_valkey, settings, pause, begun) for pause in pauses]
        await asyncio.gather(*movers, delete_some(begun))
    kept = sorted({*ids} - {*deleted})
    held = [await redis.exists(JOB + job_id) == 1 or await history.find(job_id) is not None for job_id in kept]
    assert all(held)

    await move(redis, storage, ids)
    for number in await redis.zrange(HISTORY_WRITING, 0, -1):
        await redis.zincrby(HISTORY_WRITING, -HISTORY_WRITING_MS, number)
    await tidy(redis, storage)
    text = await archived_text(storage)
    assert text.count('{"id": ') == len(kept)
    assert not [job_id for job_id in deleted if job_id in text or await history.find(job_id)]
    assert not [job_id for job_id in kept if await redis.exists(JOB + job_id) or not await history.find(job_id)]

    assert await HistoryUpkeep(redis, storage).expire(-1) == len(kept)
    assert await storage.object_names(FOLDER) == []
    assert {key.decode() for key in await redis.keys(f"{ROOT}history*")} == {HISTORY}
