"""A worker has no more connections to Redis than REDIS_MAX_CONNECTIONS, that of its lease keeper among them."""

import asyncio
from pathlib import Path

from arq.connections import ArqRedis

from tasks.queue.records.record import State
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process
from tools.servers import Valkey

MOST, JOBS = 4, 40
"""MOST: the least that the setting allows."""
RENEWED_S = 5.0
"""Until the lease keeper has connected, at its first renewal."""


async def test_a_busy_worker_keeps_to_its_connections(
    redis: ArqRedis, valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    async with worker_process(redis, valkey.url, environment={"REDIS_MAX_CONNECTIONS": str(MOST)}, default=JOBS):
        ids = [await job_client.submit("tell", file=str(go_on)) for _ in range(JOBS)]
        for job_id in ids:
            await job_client.until(job_id, State.RUNNING)
        await asyncio.sleep(RENEWED_S)
        go_on.touch()
        for job_id in ids:
            assert (await job_client.ended(job_id)).state is State.SUCCEEDED
        clients = {one["id"] for one in await redis.client_list()}
    theirs = clients - {one["id"] for one in await redis.client_list()}
    assert len(theirs) <= MOST
