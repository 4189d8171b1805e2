"""Records of the history are erased, and expire."""

import time
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, result_key_prefix

from tasks.history.archive import FOLDER
from tasks.history.store import History
from tasks.history.upkeep import HistoryUpkeep
from tasks.maintenance.storage_owner import adopt_storage, read_marker
from tasks.queue.installation import find_installation
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import (
    DAY_MS,
    HISTORY,
    HISTORY_ERASURES,
    HISTORY_WRITING,
    HISTORY_WRITING_MS,
    ROOT,
)
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage, StorageUnavailable
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.history import (
    archived_text,
    be_away,
    broken,
    bytes_of_an_id,
    die,
    ended,
    let_expire,
    move,
    tidy,
)
from tests.support.servers import S3Server


class TestErasing:
    async def test_no_byte_is_left(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker, params={"secret": f"<{n}>"}) for n in range(3)]
        await let_expire(redis, ids)
        await move(redis, storage, ids)
        assert await history.erase(ids[1])
        assert await history.find(ids[1]) is None
        assert not await history.erase(ids[1])
        assert await tidy(redis, storage) == 1
        text = await archived_text(storage)
        assert [f"<{n}>" in text for n in range(3)] == [True, False, True]
        assert ids[1] not in text
        assert [await history.find(one) is not None for one in ids] == [True, False, True]
        assert await redis.exists(HISTORY_ERASURES) == 0

    async def test_the_former_job_of_an_id_that_an_arq_client_has_used_again(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        for text in ("<former>", "<latter>"):
            assert await redis.enqueue_job("echo", secret=text, _job_id="nightly") is not None
            await enqueuer.adopt("nightly", "default", await redis.get(job_key_prefix + "nightly"))
            assert await worker.finish(await worker.one())
            await redis.delete(result_key_prefix + "nightly")
            await let_expire(redis, ["nightly"])
            assert await move(redis, storage, ["nightly"]) == 1
        found = await history.find("nightly")
        assert found is not None
        assert "<latter>" in found.params
        assert await tidy(redis, storage) == 1
        text = await archived_text(storage)
        assert ("<former>" in text, "<latter>" in text) == (False, True)

    async def test_one_that_is_erased_during_a_rewrite(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker, params={"secret": f"<{n}>"}) for n in range(3)]
        await let_expire(redis, ids)
        await move(redis, storage, ids)
        await history.erase(ids[0])

        async def erase() -> None:
            await history.erase(ids[1])

        await tidy(redis, broken(storage, before=erase))
        text = await archived_text(storage)
        assert [f"<{n}>" in text for n in range(3)] == [False, False, True]

    async def test_while_the_storage_is_away_it_is_not_found_and_later_removed(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker, params={"secret": f"<{n}>"}) for n in range(2)]
        await let_expire(redis, ids)
        await move(redis, storage, ids)
        await history.erase(ids[0])

        with pytest.raises(StorageUnavailable):
            await tidy(redis, broken(storage, before=be_away))
        assert await history.find(ids[0]) is None
        assert await tidy(redis, storage) == 1
        assert "<0>" not in await archived_text(storage)

    async def test_an_object_that_cannot_be_read_does_not_hold_up_others(
        self,
        redis: ArqRedis,
        storage: Storage,
        enqueuer: Enqueuer,
        worker: FakeWorker,
        history: History,
        tmp_path: Path,
    ) -> None:
        ids = [await ended(enqueuer, worker, params={"secret": f"<{n}>"}) for n in range(2)]
        await let_expire(redis, ids)
        for job_id in ids:
            await move(redis, storage, [job_id])
            await history.erase(job_id)
        first, second = [tmp_path / "storage" / name for name in await storage.object_names(FOLDER)]
        make_unreadable(first)
        upkeep = HistoryUpkeep(redis, storage)
        assert await upkeep.tidy(time.monotonic() + 60) == 1
        assert upkeep.unreadable == {str(first.relative_to(tmp_path / "storage"))}
        assert not second.exists()
        first.unlink()
        await tidy(redis, storage)
        assert await redis.exists(HISTORY_ERASURES) == 0

    async def test_off_it_finds_and_erases_nothing(
        self, redis: ArqRedis, settings: Settings, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await ended(enqueuer, worker)
        await let_expire(redis, [job_id])
        await move(redis, storage, [job_id])
        off = History(redis, storage, settings.model_copy(update={"history": "off"}))
        assert await off.find(job_id) is None
        assert not await off.erase(job_id)


class TestExpiry:
    async def test_objects_go_with_what_points_to_them(
        self, redis: ArqRedis, each_storage: Storage, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        history, upkeep = History(redis, each_storage, settings), HistoryUpkeep(redis, each_storage)
        ids = [await ended(enqueuer, worker) for _ in range(3)]
        await let_expire(redis, ids)
        for job_id in ids[:2]:
            await move(redis, each_storage, [job_id])
        await history.erase(ids[0])
        await tidy(redis, each_storage)
        assert await upkeep.expire(DAY_MS) == 0
        assert await history.find(ids[1]) is not None
        assert await upkeep.expire(-1) == 1
        assert await history.find(ids[1]) is None
        assert await each_storage.object_names(FOLDER) == []
        left = {key.decode() for key in await redis.keys(f"{ROOT}history*")}
        assert left == {HISTORY}
        await move(redis, each_storage, ids)
        assert await upkeep.expire(DAY_MS) == 0
        assert await history.find(ids[2]) is not None

    async def test_an_object_that_is_being_written_is_not_passed(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker) for _ in range(2)]
        await let_expire(redis, ids)
        upkeep = HistoryUpkeep(redis, storage)

        async def other() -> None:
            await move(redis, storage, ids[1:])
            assert await upkeep.expire(-1) == 0

        assert await move(redis, broken(storage, before=other), ids[:1]) == 1
        assert all([await history.find(job_id) for job_id in ids])
        assert await upkeep.expire(-1) == 2
        assert await storage.object_names(FOLDER) == []

    async def test_a_damaged_object_holds_up_nothing(
        self, redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
    ) -> None:
        ids = [await ended(enqueuer, worker) for _ in range(2)]
        await let_expire(redis, ids)
        for job_id in ids:
            await move(redis, storage, [job_id])
        (name, _) = await storage.object_names(FOLDER)
        await storage.put_object(name, b"")
        assert await history.find(ids[0]) is None
        assert await HistoryUpkeep(redis, storage).expire(-1) == 1
        assert await storage.object_names(FOLDER) == []

    async def test_an_object_that_cannot_be_read_is_left_behind_and_expires_once_it_can(
        self,
        redis: ArqRedis,
        storage: Storage,
        enqueuer: Enqueuer,
        worker: FakeWorker,
        history: History,
        tmp_path: Path,
    ) -> None:
        ids = [await ended(enqueuer, worker) for _ in range(3)]
        await let_expire(redis, ids)
        for job_id in ids:
            await move(redis, storage, [job_id])
        unreadable = tmp_path / "storage" / (await storage.object_names(FOLDER))[1]
        content = unreadable.read_bytes()
        make_unreadable(unreadable)
        for deleted in (2, 0):
            upkeep = HistoryUpkeep(redis, storage)
            assert await upkeep.expire(-1) == deleted
            assert upkeep.unreadable == {str(unreadable.relative_to(tmp_path / "storage"))}
        assert await redis.hget(HISTORY, "first") == b"3"

        unreadable.unlink()
        unreadable.write_bytes(content)
        assert await HistoryUpkeep(redis, storage).expire(DAY_MS) == 0
        assert await history.find(ids[1]) is not None
        upkeep = HistoryUpkeep(redis, storage)
        assert (await upkeep.expire(-1), upkeep.unreadable) == (1, set())
        assert await redis.hkeys(HISTORY) == [b"last", b"first"]
        assert [await history.find(job_id) for job_id in ids] == [None] * 3
        assert await storage.object_names(FOLDER) == []

    async def test_a_missing_bucket_is_no_missing_record(
        self,
        redis: ArqRedis,
        settings: Settings,
        storage: Storage,
        enqueuer: Enqueuer,
        worker: FakeWorker,
        moto: S3Server,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        job_id = await ended(enqueuer, worker)
        await let_expire(redis, [job_id])
        await move(redis, storage, [job_id])
        for name, value in S3Server.environment.items():
            monkeypatch.setenv(name, value)
        wrong = open_storage(Settings(_env_file=None, storage_url="s3://no-such-bucket", storage_endpoint=moto.url))
        history, upkeep = History(redis, wrong, settings), HistoryUpkeep(redis, wrong)
        with pytest.raises(StorageUnavailable):
            await history.find(job_id)
        with pytest.raises(StorageUnavailable):
            await upkeep.expire(-1)
        await history.erase(job_id)
        with pytest.raises(StorageUnavailable):
            await tidy(redis, wrong)
        assert await tidy(redis, storage) == 1


async def test_a_redis_that_has_lost_its_data_takes_the_history_over(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
) -> None:
    await adopt_storage(redis, storage)
    ids = [await ended(enqueuer, worker) for _ in range(3)]
    await let_expire(redis, ids)
    for job_id in ids:
        await move(redis, storage, [job_id])
    before = [await history.find(job_id) for job_id in ids]
    await redis.flushall()
    assert await history.find(ids[0]) is None
    with pytest.raises(RuntimeError, match="killed"):
        await adopt_storage(redis, broken(storage, after=die))
    await adopt_storage(redis, storage)
    assert [await history.find(job_id) for job_id in ids] == before
    await redis.zincrby(HISTORY_WRITING, -HISTORY_WRITING_MS, 1)
    await tidy(redis, storage)
    assert len(await storage.object_names(FOLDER)) == 3
    assert await HistoryUpkeep(redis, storage).expire(-1) == 3


async def test_an_object_that_cannot_be_read_does_not_keep_a_history_from_being_taken_over(
    redis: ArqRedis, storage: Storage, enqueuer: Enqueuer, worker: FakeWorker, history: History
) -> None:
    await adopt_storage(redis, storage)
    ids = [await ended(enqueuer, worker) for _ in range(2)]
    await let_expire(redis, ids)
    for job_id in ids:
        await move(redis, storage, [job_id])
    archived = (await storage.object_names(FOLDER))[0]
    await redis.flushall()
    await adopt_storage(redis, broken(storage, archived=archived))
    assert archived in await storage.object_names(FOLDER)
    assert [await history.find(job_id) is not None for job_id in ids] == [False, True]
    assert await read_marker(storage) == await find_installation(redis)


def make_unreadable(path: Path) -> None:
    """A file that no user may open, not even root: a link to itself."""
    path.unlink()
    path.symlink_to(path)


async def test_what_an_id_takes_in_redis(redis: ArqRedis) -> None:
    assert await bytes_of_an_id(redis, 20_000, buckets=256) < 30
