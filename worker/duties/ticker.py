"""Fires the schedules whose time has come. Every worker does; Redis lets one of them through."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis

from tasks.queue.redis_keys import SECOND_MS
from tasks.schedule.firing import DUE_AT_ONCE, Firing
from tasks.schedule.store import Line, Timetable
from tasks.settings import Settings
from worker.redis_health import Weather

log = structlog.get_logger()

TICK_S = 1.0
"""Between two looks, unless something is due before."""
INSTALL_S = 60.0
"""Between two times at which the lines are installed, in case Redis has forgotten them."""
UNSEEN_S = 3 * INSTALL_S
"""A line that no worker has installed for so long is on nobody's page any more."""


class Ticker:
    """Keeps the lines of the page installed, and looks at the timetable every second."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings, lines: Sequence[Line], weather: Weather) -> None:
        self._timetable = Timetable(redis, settings)
        self._firing = Firing(redis, settings)
        self._lines = lines
        self._weather = weather

    async def loop(self) -> None:
        install_at = 0.0
        while True:
            if time.monotonic() >= install_at:
                await self._weather.brave(self._remove_others)
                await self._weather.brave(self._install)
                install_at = time.monotonic() + INSTALL_S
            pause_s = await self._weather.brave(self.tick)
            await asyncio.sleep(pause_s)

    async def tick(self) -> float:
        """Fire what is due. The seconds after which to look again."""
        found = await self._firing.look()
        for schedule_id, due_ms in found.due:
            verdict, *more = await self._firing.fire(schedule_id, due_ms, found.now_ms)
            if verdict != "taken":
                late_s = (found.now_ms - due_ms) / SECOND_MS
                log.info("schedule.fired", schedule=schedule_id, verdict=verdict, about=more[:1], late_s=late_s)
        if len(found.due) > DUE_AT_ONCE:
            return 0
        return TICK_S if found.wait_ms is None else min(TICK_S, found.wait_ms / SECOND_MS)

    async def _remove_others(self) -> None:
        """Lines that are on the page no more: their kinds may be gone. A worker of an older version may have put one
        back since the last look; one that another installs still is let be."""
        names = {line.kind.name for line in self._lines}
        for schedule in await self._timetable.built_in():
            if schedule.id not in names:
                await self._timetable.retire(schedule, UNSEEN_S)

    async def _install(self) -> None:
        for line in self._lines:
            await self._timetable.install(line)
