"""Unique keys while workers are killed: no two jobs of a key are alive at once, and no key is left behind."""

import asyncio
import random
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.records.record import State
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process
from tests.support.queue.fake_worker import look_now
from tests.support.queue.unique_keys import holders, unique, wrong_unique_keys
from tools.servers import Valkey

KEYS = 5
SUBMITS = 150


async def test_keys_stay_right_while_workers_die(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, seeded: random.Random
) -> None:
    lines, ids = tmp_path / "lines", defaultdict(set)
    async with worker_process(mortal_redis, mortal_valkey.url, default=5) as doomed:
        for n in range(SUBMITS):
            key = f"{seeded.randrange(KEYS)}"
            job_id = await job_client.submit("sleep", unique=unique(key), seconds=0.02, file=str(lines))
            ids[key].add(job_id)
            if n == SUBMITS // 3:
                held = await job_client.submit("sleep", unique=unique("held"), seconds=1, file=str(lines))
                await job_client.until(held, State.RUNNING)
                doomed.kill()
            if n == SUBMITS // 2:
                assert await wrong_unique_keys(mortal_redis, [held, *set().union(*ids.values())]) == []
            await asyncio.sleep(0.005 * seeded.random())
        again = await job_client.submit("sleep", unique=unique("held"), seconds=0, file=str(lines))
        assert again == held, "the job of a dead worker holds its key"
        every = [held, *(job_id for found in ids.values() for job_id in found)]
        for job_id in every:  # nobody waits twelve seconds for leases that are known to be dead
            if await mortal_redis.delete(in_progress_key_prefix + job_id):
                await look_now(mortal_redis, job_id)
        async with worker_process(mortal_redis, mortal_valkey.url, default=5):
            records = [await job_client.ended(job_id, seconds=60) for job_id in every]

    assert Counter(record.state for record in records) == {State.SUCCEEDED: len(every)}
    assert len(every) > KEYS + 1, "a key is free once its job has ended"
    assert await holders(mortal_redis) == {}
    for found in ids.values():
        of_key = sorted((record for record in records if record.id in found), key=lambda record: record.created_at)
        for before, after in pairwise(of_key):
            assert before.finished_at is not None
            assert before.finished_at <= after.created_at, "two jobs of one key were alive at once"
