"""The duties of every process that runs jobs, whether the engine gives it jobs or ARQ's own worker does."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from tasks.kind import Kind, counted
from tasks.queue.memory import MemoryWatch
from tasks.queue.process_registry import ProcessRegistry
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from worker.attempts.queue_plan import QueuePlan
from worker.attempts.running import Running
from worker.duties.heartbeat import Heartbeat
from worker.duties.loop_watch import LoopWatch
from worker.duties.ticker import Ticker
from worker.redis_health import REDIS_ERRORS, RedisHealth
from worker.resources import WorkerResources

log = structlog.get_logger()

LEAVE_S = 0.5
"""Seconds for removing the worker's record; without that it disappears when its last heartbeat is old."""


class ProcessDuties:
    """The heartbeat, the ticker, the memory watch and the loop watch of one process.

    Args:
        resources: Redis and storage.
        settings: Of the process.
        kinds: The kinds by name.
        built_in: Schedules that come with the service.
        worker_id: Names the worker.
        running: The jobs of this process.
        redis_health: Shared by the duties.
        registry: Of this process.
        serves: What the heartbeat says besides.
        plan: The queues that the process serves, where these may change.
    """

    def __init__(
        self,
        resources: WorkerResources,
        settings: Settings,
        *,
        kinds: Mapping[str, Kind[Any]],
        built_in: Sequence[BuiltInSchedule],
        worker_id: str,
        running: Running,
        redis_health: RedisHealth,
        registry: ProcessRegistry,
        serves: Mapping[str, Any] | None = None,
        plan: QueuePlan | None = None,
    ) -> None:
        redis = resources.redis
        self.loop_watch = LoopWatch()
        self.ticker = Ticker(redis, settings, built_in, redis_health, counted(kinds))
        self._heartbeat = Heartbeat(
            redis,
            resources.storage,
            worker_id,
            running,
            redis_health,
            registry,
            self.loop_watch,
            serves,
            plan,
            max_queues=settings.max_queues,
        )
        self._memory_watch = MemoryWatch(redis, settings)

    async def learn_queues(self) -> None:
        """Learn which queues there are, before the first job is claimed. Without Redis the first beat does."""
        with contextlib.suppress(*REDIS_ERRORS):
            await self._heartbeat.note_slots()

    def start(self) -> list["asyncio.Task[None]"]:
        """Start them. Each ends by itself only when it fails."""
        duties = (self.loop_watch, self._heartbeat, self.ticker, self._memory_watch)
        return [asyncio.create_task(duty.loop(), name=type(duty).__name__) for duty in duties]

    async def leave(self) -> None:
        """Remove the worker's record, if Redis answers."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._heartbeat.leave()
        except REDIS_ERRORS as error:
            log.warning("worker.left_silently", error=str(error))
