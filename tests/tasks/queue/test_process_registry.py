"""Two installations in one database are noticed; the processes of one, and those of two databases, are not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.process_registry import Fingerprint, ProcessRegistry
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, PROCESSES
from tasks.settings import Settings
from tests.support.engine_running import JobClient, settings_for, working
from tests.support.eventually import eventually
from tools.servers import Valkey

OLD, NEW = "o" * 32, "n" * 32


def settings_with(**changes: Any) -> Settings:
    return Settings(_env_file=None, **{"storage_url": "s3://bucket/a", "secret_key": OLD, **changes})


class TestFingerprint:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"storage_url": "s3://bucket/a/"},
            {"secret_key": f"{NEW}, {OLD}"},
            {"secret_key": None},
            {"storage_url": "memory://"},
            {"max_pixels": 1_000_000, "api_keys": "shop:0123456789abcdef"},
        ],
    )
    def test_these_are_one_installation(self, changes: dict[str, Any]) -> None:
        one, other = Fingerprint.of(settings_with()), Fingerprint.of(settings_with(**changes))
        assert one.same_installation(other)
        assert other.same_installation(one)

    @pytest.mark.parametrize(
        "changes",
        [
            {"storage_url": "s3://bucket/b"},
            {"storage_url": "gs://bucket/a"},
            {"storage_endpoint": "https://elsewhere.example"},
            {"storage_url": "file:///srv/files"},
            {"secret_key": NEW},
        ],
    )
    def test_these_are_two(self, changes: dict[str, Any]) -> None:
        one, other = Fingerprint.of(settings_with()), Fingerprint.of(settings_with(**changes))
        assert not one.same_installation(other)
        assert not other.same_installation(one)

    def test_a_folder_is_another_one_on_another_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        here = [Fingerprint.of(settings_with(storage_url=f"file:///srv/{name}")) for name in "ab"]
        monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
        there = Fingerprint.of(settings_with(storage_url="file:///mnt/a"))
        assert not here[0].same_installation(here[1])
        assert here[0].same_installation(there), "nobody knows: it may be a volume that both have mounted"

    def test_it_is_read_as_it_was_written(self) -> None:
        for changes in ({}, {"secret_key": f"{NEW},{OLD}"}, {"secret_key": None}, {"storage_url": "memory://"}):
            one = Fingerprint.of(settings_with(**changes))
            assert Fingerprint.read(str(one)) == one


class TestJoining:
    async def test_another_installation_is_refused_while_it_is_alive(self, redis: ArqRedis) -> None:
        first, second = (ProcessRegistry(redis, settings_with(secret_key=key, start_wait_s=0)) for key in (OLD, NEW))
        assert await first.join() is None
        refusal = await second.join()
        assert refusal is not None
        assert "another Pressroom" in refusal
        assert OLD not in refusal
        await first.leave()
        assert await second.join() is None
        await second.leave()

    async def test_an_old_deploy_is_waited_for_with_one_line(self, redis: ArqRedis) -> None:
        old, new = (ProcessRegistry(redis, settings_with(storage_url=f"s3://bucket/{name}")) for name in "ab")
        assert await old.join() is None
        with structlog.testing.capture_logs() as lines:
            joining = asyncio.create_task(new.join())
            await asyncio.sleep(0.3)
            assert not joining.done()
            await old.leave()
            assert await asyncio.wait_for(joining, 5) is None
        assert [line["event"] for line in lines] == ["start.other_installation"]
        await new.leave()

    async def test_one_that_died_is_soon_forgotten(self, redis: ArqRedis) -> None:
        dead, new = (ProcessRegistry(redis, settings_with(secret_key=key, start_wait_s=0)) for key in (OLD, NEW))
        await dead.join()
        [(member, beat_ms)] = await redis.zrange(PROCESSES, 0, -1, withscores=True)
        await redis.zadd(PROCESSES, {member: beat_ms - 21_000})
        assert await new.join() is None
        await new.leave()
        await dead.leave()


async def test_databases_0_and_1_of_one_server_do_not_disturb_each_other(
    redis: ArqRedis, valkey: Valkey, tmp_path: Path
) -> None:
    """Channels are those of the server, not of a database: a change in one wakes who waits in the other, in vain."""
    second = connect(valkey.url.removesuffix("/0") + "/1")
    one = ProcessRegistry(redis, settings_with(start_wait_s=0))
    other = ProcessRegistry(second, settings_with(secret_key=NEW, start_wait_s=0))
    assert await one.join() is None
    assert await other.join() is None
    settings = settings_for(redis)
    async with JobClient(redis, settings) as here, JobClient(second, settings) as there:
        await redis.enqueue_job("nothing", _job_id="same")
        await second.enqueue_job("sleep", {"seconds": 0.5, "file": str(tmp_path / "lines")}, _job_id="same")
        async with working(redis, settings), working(second, settings):
            await eventually(lambda: second.exists(JOB + "same"))
            waiting = asyncio.create_task(there.ended("same"))
            assert (await here.ended("same")).kind == "nothing"
            record = await waiting
            assert (record.kind, record.state) == ("sleep", State.SUCCEEDED)
            jobs = [await client.submit("nothing") for client in (here, there) for _ in range(10)]
            ends = await asyncio.gather(
                *((here if number < 10 else there).ended(job) for number, job in enumerate(jobs))
            )
            assert {end.state for end in ends} == {State.SUCCEEDED}
    await one.leave()
    await other.leave()
    assert await redis.exists(PROCESSES) == 0
    await second.flushdb()
    await close(second)
