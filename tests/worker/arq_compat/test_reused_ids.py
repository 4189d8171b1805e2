"""ARQ clients that give a job the id of one that has ended: it is a new job, as under ARQ itself once the result is
gone."""

import asyncio
import json
import sys
from datetime import timedelta

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, in_progress_key_prefix, job_key_prefix, result_key_prefix
from arq.jobs import Job
from structlog.testing import capture_logs

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.indexes import of_kind
from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import SECOND_MS, arq_queue
from tasks.queue.wire import deserialize
from tasks.settings import SYSTEM, Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker, look_now
from tools.servers import Valkey

JOB_ID = "nightly"


async def enqueue(redis: ArqRedis, times: int, queue: str = "default", defer_ms: int = 0) -> Job:
    defer = timedelta(milliseconds=defer_ms)
    job = await redis.enqueue_job("echo", times=times, _job_id=JOB_ID, _queue_name=arq_queue(queue), _defer_by=defer)
    assert job is not None
    return Job(JOB_ID, redis, _queue_name=arq_queue(queue), _deserializer=deserialize)


async def times_of(job: Job) -> int:
    times: int = (await job.result(timeout=10, poll_delay=0.02))["params"]["times"]
    return times


async def end_first(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    """A first run, of which ARQ's copy of the result is gone, as it is an hour later."""
    async with working(redis, settings):
        assert await times_of(await enqueue(redis, 1)) == 1
        await job_client.ended(JOB_ID)
        assert await redis.enqueue_job("echo", times=2, _job_id=JOB_ID) is None, "ARQ's client refuses it"
    await redis.delete(result_key_prefix + JOB_ID)


async def check_second(redis: ArqRedis, job_client: JobClient, times: int, queue: str = "default") -> None:
    """The record is that of the last run alone, and is counted once."""
    record = await job_client.ended(JOB_ID)
    assert (record.attempt, len(record.attempts), record.queue) == (1, 1, queue)
    assert json.loads(record.params)["times"] == times
    counts = await Listing(redis).counts(Selection((of_kind(SYSTEM, "echo"),)))
    assert {state: count for state, count in counts.items() if count} == {State.SUCCEEDED: 1}


@pytest.mark.parametrize("queue", ["default", "media"])
@pytest.mark.parametrize("packed", [False, True], ids=["whole", "packed"])
async def test_it_gets_a_new_run(
    redis: ArqRedis, settings: Settings, job_client: JobClient, queue: str, packed: bool
) -> None:
    await end_first(redis, settings, job_client)
    if packed:
        assert await pack_all(redis, settings) == 1
    again = await enqueue(redis, 2, queue)
    async with working(redis, settings, concurrency={"default": 1, "media": 1}):
        assert await times_of(again) == 2
    await check_second(redis, job_client, 2, queue)


async def test_arqs_own_command_runs_it_too(
    redis: ArqRedis, settings: Settings, job_client: JobClient, valkey: Valkey
) -> None:
    await end_first(redis, settings, job_client)
    again = await enqueue(redis, 2)
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arq", "tests.support.processes.default", "--burst"),
        cwd=ROOT,
        env={"REDIS_URL": valkey.url, "DEV": "1", "STORAGE_URL": "memory://", "PATH": ""},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await command.communicate()
    assert command.returncode == 0, said.decode()
    assert await times_of(again) == 2
    await check_second(redis, job_client, 2)


async def test_it_waits_for_its_time_and_outlives_the_deletion_of_the_former_run(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    await end_first(redis, settings, job_client)
    again = await enqueue(redis, 2, defer_ms=3_600_000)
    async with working(redis, settings):
        assert await JobStore(redis, settings).delete([JOB_ID]) == ["deleted"]
        assert await redis.zscore(arq_queue("default"), JOB_ID) is not None
        await look_now(redis, JOB_ID)
        assert await times_of(again) == 2
    await check_second(redis, job_client, 2)


async def test_one_that_arqs_own_worker_has_begun_is_left_to_it(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    await end_first(redis, settings, job_client)
    again = await enqueue(redis, 2)
    await redis.set(in_progress_key_prefix + JOB_ID, b"1", px=60_000)
    # ARQ rounds the time at which a job is due: it may be half a millisecond away.
    claim = await eventually(FakeWorker(redis, settings).claim, lambda claim: claim.wait_ms > 30_000)
    assert claim.foreign_jobs == []
    await redis.delete(in_progress_key_prefix + JOB_ID)
    await look_now(redis, JOB_ID)
    async with working(redis, settings):
        assert await times_of(again) == 2


async def test_it_can_be_aborted_before_it_starts(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    await end_first(redis, settings, job_client)
    again = await enqueue(redis, 2)
    seconds, _ = await redis.time()
    await redis.zadd(abort_jobs_ss, {JOB_ID: seconds * SECOND_MS})
    async with working(redis, settings):
        with pytest.raises(asyncio.CancelledError, match="Cancelled before it started"):
            await again.result(timeout=10, poll_delay=0.02)
    assert (await job_client.read(JOB_ID)).state is State.CANCELLED


async def test_it_waits_until_those_that_waited_for_the_former_run_have_been_told(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    """More of them than one script tells."""
    await enqueue(redis, 1, defer_ms=3_600_000)
    await Enqueuer(redis, settings).adopt(JOB_ID, "default", await redis.get(job_key_prefix + JOB_ID))
    waiting = [await job_client.submit("nothing", owner=SYSTEM, after=(JOB_ID,)) for _ in range(120)]
    assert await JobStore(redis, settings).cancel(JOB_ID) == "cancelled"
    await redis.delete(result_key_prefix + JOB_ID)
    again = await enqueue(redis, 2)
    async with working(redis, settings):
        assert await times_of(again) == 2
        for job_id in waiting:
            # It failed with the former run; with the success of the new one it may have run after all.
            assert (await job_client.ended(job_id)).state in (State.FAILED, State.SUCCEEDED)


async def test_an_id_that_is_in_use_stays_its_jobs(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    """ARQ's client refuses it, unless the job has lost its ARQ key."""
    job_id = await job_client.submit("echo", times=1, delay_ms=3_600_000)
    await redis.delete(job_key_prefix + job_id)
    assert await redis.enqueue_job("echo", times=2, _job_id=job_id) is not None
    with capture_logs() as lines:
        await Enqueuer(redis, settings).adopt(job_id, "default", await redis.get(job_key_prefix + job_id))
    assert [(line["event"], line["job"], line["state"]) for line in lines] == [("job.id_in_use", job_id, "scheduled")]
    async with working(redis, settings):
        record = await job_client.ended(job_id)
    assert json.loads(record.params)["times"] == 1


async def test_one_that_another_worker_has_taken_up_is_left_to_it(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    """A worker that was slow to adopt it comes after its end."""
    await end_first(redis, settings, job_client)
    again = await enqueue(redis, 2)
    body = await redis.get(job_key_prefix + JOB_ID)
    async with working(redis, settings):
        assert await times_of(again) == 2
    await Enqueuer(redis, settings).adopt(JOB_ID, "default", body)
    await check_second(redis, job_client, 2)
