"""Ended records move from Redis into the storage, and none is lost, whatever comes between the steps."""

import asyncio
import signal
import sys

import pytest
from arq.connections import ArqRedis

from tasks.history import upkeep
from tasks.history.archive import FOLDER, place_of
from tasks.history.store import History
from tasks.history.upkeep import RECORDS_AT_ONCE, HistoryUpkeep
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.list import read
from tasks.queue.redis_keys import (
    COUNTS,
    DAY_MS,
    HISTORY,
    HISTORY_ERASURES,
    HISTORY_IDS,
    HISTORY_WRITING,
    HISTORY_WRITING_MS,
    JOB,
    JOBS,
    LINGER_MS,
)
from tasks.settings import Settings
from tasks.storage.protocol import Storage, StorageUnavailable
from tests.support.queue.ended_records import KINDS, EndedRecords, pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.full_redis import fill
from tests.support.queue.history import archived_text, be_away, broken, die, ended, let_expire, move, tidy
from tests.support.queue.submissions import record_of, submit
from tools.documents import ROOT as ROOT_FOLDER
from tools.servers import Valkey


class TestMoving:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("kind", KINDS)
    async def test_the_same_record_answers(
        self, redis: ArqRedis, settings: Settings, storage: Storage, history: History, kind: str, packed: bool
    ) -> None:
        ids = await EndedRecords(redis, settings).make(kind, 3)
        if packed:
            await pack_all(redis, settings)
        await let_expire(redis, ids)
        before = [await record_of(redis, job_id) for job_id in ids]
        assert await move(redis, storage, ids) == 3
        assert await redis.exists(*(JOB + job_id for job_id in ids)) == 0
        assert [await history.find(job_id) for job_id in ids] == before
        listed = [await redis.zrange(key, 0, -1) for key in await redis.keys(f"{JOBS}*")]
        assert not {job_id.encode() for job_id in ids} & {one for members in listed for one in members}

    async def test_tags_and_metadata_are_kept_and_no_index_of_a_tag(
        self,
        redis: ArqRedis,
        storage: Storage,
        history: History,
        enqueuer: Enqueuer,
        worker: FakeWorker,
    ) -> None:
        job_id = await submit(enqueuer, tags=("user:42", "vip"), metadata='{"order":4711}')
        await worker.finish(await worker.one())
        await let_expire(redis, [job_id])
        assert await move(redis, storage, [job_id]) == 1
        found = await history.find(job_id)
        assert found is not None
        assert (found.tags, found.metadata) == (("user:42", "vip"), {"order": 4711})
        assert await redis.keys(f"{JOBS}tag/*") == []

    async def test_with_each_storage(
        self, redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker, each_storage: Storage
    ) -> None:
        job_id = await ended(enqueuer, worker, params={"a": "ÿ\n\"'"}, name="größe")
        await let_expire(redis, [job_id])
        before = await record_of(redis, job_id)
        assert await move(redis, each_storage, [job_id]) == 1
        history = History(redis, each_storage, settings)
        assert await history.find(job_id) == before
        assert await history.erase(job_id)
        assert await history.find(job_id) is None
        assert await tidy(redis, each_storage) == 1
        assert await each_storage.object_names(FOLDER) == []

    async def test_one_whose_time_is_not_over_stays(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        fresh, waiting = await ended(enqueuer, worker), await submit(enqueuer)
        just = await ended(enqueuer, worker)
        await let_expire(redis, [just], ago_ms=-LINGER_MS // 2)  # its files may still be downloaded
        assert await move(redis, storage, [fresh, waiting, just, "unknown"]) == 0
        assert await redis.exists(JOB + fresh, JOB + waiting, JOB + just) == 3
        assert await redis.exists(HISTORY) == 0
        assert await storage.object_names(FOLDER) == []
        assert await history.find(fresh) is None

    async def test_a_few_wait_for_others(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        """A quiet installation would otherwise write an object for each job."""
        ids = [await ended(enqueuer, worker) for _ in range(2)]
        await let_expire(redis, ids)
        assert await move(redis, storage, ids, wait_ms=DAY_MS) == 0
        await let_expire(redis, ids[:1], ago_ms=DAY_MS)
        assert await move(redis, storage, ids, wait_ms=DAY_MS) == 2
        assert len(await storage.object_names(FOLDER)) == 1

    async def test_many_are_moved_in_batches_of_bounded_number_and_length(
        self, redis: ArqRedis, settings: Settings, storage: Storage, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = await EndedRecords(redis, settings).make("picture", RECORDS_AT_ONCE + 10)
        await let_expire(redis, ids)
        assert await move(redis, storage, ids, wait_ms=DAY_MS) == RECORDS_AT_ONCE, "the rest waits"
        monkeypatch.setattr(upkeep, "OBJECT_BYTES", 3_000)
        assert await move(redis, storage, ids) == 10
        assert len(await storage.object_names(FOLDER)) > 3
        assert all([await history.find(job_id) for job_id in ids])
        numbers = [await redis.hget(HISTORY_IDS + place_of(one).bucket, place_of(one).member) for one in ids]
        assert None not in numbers
        counted = await redis.hget(COUNTS, "moved thumbnail")
        assert counted == str(len(ids)).encode()

    async def test_an_id_of_a_client_of_arq(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        job_id = await ended(enqueuer, worker)
        odd = 'an "id"\n/\u2028 ' * 30
        for name, value in (await redis.hgetall(JOB + job_id)).items():
            await redis.hset(JOB + odd, name, value)
        await redis.delete(JOB + job_id)
        await let_expire(redis, [odd])
        assert await move(redis, storage, [odd]) == 1
        found = await history.find(odd)
        assert found is not None
        assert found.id == odd

    async def test_numbers_that_were_used_are_given_again(
        self, redis: ArqRedis, each_storage: Storage, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        """As after a fail-over that has lost Redis' last writes."""
        ids = [await ended(enqueuer, worker) for _ in range(3)]
        await let_expire(redis, ids)
        for job_id in ids[:2]:
            assert await move(redis, each_storage, [job_id]) == 1
        await redis.hset(HISTORY, "last", 0)
        assert await move(redis, each_storage, ids[2:]) == 1
        history = History(redis, each_storage, settings)
        assert all([await history.find(job_id) for job_id in ids])
        assert await redis.zcard(HISTORY_WRITING) == 0

    async def test_two_installations_share_a_storage(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        first = await ended(enqueuer, worker)
        await let_expire(redis, [first])
        await move(redis, storage, [first])
        mine = await storage.object_names(FOLDER)
        await redis.flushall()
        second = await ended(enqueuer, worker)
        await let_expire(redis, [second])
        await move(redis, storage, [second])
        assert await history.find(second) is not None
        assert await history.find(first) is None
        upkeep = HistoryUpkeep(redis, storage)
        assert await upkeep.expire(-1) == 1
        assert await storage.object_names(FOLDER) == mine

    @pytest.mark.seconds(60)
    async def test_a_full_redis(self, settings: Settings, storage: Storage) -> None:
        """It makes room."""
        with Valkey() as valkey:
            redis = connect(valkey.url)
            ids = await EndedRecords(redis, settings).make("picture", 100)
            await let_expire(redis, ids)
            await fill(redis, 101)
            assert await move(redis, storage, ids) == 100
            await redis.set("more", "x")
            assert await History(redis, storage, settings).find(ids[0]) is not None
            await close(redis)


KILLED = """
import asyncio, os, signal, sys
from tasks.queue.connect import connect
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.queue.history import broken, move

async def kill():
    os.kill(os.getpid(), signal.SIGKILL)

async def main(url, storage_url, job_id):
    storage = open_storage(Settings(_env_file=None, storage_url=storage_url))
    await move(connect(url), broken(storage, after=kill), [job_id])

asyncio.run(main(*sys.argv[1:]))
"""


class TestDying:
    async def test_a_killed_process_leaves_both_copies(
        self,
        redis: ArqRedis,
        valkey: Valkey,
        settings: Settings,
        storage: Storage,
        enqueuer: Enqueuer,
        worker: FakeWorker,
    ) -> None:
        job_id = await ended(enqueuer, worker, params={"secret": "xyzzy"})
        await let_expire(redis, [job_id])
        arguments = (valkey.url, settings.storage_url, job_id)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *arguments, cwd=ROOT_FOLDER)
        assert await process.wait() == -signal.SIGKILL
        assert await read(redis, job_id) is not None
        assert "xyzzy" in await archived_text(storage)
        assert await redis.zrange(HISTORY_WRITING, 0, -1) == [b"1"]

    @pytest.mark.parametrize("step", ["before", "after"])
    async def test_between_the_steps_both_copies_are_there_and_then_one(
        self,
        redis: ArqRedis,
        storage: Storage,
        enqueuer: Enqueuer,
        worker: FakeWorker,
        history: History,
        step: str,
    ) -> None:
        job_id = await ended(enqueuer, worker, params={"secret": "xyzzy"})
        await let_expire(redis, [job_id])
        with pytest.raises(RuntimeError, match="killed"):
            await move(redis, broken(storage, before=die) if step == "before" else broken(storage, after=die), [job_id])
        assert await read(redis, job_id) is not None
        assert (await archived_text(storage)).count("xyzzy") == (step == "after")
        assert await tidy(redis, storage) == 0, "its writer may still be at work"
        assert await move(redis, storage, [job_id]) == 1
        await redis.zincrby(HISTORY_WRITING, -HISTORY_WRITING_MS, 1)
        assert await tidy(redis, storage) == (step == "after")
        assert (await archived_text(storage)).count("xyzzy") == 1
        assert await history.find(job_id) is not None
        assert await redis.exists(HISTORY_WRITING, HISTORY_ERASURES) == 0

    async def test_a_writer_that_was_given_up_moves_nothing(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        job_id = await ended(enqueuer, worker)
        await let_expire(redis, [job_id])

        async def long_pause() -> None:
            await redis.zincrby(HISTORY_WRITING, -HISTORY_WRITING_MS, 1)
            await tidy(redis, storage)

        assert await move(redis, broken(storage, before=long_pause), [job_id]) == 0
        assert await read(redis, job_id) is not None
        assert await history.find(job_id) is None
        assert await tidy(redis, storage) == 1
        assert await storage.object_names(FOLDER) == []

    async def test_two_at_once_move_each_record_once(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker, params={"secret": "xyzzy"}) for _ in range(3)]
        await let_expire(redis, ids)

        async def other() -> None:
            assert await move(redis, storage, ids[1:]) == 2

        assert await move(redis, broken(storage, before=other), ids) == 1
        assert all([await history.find(job_id) for job_id in ids])
        assert (await archived_text(storage)).count("xyzzy") == 5
        assert await tidy(redis, storage) == 2
        assert (await archived_text(storage)).count("xyzzy") == 3
        assert all([await history.find(job_id) for job_id in ids])

    async def test_one_that_changes_meanwhile_stays(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        kept, gone = [await ended(enqueuer, worker, params={"secret": "xyzzy"}) for _ in range(2)]
        await let_expire(redis, [kept, gone])

        async def change() -> None:
            await redis.hincrby(JOB + kept, "expires_at", DAY_MS)
            assert await job_store.delete([gone]) == ["deleted"]

        assert await move(redis, broken(storage, before=change), [kept, gone]) == 0
        assert await read(redis, kept) is not None
        assert await read(redis, gone) is None
        await tidy(redis, storage)
        assert "xyzzy" not in await archived_text(storage)

    async def test_while_the_storage_is_away_records_stay(
        self, redis: ArqRedis, settings: Settings, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await ended(enqueuer, worker)
        left_ms = await redis.pttl(JOB + job_id)
        assert left_ms > (settings.keep_succeeded_s + settings.history_patience_s) * 1000 - 60_000
        await let_expire(redis, [job_id])

        for _ in range(3):
            with pytest.raises(StorageUnavailable):
                await move(redis, broken(storage, before=be_away), [job_id])
        assert await redis.pttl(JOB + job_id) > left_ms - 60_000
        assert await move(redis, storage, [job_id]) == 1

    async def test_what_another_version_ended_does_not_expire_sooner(
        self, redis: ArqRedis, settings: Settings, enqueuer: Enqueuer
    ) -> None:
        before = Settings(_env_file=None, tombstone_s=0)
        job_id = await ended(enqueuer, FakeWorker(redis, before))
        assert await redis.pttl(JOB + job_id) <= before.keep_succeeded_s * 1000
        await pack_all(redis, settings)
        assert (
            await redis.pttl(JOB + job_id) > (settings.keep_succeeded_s + settings.history_patience_s) * 1000 - 60_000
        )

    def test_off_changes_no_retention(self, settings: Settings) -> None:
        off = settings.model_copy(update={"history": "off"})
        assert keep_ms(off)["tombstone"] == off.tombstone_s * 1000
        assert keep_ms(settings)["tombstone"] == settings.history_patience_s * 1000
