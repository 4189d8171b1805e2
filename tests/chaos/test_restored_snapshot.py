"""An older snapshot of Redis is restored, and ARQ's keys in it have expired meanwhile: the reconciler brings every job
of it to its end."""

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from redis.exceptions import RedisError

from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, PARKED, TURNS, arq_queue
from tests.support.engine_running import JobClient, settings_for
from tests.support.processes import worker_process
from tests.support.queue.fake_worker import FakeWorker
from tools.servers import Valkey

EACH = 5
ENVIRONMENT = {"OWNER_MAX_RUNNING": "0"}
"""What a dead worker still seems to run takes nothing from its owner's share."""


@pytest.fixture
def mortal_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """One whose data a test may copy."""
    with Valkey(appendonly=True, folder=tmp_path / "data") as server:
        yield server


async def restart(redis: ArqRedis, valkey: Valkey) -> None:
    """Until the client has found the server again."""
    valkey.start()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(RedisError):
                await redis.ping()
                return
            await asyncio.sleep(0.02)


async def test_every_job_of_an_older_snapshot_ends(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines = str(tmp_path / "lines")
    worker = FakeWorker(mortal_redis, settings_for(mortal_redis))
    for _ in range(2 * EACH):
        await job_client.submit("note", file=lines)
    for job in (await worker.claim(2 * EACH)).jobs[:EACH]:
        await worker.finish(job, "retrying", delay_ms=1_000)
    queued = [await job_client.submit("note", file=lines, owner="acme") for _ in range(EACH)]
    scheduled = [await job_client.submit("note", file=lines, delay_ms=1_000) for _ in range(EACH)]
    later = await job_client.submit("note", file=lines, delay_ms=3_600_000)
    parked = await job_client.submit("note", file=lines, owner="parked")
    await mortal_redis.zadd(PARKED + "default", {"owner:parked": 9e12})
    await mortal_redis.zrem(TURNS + "default", "owner:parked")
    ids = [key.decode().removeprefix(JOB) async for key in mortal_redis.scan_iter(match=f"{JOB}*")]
    assert Counter([(await job_client.read(job_id)).state for job_id in ids]) == {
        State.RUNNING: EACH,
        State.RETRYING: EACH,
        State.QUEUED: EACH + 1,
        State.SCHEDULED: EACH + 1,
    }

    mortal_valkey.kill()
    shutil.copytree(tmp_path / "data", tmp_path / "snapshot")
    await restart(mortal_redis, mortal_valkey)
    async with worker_process(mortal_redis, mortal_valkey.url, environment=ENVIRONMENT, default=10):
        for job_id in [*queued, *scheduled]:
            assert (await job_client.ended(job_id)).state is State.SUCCEEDED
    mortal_valkey.kill()
    shutil.rmtree(tmp_path / "data")
    shutil.copytree(tmp_path / "snapshot", tmp_path / "data")
    await restart(mortal_redis, mortal_valkey)
    # A week has passed since: leases and ARQ's copies of the jobs have expired, and somebody has cleared ARQ's queue.
    for pattern in (job_key_prefix + "*", in_progress_key_prefix + "*"):
        async for key in mortal_redis.scan_iter(match=pattern):  # none, if leases have really lapsed meanwhile
            await mortal_redis.delete(key)
    await mortal_redis.delete(arq_queue("default"))

    async with worker_process(mortal_redis, mortal_valkey.url, environment=ENVIRONMENT, default=10):
        request = Submission("reconciliation", "default", "system", "{}")
        done = await job_client.ended((await job_client.enqueuer.enqueue(request)).job_id)
        assert done.result is not None
        assert done.result["mended"] >= len(ids) - EACH  # those in a line may have been claimed already
        for job_id in set(ids) - {later, parked}:
            record = await job_client.ended(job_id)
            assert record.state is State.SUCCEEDED, record
        assert (await job_client.read(later)).state is State.SCHEDULED
        assert (await job_client.read(parked)).state is State.QUEUED
        assert await mortal_redis.zscore(arq_queue("default"), later) == (await job_client.read(later)).due_at
