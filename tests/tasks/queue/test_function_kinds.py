"""Functions of ARQ applications that metrics count by name: those that workers have announced, so many and no more."""

from arq.connections import ArqRedis

from tasks.queue.application_keys import FUNCTION_KINDS, FUNCTIONS, MAX_FUNCTION_KINDS
from tasks.queue.script import Script


async def test_workers_announce_functions_and_the_names_that_are_counted_are_bounded(redis: ArqRedis) -> None:
    beat = Script(redis, "run/beat")

    async def announce(*names: str) -> None:
        functions = {"queue": "arq/shop", "key": FUNCTIONS + "shop", "names": names}
        alive = {"worker": "w", "at": 1, "record": "{}", "record_ms": 1000, "checks": [], "check_ms": 1000}
        await beat({**alive, "functions": functions})

    await announce("add", "cron:stock", "shop.tasks:add", "two words", "größe", "x" * 61)
    assert await redis.smembers(FUNCTION_KINDS) == {b"add", b"cron:stock", b"shop.tasks:add"}
    await announce(*(f"f{n}" for n in range(2 * MAX_FUNCTION_KINDS)))
    assert await redis.scard(FUNCTION_KINDS) == MAX_FUNCTION_KINDS
    assert await redis.sismember(FUNCTION_KINDS, "add")
