"""A time of a cron job that two workers have computed is run once, whichever moment the second one comes at."""

import asyncio
from collections.abc import Awaitable

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, result_key_prefix

from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import JOB
from tasks.queue.script import Script
from tests.worker.application.conftest import QUEUE
from tools.servers import Valkey

ID = "cron:stock_taking:1795883055000"
TTL_MS = 60_000


def call(redis: ArqRedis, body: bytes) -> Awaitable[object]:
    """What a worker does when its own clock has come to the time. body: it differs from worker to worker."""
    payload = {"id": ID, "queue": f"arq/{QUEUE}", "body": body, "body_ms": TTL_MS}
    return Script(redis, "run/cron_call")(payload)


async def test_the_first_of_two_at_once_is_not_changed_by_the_second(client: ArqRedis, valkey: Valkey) -> None:
    other = connect(valkey.url)
    await asyncio.gather(call(client, b"first"), call(other, b"second"))
    body, due = await client.get(job_key_prefix + ID), await client.zscore(QUEUE, ID)
    assert body in {b"first", b"second"}

    await call(client if body == b"second" else other, b"later")
    assert (await client.get(job_key_prefix + ID), await client.zscore(QUEUE, ID)) == (body, due)
    await close(other)


@pytest.mark.parametrize("left", [job_key_prefix, JOB, result_key_prefix], ids=["body", "record", "result"])
async def test_it_is_not_enqueued_again_while_anything_of_it_is_left(client: ArqRedis, left: str) -> None:
    await call(client, b"first")
    # Another worker has taken it, and has perhaps ended it before this one's clock comes to the time.
    assert await client.zrem(QUEUE, ID) == 1
    await client.delete(job_key_prefix + ID)
    if left == JOB:
        await client.hset(JOB + ID, "state", "succeeded")
        await client.pexpire(JOB + ID, TTL_MS)
    else:
        await client.set(left + ID, b"first", px=TTL_MS)

    await call(client, b"second")
    assert await client.zcard(QUEUE) == 0
    assert await client.get(job_key_prefix + ID) in {None, b"first"}


async def test_the_next_time_is_another_job(client: ArqRedis) -> None:
    await call(client, b"first")
    next_id = ID.replace("55000", "56000")
    await Script(client, "run/cron_call")({"id": next_id, "queue": f"arq/{QUEUE}", "body": b"", "body_ms": TTL_MS})
    assert await client.zrange(QUEUE, 0, -1) == [ID.encode(), next_id.encode()]
