"""Asks Redis for work whenever this process could start some."""

import asyncio
import contextlib

import structlog
from redis.asyncio import Redis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.redis_keys import QUARANTINE_MS
from tasks.queue.script import Script
from tasks.settings import Settings
from worker.attempts.runner import Runner
from worker.attempts.running import Claimed, Running
from worker.duties.waker import LISTEN_S, Waker
from worker.redis_health import REDIS_ERRORS, RedisHealth

log = structlog.get_logger()

CLAIM_AT_MOST = 128
"""Jobs of one queue in one claim, so that no script holds Redis for more than a few milliseconds."""


DRAIN_S = QUARANTINE_MS / 3000
"""Between two words of a worker that empties itself to run a suspect."""


class Claimer:
    """Claims what can start now, for all queues in one round trip, and hands it to the runner.

    It asks again when a slot is free, a wake signal is heard, a timer is due, or a second has passed.
    """

    def __init__(
        self,
        redis: "Redis[bytes]",
        settings: Settings,
        worker_id: str,
        *,
        running: Running,
        runner: Runner,
        waker: Waker,
        redis_health: RedisHealth,
        wake_event: asyncio.Event,
    ) -> None:
        self._claim = Script(redis, "run/claim")
        self._enqueuer = Enqueuer(redis, settings)
        self._worker_id = worker_id
        self._caps = {
            "lane_cap": settings.owner_max_running,
            "receiver_cap": settings.endpoint_max_in_flight,
            "owner_cap": settings.owner_max_deliveries,
        }
        self._keep = keep_ms(settings)
        self._running = running
        self._runner = runner
        self._waker = waker
        self._redis_health = redis_health
        self._wake_event = wake_event
        self._stopping = False
        self.exhausted = asyncio.Event()
        """Set when a claim found nothing to start and nothing was running: the queues are empty, but for what is not
        due."""

    def stop(self) -> None:
        """Claim nothing more. A claim under way is let finish: its jobs would be without a worker until their leases
        lapse."""
        self._stopping = True
        self._wake_event.set()

    async def loop(self) -> None:
        while not self._stopping:
            await self._redis_health.renewed.wait()
            try:
                await self._claim_once()
            except REDIS_ERRORS as error:
                self._redis_health.mark_down(error)

    async def _claim_once(self) -> None:
        self._wake_event.clear()
        self._waker.heard = False
        if self._stopping:
            return
        free = {queue: min(slots, CLAIM_AT_MOST) for queue, slots in self._running.free().items()}
        quiet = self._running.quiet
        jobs, foreign_jobs, wait_ms, mode, now = await self._claim(
            {
                "worker": self._worker_id,
                "idle": quiet,
                "queues": list(free.items()),
                **self._caps,
                "keep": self._keep,
            }
        )
        for job_id, queue, kind, owner, params, attempt, tries, created_at, request_id, *trace in jobs:
            free[queue] -= 1
            ids = request_id or None, *(one or None for one in trace)
            self._runner.start(Claimed(job_id, queue, kind, owner, params, attempt, tries, created_at, now, *ids))
        for job_id, queue, body in foreign_jobs:
            await self._enqueuer.adopt(job_id, queue, body.encode(errors="surrogateescape"))
        if mode == "alone":
            await self._until_quiet(None)
        elif mode == "drain":
            await self._until_quiet(DRAIN_S)
        elif not foreign_jobs:
            if quiet and not jobs:
                self.exhausted.set()
            # A queue that gave fewer than it could has no more: listen for its signals. One that is full waits for a
            # slot.
            full = [queue for queue, left in free.items() if left == 0]
            seconds = LISTEN_S if wait_ms < 0 else min(LISTEN_S, wait_ms / 1000)
            await self._rest(awaited=full, listen=[queue for queue in free if queue not in full], seconds=seconds)

    async def _until_quiet(self, seconds: float | None) -> None:
        """A suspect runs alone: claim nothing before it has ended, and nothing more before it can begin.

        seconds: after this long ask again, lest the quarantine lapses and another worker runs empty as well.
        """
        await self._waker.aim([])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._running.until_quiet()

    async def _rest(self, *, awaited: list[str], listen: list[str], seconds: float) -> None:
        """Until one of the awaited queues has room, a signal is heard, or time is up."""
        self._running.await_room(awaited)
        await self._waker.aim(listen)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # The bell may have rung for room that has been filled since: to ask then would be a trip for nothing.
                while not (self._stopping or self._waker.heard or self._has_room(awaited)):
                    await self._wake_event.wait()
                    self._wake_event.clear()

    def _has_room(self, queues: list[str]) -> bool:
        free = self._running.free()
        return any(free[queue] for queue in queues)
