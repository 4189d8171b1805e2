"""A worker stands still for a while, as a paused container or a swapping machine does, and then goes on."""

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.records.record import State
from tasks.queue.redis_keys import arq_queue
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process
from tools.servers import Valkey


async def suspend_beside(
    redis: ArqRedis,
    url: str,
    job_client: JobClient,
    tmp_path: Path,
    *,
    room: bool,
    stopped_s: float,
    jobs_s: float,
    lapse: bool,
) -> None:
    """Five jobs in a worker that stands still, beside one that is full or has room.

    lapse: let the leases lapse at once, as they would in LEASE_MS.
    """
    lines, log = tmp_path / "lines", tmp_path / "log"
    async with worker_process(redis, url, default=7 if room else 2) as beside:
        filling = [await job_client.submit("sleep", seconds=stopped_s + jobs_s, file=str(lines)) for _ in range(2)]
        for job_id in filling:
            await job_client.until(job_id, State.RUNNING)
        beside.send_signal(signal.SIGSTOP)
        async with worker_process(redis, url, lines=log, default=10) as process:
            ids = [await job_client.submit("sleep", seconds=jobs_s, file=str(lines)) for _ in range(5)]
            for job_id in ids:
                await job_client.until(job_id, State.RUNNING)
            process.send_signal(signal.SIGSTOP)
            beside.send_signal(signal.SIGCONT)
            if lapse:
                for job_id in ids:
                    await redis.delete(in_progress_key_prefix + job_id)
                    await redis.zadd(arq_queue("default"), {job_id: 1}, xx=True)
            await asyncio.sleep(stopped_s)
            process.send_signal(signal.SIGCONT)
            records = {job_id: await job_client.ended(job_id, seconds=60 + jobs_s) for job_id in [*ids, *filling]}
            assert (process.poll(), beside.poll()) == (None, None)
            told = log.read_text()

    assert Counter(record.state for record in records.values()) == {State.SUCCEEDED: 7}
    written = Counter(line.split()[0] for line in lines.read_text().splitlines())
    for job_id, record in records.items():
        outcomes = [one["outcome"] for one in record.attempts]
        assert outcomes[-1] == "succeeded"
        assert set(outcomes[:-1]) <= {"lapsed"}
        assert written[job_id] == len(outcomes) + 1, "it ended twice" if job_id in ids else "it was never stopped"
    assert "Traceback" not in told


@pytest.mark.parametrize("room", [False, True], ids=["beside a full one", "beside one with room"])
async def test_a_worker_whose_jobs_were_taken_back_meanwhile_runs_none_of_them_twice_to_the_end(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, room: bool
) -> None:
    await suspend_beside(
        mortal_redis, mortal_valkey.url, job_client, tmp_path, room=room, stopped_s=2.5, jobs_s=10, lapse=True
    )


@pytest.mark.long
@pytest.mark.seconds(400)
@pytest.mark.parametrize("room", [False, True], ids=["beside a full one", "beside one with room"])
@pytest.mark.parametrize("shortest_s", [6, 13])
async def test_a_worker_that_stood_still_for_6_to_30_seconds_ends_all_its_jobs(
    mortal_redis: ArqRedis,
    mortal_valkey: Valkey,
    job_client: JobClient,
    tmp_path: Path,
    seeded: random.Random,
    shortest_s: float,
    room: bool,
) -> None:
    stopped_s = seeded.uniform(shortest_s, 12 if shortest_s < 12 else 30)
    await suspend_beside(
        mortal_redis, mortal_valkey.url, job_client, tmp_path, room=room, stopped_s=stopped_s, jobs_s=30, lapse=False
    )
