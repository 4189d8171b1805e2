"""Plain arq. ARQ_POLL_DELAY sets poll_delay; everything else is arq's default."""

import asyncio
import os
from typing import Any, ClassVar

import stopwatch
import uvloop
from arq import create_pool, run_worker
from arq.connections import RedisSettings

SERVER = RedisSettings.from_dsn(stopwatch.URL)
watch = stopwatch.Stopwatch()


async def noop(ctx: dict[Any, Any]) -> None:
    watch.tick()


async def arrive(ctx: dict[Any, Any], sent: float) -> None:
    stopwatch.arrived(sent)


class Settings:
    functions: ClassVar = [noop, arrive]
    redis_settings = SERVER
    poll_delay = float(os.environ.get("ARQ_POLL_DELAY", "0.5"))
    keep_result = stopwatch.KEEP_RESULT_S


async def enqueue(command: str, count: int) -> None:
    pool = await create_pool(SERVER)
    if command == "fill":
        await stopwatch.fill(lambda: pool.enqueue_job("noop"), count)
    else:
        await stopwatch.send(lambda sent: pool.enqueue_job("arrive", sent), count)
    await pool.aclose(close_connection_pool=True)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    command, count = stopwatch.command()
    if command == "work":
        asyncio.set_event_loop(asyncio.new_event_loop())
        run_worker(Settings)
    else:
        asyncio.run(enqueue(command, count))
