"""Fires the schedules whose time has come. Every worker does; Redis lets one of them through."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis

from tasks.queue.redis_keys import SECOND_MS
from tasks.schedule.scheduler import DUE_AT_ONCE, Scheduler
from tasks.schedule.store import BuiltInSchedule, ScheduleStore
from tasks.settings import Settings
from worker.redis_health import RedisHealth

log = structlog.get_logger()

TICK_S = 1.0
"""Between two looks, unless something is due before."""
INSTALL_S = 60.0
"""Between two times at which the lines are installed, in case Redis has forgotten them."""
UNSEEN_S = 3 * INSTALL_S
"""A line that no worker has installed for so long is on nobody's page any more."""


class Ticker:
    """Keeps the lines of the page installed, and looks at the timetable every second."""

    def __init__(
        self, redis: "Redis[bytes]", settings: Settings, built_in: Sequence[BuiltInSchedule], redis_health: RedisHealth
    ) -> None:
        self._schedule_store = ScheduleStore(redis, settings)
        self._scheduler = Scheduler(redis, settings)
        self._built_in = built_in
        self._redis_health = redis_health

    async def loop(self) -> None:
        install_at = 0.0
        while True:
            if time.monotonic() >= install_at:
                await self._redis_health.retry_until_up(self._remove_others)
                await self._redis_health.retry_until_up(self._install)
                install_at = time.monotonic() + INSTALL_S
            pause_s = await self._redis_health.retry_until_up(self.tick)
            await asyncio.sleep(pause_s)

    async def tick(self) -> float:
        """Fire what is due. The seconds after which to look again."""
        found = await self._scheduler.look()
        for schedule_id, due_ms in found.due:
            verdict, *more = await self._scheduler.fire(schedule_id, due_ms, found.now_ms)
            if verdict != "taken":
                late_s = (found.now_ms - due_ms) / SECOND_MS
                log.info("schedule.fired", schedule=schedule_id, verdict=verdict, about=more[:1], late_s=late_s)
        if len(found.due) > DUE_AT_ONCE:
            return 0
        return TICK_S if found.wait_ms is None else min(TICK_S, found.wait_ms / SECOND_MS)

    async def _remove_others(self) -> None:
        """Lines that are on the page no more: their kinds may be gone. A worker of an older version may have put one
        back since the last look; one that another installs still is let be."""
        names = {line.kind.name for line in self._built_in}
        for schedule in await self._schedule_store.built_in():
            if schedule.id not in names:
                await self._schedule_store.retire(schedule, UNSEEN_S)

    async def _install(self) -> None:
        for line in self._built_in:
            await self._schedule_store.install(line)
