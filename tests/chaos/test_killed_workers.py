"""A worker dies without a word: its jobs run again, and only the guilty are blamed."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.records.record import State
from tasks.queue.redis_keys import arq_queue
from tests.support.engine_running import JobClient
from tests.support.processes import start, worker_process
from tests.support.queue.fake_worker import look_now
from tools.servers import Valkey

AGAIN_WITHIN_S = 15


def starts(lines: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in lines.read_text().splitlines())


async def test_the_jobs_of_a_killed_worker_run_again_within_15_seconds_elsewhere_once(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    async with worker_process(mortal_redis, mortal_valkey.url, default=20) as doomed:
        held = [await job_client.submit("sleep", seconds=5 if n < 10 else 0.2, file=str(lines)) for n in range(20)]
        for job_id in held[:10]:
            await job_client.until(job_id, State.RUNNING)
        async with worker_process(mortal_redis, mortal_valkey.url, default=20):
            doomed.kill()
            killed = time.time()
            records = [await job_client.ended(job_id, seconds=60) for job_id in held]

    assert all(record.state is State.SUCCEEDED for record in records)
    rerun = [record for record in records if len(record.attempts) > 1]
    assert len(rerun) >= 10
    for record in rerun:
        assert [one["outcome"] for one in record.attempts] == ["lapsed", "succeeded"]
        assert record.tries == 0, "a crash is not the job's fault"
        assert record.attempts[0]["worker"] != record.attempts[1]["worker"]
        assert record.attempts[1]["started_at"] / 1000 - killed <= AGAIN_WITHIN_S
    ends = starts(lines)
    assert all(ends[record.id] == 3 for record in rerun), "one start lost, one start and one end made good"


@pytest.mark.parametrize("waits_for_leases", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_a_job_that_kills_its_workers_runs_alone_in_the_end_and_is_then_stopped_as_poison(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, waits_for_leases: bool
) -> None:
    lines = tmp_path / "lines"
    poison = await job_client.submit("die", times=99, file=str(lines))
    neighbours = [await job_client.submit("sleep", owner="neighbour", seconds=1, file=str(lines)) for _ in range(4)]
    stop = asyncio.Event()

    async def keep_a_worker_alive() -> None:
        """As a platform does: when the worker dies, another is started."""
        while not stop.is_set():
            process = start(mortal_valkey.url, "tests.support.processes", "default=10")
            while process.poll() is None and not stop.is_set():
                await asyncio.sleep(0.05)
            process.kill()
            process.wait()
            for job_id in () if waits_for_leases else (poison, *neighbours):
                if await mortal_redis.delete(in_progress_key_prefix + job_id):
                    await look_now(mortal_redis, job_id)

    keeper = asyncio.create_task(keep_a_worker_alive())
    record = await job_client.ended(poison, seconds=90)
    others = [await job_client.ended(job_id, seconds=30) for job_id in neighbours]
    stop.set()
    await keeper

    assert record.state is State.FAILED
    assert record.error is not None
    assert record.error["code"] == "poison"
    # Two deaths make all five suspects. Half of them run at once, then half of these, until it is alone.
    assert 3 <= len(record.attempts) <= 5
    assert {one["outcome"] for one in record.attempts} == {"lapsed"}
    assert all(other.state is State.SUCCEEDED for other in others), "neighbours are not blamed"
    last = record.attempts[-1]
    for other in others:
        for attempt in other.attempts:
            apart = attempt["ended_at"] <= last["started_at"] or attempt["started_at"] >= last["ended_at"]
            assert attempt["worker"] != last["worker"] or apart, "the suspect did not run alone"


async def test_an_innocent_suspect_succeeds_alone(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    suspect = await job_client.submit("die", times=2, file=str(tmp_path / "lines"))
    for _ in range(2):
        doomed = start(mortal_valkey.url, "tests.support.processes", "default=5")
        await asyncio.wait_for(asyncio.to_thread(doomed.wait), AGAIN_WITHIN_S)
        # Nobody waits twelve seconds in a test for a lease to lapse that is known to be dead.
        await mortal_redis.delete(in_progress_key_prefix + suspect)
        await mortal_redis.zadd(arq_queue("default"), {suspect: 1})
    async with worker_process(mortal_redis, mortal_valkey.url, default=5):
        record = await job_client.ended(suspect, seconds=30)

    assert record.state is State.SUCCEEDED
    assert [one["outcome"] for one in record.attempts] == ["lapsed", "lapsed", "succeeded"]
