"""The installation's id: one for all processes, made once."""

import asyncio

from arq.connections import ArqRedis

from tasks.queue.installation import STORAGE_OWNER, find_installation, make_installation, note_storage_owner
from tasks.queue.redis_keys import INSTALLATION


async def test_all_processes_that_start_at_once_find_one_id(redis: ArqRedis) -> None:
    assert await find_installation(redis) is None
    ids = await asyncio.gather(*(make_installation(redis) for _ in range(20)))
    assert len(set(ids)) == 1
    assert await find_installation(redis) == ids[0]
    assert len(ids[0]) == 32


async def test_a_redis_that_lost_its_data_gets_another_id(redis: ArqRedis) -> None:
    before = await make_installation(redis)
    await redis.flushall()
    assert await find_installation(redis) is None
    assert await make_installation(redis) != before


async def test_another_owner_of_the_storage_is_noted_and_forgotten(redis: ArqRedis) -> None:
    await note_storage_owner(redis, "a" * 32)
    assert await redis.hget(INSTALLATION, STORAGE_OWNER) == b"a" * 32
    assert await find_installation(redis) is None
    await note_storage_owner(redis, None)
    assert await redis.hget(INSTALLATION, STORAGE_OWNER) is None
