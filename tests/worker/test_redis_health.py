"""Outages of Redis are waited out; errors of our own are raised at once."""

import asyncio

import pytest
from arq.connections import ArqRedis
from redis.commands.core import AsyncScript
from redis.exceptions import ResponseError

from tasks.queue.connect import close, connect
from tools.servers import Valkey
from worker.redis_health import RedisHealth

SET = "return redis.call('SET', 'a', 1)"


@pytest.mark.parametrize(
    "lua", ["local x = nil; return x.y", "return redis.call('GET')", "no lua", "return redis.call('GET', 'a list')"]
)
async def test_a_fault_in_a_script_is_not_waited_for(redis: ArqRedis, lua: str) -> None:
    await redis.lpush("a list", "1")
    redis_health = RedisHealth()
    with pytest.raises(ResponseError):
        async with asyncio.timeout(5):
            await redis_health.retry_until_up(AsyncScript(redis, lua))
    assert redis_health.renewed.is_set(), "Redis was not away"
    await redis.delete("a list")


async def test_a_full_redis_is_retried() -> None:
    with Valkey() as valkey:
        redis = connect(valkey.url)
        await redis.config_set("maxmemory", "1")
        redis_health = RedisHealth()
        writing = asyncio.create_task(redis_health.retry_until_up(AsyncScript(redis, SET)))
        await asyncio.wait_for(redis_health.renewal_wanted.wait(), 5)
        assert not redis_health.renewed.is_set()
        await redis.config_set("maxmemory", "0")
        assert await asyncio.wait_for(writing, 5) == b"OK"
        await close(redis)
