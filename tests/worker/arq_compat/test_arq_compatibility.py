"""Those who speak ARQ can go on speaking it: enqueue, read, abort, and even run ARQ's own worker on our queues."""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.constants import abort_jobs_ss, health_check_key_suffix, in_progress_key_prefix
from arq.jobs import Job, JobStatus

from tasks.queue.connect import close
from tasks.queue.records.record import State
from tasks.queue.redis_keys import LANE, QUEUES, arq_queue
from tasks.queue.wire import JobFailed, deserialize, serialize
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tools.servers import Valkey, ending_with_us


def job_of(redis: ArqRedis, job_id: str, queue: str = "default") -> Job:
    return Job(job_id, redis, _queue_name=arq_queue(queue), _deserializer=deserialize)


async def test_arqs_own_client_can_enqueue_and_its_job_is_adopted(
    redis: ArqRedis, settings: Settings, job_client: JobClient, valkey: Valkey
) -> None:
    client = await create_pool(
        RedisSettings.from_dsn(valkey.url),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=arq_queue("media"),
    )
    job = await client.enqueue_job("echo", times=7)
    assert job is not None
    async with working(redis, settings, concurrency={"media": 2}):
        result = await job.result(timeout=5, poll_delay=0.02)
        record = await job_client.ended(job.job_id)
    await close(client)

    assert result["params"]["times"] == 7
    assert record.owner == "system"
    assert record.queue == "media"
    assert record.state is State.SUCCEEDED


