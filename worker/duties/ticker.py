"""Fires the schedules that are due. Every worker tries; a script in Redis lets one of them succeed."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import structlog
from redis.asyncio import Redis

from tasks.queue.redis_keys import SECOND_MS
from tasks.schedule.scheduler import DUE_AT_ONCE, Due, Scheduler
from tasks.schedule.store import BuiltInSchedule, ScheduleStore
from tasks.settings import Settings
from worker.redis_health import RedisHealth

log = structlog.get_logger()

TICK_S = 1.0
"""Seconds between two looks, unless a schedule is due sooner."""
INSTALL_S = 60.0
"""Seconds after which the built-in schedules are installed again, in case Redis has lost them."""
UNSEEN_S = 3 * INSTALL_S
"""Seconds after which a built-in schedule that no worker has installed is removed."""


class Ticker:
    """Keeps the built-in schedules installed, and fires what is due every second.

    Args:
        redis: Connection.
        settings: Limits of queues and schedules.
        built_in: Schedules that come with the service.
        redis_health: Shared by the duties.
        kinds: As of `Enqueuer`.
    """

    def __init__(
        self,
        redis: "Redis[bytes]",
        settings: Settings,
        built_in: Sequence[BuiltInSchedule],
        redis_health: RedisHealth,
        kinds: Iterable[str] = (),
    ) -> None:
        self._schedule_store = ScheduleStore(redis, settings)
        self._scheduler = Scheduler(redis, settings, kinds)
        self._built_in = built_in
        self._redis_health = redis_health

    async def loop(self) -> None:
        """Install and fire schedules until cancelled."""
        install_at = 0.0
        while True:
            if time.monotonic() >= install_at:
                await self._redis_health.retry_until_up(self._retire_others)
                await self._redis_health.retry_until_up(self._install)
                install_at = time.monotonic() + INSTALL_S
            pause_s = await self._redis_health.retry_until_up(self.tick)
            await asyncio.sleep(pause_s)

    async def tick(self) -> float:
        """Fire what is due. Returns the seconds after which to look again."""
        found = await self._scheduler.find_due()
        if found.due:
            async with self._scheduler.turn() as is_ours:
                if not is_ours:
                    return TICK_S
                await self._fire(found)
        if len(found.due) > DUE_AT_ONCE:
            return 0
        return TICK_S if found.wait_ms is None else min(TICK_S, found.wait_ms / SECOND_MS)

    async def _fire(self, found: Due) -> None:
        for schedule_id, due_ms in found.due:
            fired = await self._scheduler.fire(schedule_id, due_ms, found.now_ms)
            if fired.answer != "taken":
                late_s = (found.now_ms - due_ms) / SECOND_MS
                log.info(
                    "schedule.fired", schedule=schedule_id, verdict=fired.answer, about=fired.detail, late_s=late_s
                )

    async def _retire_others(self) -> None:
        """Remove built-in schedules that this version does not have, unless another worker still installs them."""
        names = {schedule.kind.name for schedule in self._built_in}
        for schedule in await self._schedule_store.built_in():
            if schedule.id not in names:
                await self._schedule_store.retire(schedule, UNSEEN_S)

    async def _install(self) -> None:
        for schedule in self._built_in:
            await self._schedule_store.install(schedule)
