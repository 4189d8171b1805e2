"""A worker that stops by itself: not before everything that is due has been handled."""

import asyncio

import pytest
from arq.connections import ArqRedis
from arq.constants import result_key_prefix

from tasks.queue.records.record import State
from tasks.queue.redis_keys import arq_queue
from tasks.settings import Settings
from tests.support.engine_running import PATIENCE_S, JobClient, engine_for

ENDED = 600
"""Timers of jobs that are gone, of which one claim handles a quarter."""


@pytest.mark.parametrize("place", [0, ENDED // 2, ENDED])
async def test_more_due_timers_than_one_claim_handles_do_not_hide_a_due_job(
    redis: ArqRedis, settings: Settings, job_client: JobClient, place: int
) -> None:
    job_id = await job_client.submit("nothing", delay_ms=60_000)
    ended = [f"ended-{number}" for number in range(ENDED)]
    await redis.mset({result_key_prefix + one: b"" for one in ended})
    await redis.zadd(arq_queue("default"), {one: 2 * number for number, one in enumerate(ended)})
    await redis.zadd(arq_queue("default"), {job_id: 2 * place - 1})
    async with asyncio.timeout(PATIENCE_S):
        await engine_for(redis, settings).run(burst=True)
    assert (await job_client.read(job_id)).state is State.SUCCEEDED
    await redis.delete(*(result_key_prefix + one for one in ended))
