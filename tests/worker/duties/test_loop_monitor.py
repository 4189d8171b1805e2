"""The monitor of an event loop that stands still: it ends the process, unless that is about to end by itself."""

import asyncio
from typing import NoReturn

import pytest

from worker.attempts.running import Running
from worker.duties.loop_monitor import EXIT_STALLED, LoopMonitor
from worker.duties.loop_watch import LoopWatch


@pytest.fixture
async def monitor(monkeypatch: pytest.MonkeyPatch) -> LoopMonitor:
    """Of a loop whose turns nobody counts, as if it stood still."""

    def ended(status: int) -> NoReturn:
        raise SystemExit(status)

    monkeypatch.setattr("worker.duties.loop_monitor.os._exit", ended)
    return LoopMonitor(LoopWatch(), Running({"default": 1}, asyncio.Event()), 0.1)


async def test_a_loop_that_stands_still_ends_the_process(monitor: LoopMonitor) -> None:
    with pytest.raises(SystemExit) as ended:
        await monitor.loop()
    assert ended.value.code == EXIT_STALLED


async def test_one_that_is_about_to_end_does_not(monitor: LoopMonitor) -> None:
    monitor.stop()
    async with asyncio.timeout(10):
        await monitor.loop()
