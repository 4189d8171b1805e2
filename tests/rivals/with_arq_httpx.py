"""What a user writes without us: a job of arq for each endpoint, in it a POST with httpx, and `Retry` if that fails. It
signs nothing, guards nothing, records nothing. RECEIVERS is a JSON list of URLs; `fill N` tells each of N events."""

import asyncio
import json
import os
import uuid
from typing import Any, ClassVar

import httpx
import stopwatch
import uvloop
from arq import Retry, create_pool, run_worker
from arq.connections import RedisSettings

SERVER = RedisSettings.from_dsn(stopwatch.URL)
BODY = os.environ["BODY"]
TIMEOUT_S = 15
AT_ONCE = 100


async def startup(ctx: dict[Any, Any]) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE)
    ctx["client"] = httpx.AsyncClient(limits=limits, timeout=TIMEOUT_S, trust_env=False)


async def deliver(ctx: dict[Any, Any], url: str, event: str) -> None:
    try:
        headers = {"content-type": "application/json", "webhook-id": event}
        answer = await ctx["client"].post(url, content=BODY, headers=headers)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Retry(defer=5 * 2 ** ctx["job_try"]) from error


class Settings:
    functions: ClassVar = [deliver]
    redis_settings = SERVER
    on_startup = startup
    # What was found to be best for it: short pauses between polls, as many jobs at once as ours, no result kept.
    poll_delay = 0.02
    max_jobs = AT_ONCE
    keep_result = 0


async def fill(count: int) -> None:
    pool = await create_pool(SERVER)
    for _ in range(count):
        event = uuid.uuid4().hex
        await asyncio.gather(*(pool.enqueue_job("deliver", url, event) for url in json.loads(os.environ["RECEIVERS"])))
    await pool.aclose(close_connection_pool=True)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    command, count = stopwatch.command()
    if command == "work":
        asyncio.set_event_loop(asyncio.new_event_loop())
        run_worker(Settings)
    else:
        asyncio.run(fill(count))
