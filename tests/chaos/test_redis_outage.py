"""Redis is away for longer than a lease, under load: nobody falls over, nothing is lost, nothing ends twice."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from tasks.queue.records.record import State
from tasks.queue.redis_keys import LEASE_MS, SECOND_MS
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process
from tools.servers import Valkey


@pytest.mark.parametrize("away_s", [LEASE_MS / SECOND_MS + 2, pytest.param(30, marks=pytest.mark.long)])
async def test_redis_gone_under_load_loses_nothing_and_runs_nothing_twice(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, away_s: float
) -> None:
    lines = tmp_path / "lines"
    submitted: list[str] = []
    stop = asyncio.Event()

    async def submit_all_the_time() -> None:
        while not stop.is_set():
            try:
                submitted.append(await job_client.submit("sleep", seconds=0.05, file=str(lines)))
            except (RedisError, OSError):
                # A submit that was not answered was not accepted; the client would try again.
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.005)

    async with (
        worker_process(mortal_redis, mortal_valkey.url, default=10) as first,
        worker_process(mortal_redis, mortal_valkey.url, default=10) as second,
    ):
        # One job ends while Redis is away, another outlasts the outage and every lease.
        during = await job_client.submit("sleep", seconds=5, file=str(lines))
        across = await job_client.submit("sleep", seconds=away_s + 8, file=str(lines))
        for job_id in (during, across):
            await job_client.until(job_id, State.RUNNING)
        load = asyncio.create_task(submit_all_the_time())
        await asyncio.sleep(2)
        mortal_valkey.kill()
        await asyncio.sleep(away_s)
        mortal_valkey.start()
        await asyncio.sleep(3)
        stop.set()
        await load
        records = {job_id: await job_client.ended(job_id, seconds=60) for job_id in [during, across, *submitted]}
        assert first.poll() is None
        assert second.poll() is None

    assert len(submitted) > 100
    assert {record.state for record in records.values()} == {State.SUCCEEDED}
    written = Counter(line.split()[0] for line in lines.read_text().splitlines())
    assert len(records[during].attempts) == 1, "it had finished; only the news of it had to wait"
    assert len(records[across].attempts) == 1, "its worker renewed before anyone claimed"
    twice = [job_id for job_id in records if written[job_id] != 2]
    assert twice == [], "a line at the start and one at the end, once"