async def test_an_adopted_job_with_unfit_params_fails_with_a_reason(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    job = await redis.enqueue_job("echo", {"times": "many"})
    assert job is not None
    async with working(redis, settings):
        with pytest.raises(JobFailed, match="times"):
            await job_of(redis, job.job_id).result(timeout=5, poll_delay=0.02)

    assert (await job_client.read(job.job_id)).error is not None


async def test_a_pickled_job_is_never_opened(redis: ArqRedis, settings: Settings, valkey: Valkey) -> None:
    careless = await create_pool(RedisSettings.from_dsn(valkey.url))
    job = await careless.enqueue_job("echo", times=7)
    assert job is not None
    async with working(redis, settings):
        with pytest.raises(JobFailed, match="serialized with pickle"):
            await job_of(redis, job.job_id).result(timeout=5, poll_delay=0.02)
    await close(careless)


async def test_an_adopted_jobs_deferral_is_kept(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    async with working(redis, settings):
        job = await redis.enqueue_job("echo", _defer_by=timedelta(milliseconds=400))
        assert job is not None
        assert await job.status() is JobStatus.deferred
        await job.result(timeout=5, poll_delay=0.02)

    record = await job_client.read(job.job_id)
    info = await job_of(redis, job.job_id).result_info()
    assert info is not None
    assert record.state is State.SUCCEEDED


async def test_arqs_job_reads_status_and_result_of_ours(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    later = job_of(redis, await job_client.submit("nothing", delay_ms=60_000))
    assert await later.status() is JobStatus.deferred
    job_id = await job_client.submit("tell", file=str(go))
    async with working(redis, settings):
        job = job_of(redis, job_id)
        await job_client.until(job_id, State.RUNNING)
        assert await job.status() is JobStatus.in_progress
        go.touch()
        await job_client.ended(job_id)
        assert await job.status() is JobStatus.complete
        failed = job_of(redis, await job_client.submit("refuse"))
        with pytest.raises(JobFailed, match="no picture"):
            await failed.result(timeout=5, poll_delay=0.02)

    info = await job.result_info()
    assert info is not None
    assert (info.success, info.function, info.job_try, info.queue_name) == (True, "tell", 1, arq_queue("default"))


@pytest.mark.parametrize("delay_ms", [0, 60_000], ids=["waiting", "scheduled"])
async def test_abort_cancels_a_job_that_has_not_started(
    redis: ArqRedis, settings: Settings, job_client: JobClient, delay_ms: int
) -> None:
    job_id = await job_client.submit("nothing", queue="media", delay_ms=delay_ms)
    async with working(redis, settings, concurrency={"default": 1}):
        # This worker does not serve the job's queue: that it never starts is the abort's doing.
        assert await job_of(redis, job_id, "media").abort(timeout=5, poll_delay=0.02) is True

    assert (await job_client.read(job_id)).state is State.CANCELLED
    assert (await job_client.read(job_id)).attempts == ()


async def test_abort_cancels_a_running_job(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings):
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "lines"))
        await job_client.until(job_id, State.RUNNING)
        assert await job_of(redis, job_id).abort(timeout=5, poll_delay=0.02) is True

    assert (await job_client.read(job_id)).state is State.CANCELLED
    assert await redis.zcard(abort_jobs_ss) == 0


async def test_a_job_that_a_stock_worker_holds_is_left_alone(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    job_id = await job_client.submit("nothing")
    await redis.set(in_progress_key_prefix + job_id, b"1", px=1500)
    async with working(redis, settings):
        await job_client.ended(await job_client.submit("nothing"))
        assert (await job_client.read(job_id)).state is State.QUEUED
        # Its holder dies without a word: the key lapses, and the job is ours.
        assert (await job_client.ended(job_id, seconds=5)).state is State.SUCCEEDED


async def test_the_stock_arq_command_drains_a_queue_with_the_right_outcomes_and_records(
    redis: ArqRedis, settings: Settings, job_client: JobClient, valkey: Valkey
) -> None:
    jobs = {
        "echo": await job_client.submit("echo", times=3),
        "stumble": await job_client.submit("stumble", times=1),
        "hopeless": await job_client.submit("stumble", times=99),
        "refuse": await job_client.submit("refuse"),
        "scheduled": await job_client.submit("nothing", delay_ms=200),
        "other owner": await job_client.submit("nothing", owner="acme"),
    }
    foreign = await redis.enqueue_job("echo", times=5)
    assert foreign is not None
    command = await asyncio.create_subprocess_exec(
        *ending_with_us([sys.executable, "-m", "arq", "tests.support.processes.default", "--burst"]),
        cwd=ROOT,
        env={"REDIS_URL": valkey.url, "DEV": "1", "STORAGE_URL": "memory://", "PATH": ""},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await command.communicate()
    assert command.returncode == 0, said.decode()

    records = {name: await job_client.read(job_id) for name, job_id in jobs.items()}
    assert {name: str(record.state) for name, record in records.items()} == {
        "echo": "succeeded",
        "stumble": "succeeded",
        "hopeless": "failed",
        "refuse": "failed",
        "scheduled": "succeeded",
        "other owner": "succeeded",
    }
    assert [one["outcome"] for one in records["stumble"].attempts] == ["retrying", "succeeded"]
    assert len(records["hopeless"].attempts) == 3
    assert records["refuse"].error == {"code": "corrupt", "message": "This is no picture."}
    assert (await job_client.read(foreign.job_id)).owner == "system"
    assert (await job_of(redis, jobs["echo"]).result())["params"]["times"] == 3
    with pytest.raises(JobFailed, match="no picture"):
        await job_of(redis, jobs["refuse"]).result()
    assert await redis.keys(LANE + "*") == []


def test_every_queue_has_settings_for_the_arq_command(monkeypatch: pytest.MonkeyPatch, valkey: Valkey) -> None:
    from worker.arq_compat import settings as arq_settings  # noqa: PLC0415

    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("STORAGE_URL", "memory://")
    names = {getattr(arq_settings, queue)["queue_name"] for queue in QUEUES}
    assert names == {arq_queue("default"), arq_queue("media"), arq_queue("reports"), arq_queue("webhooks")}
    with pytest.raises(AttributeError, match="queue 'origami' does not exist"):
        arq_settings.origami  # noqa: B018


async def test_arqs_own_check_asks_the_configured_redis(redis: ArqRedis, settings: Settings, valkey: Valkey) -> None:
    async def check() -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "arq", "--check", "worker.stock.media"),
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": valkey.url, "STORAGE_URL": "memory://"},
        )
        return await process.wait()

    assert await check() == 1, "no worker lives"
    async with working(redis, settings, concurrency={"media": 1}):
        await eventually(lambda: redis.exists(arq_queue("media") + health_check_key_suffix))
        assert await check() == 0
