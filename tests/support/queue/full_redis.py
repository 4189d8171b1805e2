"""Filling a Redis: its `maxmemory` is set to what it uses, so that no test has to write megabytes."""

from typing import Any

from redis.asyncio import Redis


async def fill(redis: "Redis[Any]", percent: float) -> None:
    """Set `maxmemory` so that what is used now is this share of it. Above 100 Redis itself refuses what adds."""
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(used * 100 / percent))


async def relieve(redis: "Redis[Any]") -> None:
    """Remove the limit."""
    await redis.config_set("maxmemory", 0)
