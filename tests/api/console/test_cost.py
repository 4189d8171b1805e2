"""What a page asks of Redis: few round trips, few commands, and none whose cost grows with what is in it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.connection_pool import PrimaryConnection
from tasks.settings import Settings
from tests.support.console.browsers import signed_in
from tests.support.console.pages import PAGES

MOST_ROUND_TRIPS, MOST_COMMANDS = 12, 500
GROWING = ("cmdstat_scan", "cmdstat_keys", "cmdstat_sscan", "cmdstat_hscan", "cmdstat_zscan", "cmdstat_smembers")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each round trip of this process, how many bytes were sent."""
    trips: list[int] = []
    send: Callable[..., Awaitable[Any]] = PrimaryConnection.send_packed_command

    async def counting(connection: PrimaryConnection, command: Any, *args: Any, **options: Any) -> None:
        trips.append(len(command))
        await send(connection, command, *args, **options)

    monkeypatch.setattr(PrimaryConnection, "send_packed_command", counting)
    return trips


async def commands(redis: ArqRedis) -> dict[str, int]:
    return {name: int(stats["calls"]) for name, stats in (await redis.info("commandstats")).items()}


async def test_a_page_asks_redis_for_little(
    port: int, alice: httpx.AsyncClient, redis: ArqRedis, sent: list[int]
) -> None:
    assert PAGES
    for n in range(20):
        await alice.post("/v1/events", json={"type": "order.paid", "data": {"n": n}})
    all_trips = 0
    async with signed_in(port) as browser:
        for path in PAGES:
            await browser.get(path)  # what is cached is cached
            await redis.config_resetstat()
            sent.clear()
            answer = await browser.get(path)
            assert answer.status_code == 200, path
            trips = len(sent)
            all_trips += trips
            calls = await commands(redis)
            assert trips <= MOST_ROUND_TRIPS, f"{path}: {trips} round trips"
            assert sum(calls.values()) <= MOST_COMMANDS, f"{path}: {calls}"
            assert not calls.keys() & set(GROWING), path
    assert all_trips > len(PAGES), "else they are not counted"
