"""The bookshop's worker: `arq bookshop.worker.WorkerSettings`."""

import os
from typing import Any

import msgpack
from arq import cron, func
from arq.connections import RedisSettings
from arq.constants import result_key_prefix

from bookshop import tasks
from bookshop.api import QUEUE


async def startup(ctx: dict[str, Any]) -> None:
    ctx["greeting"] = "hello"
    await tasks.seen(ctx, "startup")


async def shutdown(ctx: dict[str, Any]) -> None:
    await tasks.seen(ctx, f"shutdown {ctx['greeting']}")


async def job_start(ctx: dict[str, Any]) -> None:
    await tasks.seen(ctx, f"start {ctx['job_id']}")


async def job_end(ctx: dict[str, Any]) -> None:
    kept = await ctx["redis"].exists(result_key_prefix + ctx["job_id"])
    await tasks.seen(ctx, f"end {ctx['job_id']} {kept}")


async def after_end(ctx: dict[str, Any]) -> None:
    kept = await ctx["redis"].exists(result_key_prefix + ctx["job_id"])
    await tasks.seen(ctx, f"after {ctx['job_id']} {kept}")


class WorkerSettings:
    functions = [
        tasks.add,
        tasks.facts,
        tasks.out_of_stock,
        tasks.slow,
        tasks.cancelling,
        tasks.order_more,
        tasks.meeting,
        func(tasks.flaky, name="unsteady", max_tries=3),
        func(tasks.killer, max_tries=1),
        func(tasks.add, name="forgotten", keep_result=0),
        func(tasks.add, name="remembered", keep_result_forever=True),
        func(tasks.slow, name="limited", timeout=0.2),
    ]
    redis_settings = RedisSettings.from_dsn(os.environ.get("BOOKSHOP_REDIS", "redis://localhost"))
    queue_name = QUEUE
    on_startup = startup
    on_shutdown = shutdown
    max_jobs = 5
    job_completion_wait = 1
    health_check_key = "bookshop:alive"


class HookedSettings:
    functions = [tasks.add, func(tasks.flaky, name="unsteady", max_tries=3)]
    redis_settings = WorkerSettings.redis_settings
    queue_name = QUEUE
    ctx = {"greeting": "hi"}
    on_job_start = job_start
    on_job_end = job_end
    after_job_end = after_end


class CronSettings:
    cron_jobs = [cron(tasks.stock_taking, second=set(range(60)), microsecond=0)]
    redis_settings = WorkerSettings.redis_settings
    queue_name = QUEUE


class SharedSettings:
    """Uses ARQ's default queue, which is Pressroom's `default` too."""

    functions = [tasks.add]
    redis_settings = WorkerSettings.redis_settings
    ctx = {"greeting": "hi"}


class MsgpackSettings:
    functions = [tasks.add]
    redis_settings = WorkerSettings.redis_settings
    queue_name = "bookshop:msgpack"
    ctx = {"greeting": "hi"}
    job_serializer = msgpack.packb
    job_deserializer = msgpack.unpackb


class NoFunctions:
    redis_settings = WorkerSettings.redis_settings
