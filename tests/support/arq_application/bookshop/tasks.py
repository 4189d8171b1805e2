"""The functions of the bookshop: written for ARQ's own worker, without a thought of another."""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any

from arq import Retry


@dataclass
class Order:
    """Something that pickle can hold and JSON cannot."""

    title: str
    copies: int


class OutOfStockError(Exception):
    """What a function of the application raises."""


async def seen(ctx: dict[str, Any], what: str) -> None:
    await ctx["redis"].rpush("bookshop:seen", what)


async def add(ctx: dict[str, Any], one: int, other: int, *, order: Order | None = None) -> Any:
    await seen(ctx, f"add {ctx['job_try']} {ctx['greeting']}")
    return Order(order.title, one + other) if order else one + other


async def facts(ctx: dict[str, Any]) -> dict[str, Any]:
    return {name: ctx[name] for name in ("job_id", "job_try", "enqueue_time", "score")}


async def flaky(ctx: dict[str, Any], needed: int) -> int:
    if ctx["job_try"] < needed:
        raise Retry(defer=0.05)
    return int(ctx["job_try"])


async def out_of_stock(ctx: dict[str, Any]) -> None:
    await seen(ctx, "out_of_stock")
    raise OutOfStockError("no copies left")


async def meeting(ctx: dict[str, Any]) -> int:
    await seen(ctx, f"meeting {os.getpid()}")
    while not await ctx["redis"].exists("bookshop:over"):
        await asyncio.sleep(0.02)
    return os.getpid()


async def slow(ctx: dict[str, Any]) -> None:
    await seen(ctx, f"slow {ctx['job_id']} {ctx['job_try']}")
    await asyncio.sleep(60)


async def killer(ctx: dict[str, Any]) -> None:
    await seen(ctx, f"killer {ctx['job_try']}")
    os.kill(os.getpid(), signal.SIGKILL)


async def cancelling(ctx: dict[str, Any]) -> str:
    if ctx["job_try"] == 1:
        raise asyncio.CancelledError
    return "after a cancellation"


async def order_more(ctx: dict[str, Any]) -> str:
    job = await ctx["redis"].enqueue_job("add", 20, 22, _job_id="ordered-more")
    return str(job.job_id)


async def stock_taking(ctx: dict[str, Any]) -> None:
    await seen(ctx, f"stock_taking {ctx['job_id']}")
