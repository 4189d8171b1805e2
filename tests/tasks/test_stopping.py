"""A task that is told to stop stops, whatever it was doing."""

import asyncio

import pytest
from arq.connections import ArqRedis

from tasks.queue.watch.watch import Watch
from tasks.stopping import stop


async def test_a_task_that_loses_a_cancel_is_stopped_all_the_same() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost == 2:
                    raise
                lost += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await stop(task)
    assert task.cancelled()
    assert lost == 2


async def test_what_a_task_raised_is_left_in_it() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await stop(task)
    with pytest.raises(ValueError, match="broken"):
        task.result()


async def test_a_watch_stops_at_any_moment_of_its_start(redis: ArqRedis) -> None:
    for steps in range(300):
        watch = Watch(redis)
        watch.start()
        for _ in range(steps % 40):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await watch.stop()
