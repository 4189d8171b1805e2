"""An ARQ application in this process: its connection, its hooks, its cron jobs."""

import asyncio
import contextlib
from datetime import datetime
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.constants import health_check_key_suffix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms, to_unix_ms

from tasks.queue.application_keys import FUNCTIONS
from tasks.queue.redis_keys import APPLICATION
from tasks.queue.script import Script
from worker.application.watch import JobWatch
from worker.application.worker_settings import ApplicationSettings, call_hook, local_timezone
from worker.redis_health import REDIS_ERRORS, RedisHealth

log = structlog.get_logger()

LONGEST_SLEEP_S = 60.0
"""Seconds after which the clock is read again: it may have been set."""
AFTER_S = 5.0
"""Seconds that a stopping process waits for `after_job_end` of its last jobs."""


class WakingRedis(ArqRedis):
    """The `ctx['redis']` of an application: ARQ's client, whose jobs wake an idle worker at once."""

    async def enqueue_job(self, function: str, *args: Any, _queue_name: str | None = None, **kwargs: Any) -> Any:
        """Enqueue a job, as ARQ's."""
        job = await super().enqueue_job(function, *args, _queue_name=_queue_name, **kwargs)
        if job is not None:
            # It is enqueued, whatever happens to the signal: a caller that saw an error would enqueue it again.
            with contextlib.suppress(*REDIS_ERRORS):
                await Script(self, "run/wake")({"queue": APPLICATION + (_queue_name or self.default_queue_name)})
        return job


class ArqApplication:
    """An ARQ application whose functions this process runs.

    Args:
        settings: What its functions are, and how they run.
        redis: A connection for it, which stays the caller's to close.
        watch: Notes each try.
        ctx: The `ctx` of its functions and hooks, which gets the connection as `redis`.
    """

    def __init__(
        self,
        settings: ApplicationSettings,
        redis: ArqRedis,
        *,
        watch: JobWatch,
        ctx: dict[Any, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.watch = watch
        # A class of the application's own has methods that its functions call.
        self.redis = redis if type(redis) is not ArqRedis else self._waking(redis)
        self.ctx = {} if ctx is None else ctx
        self.ctx["redis"] = self.redis
        self._after: set[asyncio.Task[None]] = set()
        self._timezone = settings.timezone or local_timezone()

    def _waking(self, redis: ArqRedis) -> WakingRedis:
        return WakingRedis(
            redis.connection_pool,
            job_serializer=self.settings.job_serializer,
            job_deserializer=self.settings.job_deserializer,
            default_queue_name=self.settings.queue_name,
            expires_extra_ms=self.settings.expires_extra_ms,
        )

    @property
    def beats(self) -> dict[str, Any]:
        """What the heartbeat of this process says of the application."""
        names = sorted(self.settings.functions)
        key = FUNCTIONS + self.settings.queue_name
        checks = [self.settings.health_check_key or self.settings.queue_name + health_check_key_suffix]
        return {"functions": {"queue": self.settings.queue, "key": key, "names": names}, "checks": checks}

    def start(self, redis_health: RedisHealth) -> list["asyncio.Task[None]"]:
        """Start its cron jobs. Returns the task, which ends by itself only when it fails."""
        if not self.settings.cron_jobs:
            return []
        return [asyncio.create_task(self._cron_loop(redis_health), name="ArqCron")]

    async def end(self) -> None:
        """Wait for the `after_job_end` of the last jobs."""
        if self._after:
            await asyncio.wait(self._after, timeout=AFTER_S)

    def after(self, ctx: dict[Any, Any], written: asyncio.Event) -> None:
        """Run `after_job_end` once the outcome of an attempt is written."""
        if self.settings.after_job_end is not None:
            task = asyncio.create_task(self._after_job_end(ctx, written))
            self._after.add(task)
            task.add_done_callback(self._after.discard)

    async def _after_job_end(self, ctx: dict[Any, Any], written: asyncio.Event) -> None:
        await written.wait()
        try:
            await call_hook(self.settings.after_job_end, ctx)
        except Exception:
            log.exception("arq.hook_failed", hook="after_job_end", job=ctx["job_id"])

    async def _cron_loop(self, redis_health: RedisHealth) -> None:
        jobs = self.settings.cron_jobs
        while True:
            await redis_health.retry_until_up(self.enqueue_due)
            now = datetime.now(tz=self._timezone)
            waits = [(job.next_run - now).total_seconds() for job in jobs if job.next_run is not None]
            await asyncio.sleep(min([LONGEST_SLEEP_S, *(max(wait, 0.0) for wait in waits)]))

    async def enqueue_due(self, now: datetime | None = None) -> None:
        """Enqueue the cron jobs whose time has come.

        Args:
            now: The time; by default that of the clock.
        """
        now = now or datetime.now(tz=self._timezone)
        for job in self.settings.cron_jobs:
            if job.next_run is None and job.run_at_startup:
                job.next_run = now
            elif job.next_run is None:
                job.calculate_next(now)
            if job.next_run is not None and job.next_run <= now:
                job_id = job.job_id or (f"{job.name}:{to_unix_ms(job.next_run)}" if job.unique else None)
                await self._tick(job.name, job_id)
                # Of times that passed meanwhile, such as while the machine slept, the last one alone counts.
                job.calculate_next(datetime.now(tz=self._timezone))

    async def _tick(self, name: str, job_id: str | None) -> None:
        """Enqueue a run, unless another worker has. An id that begins with the name stands for the time."""
        if job_id is not None and job_id.startswith(f"{name}:"):
            await self._enqueue_once(name, job_id)
        else:
            with contextlib.suppress(RuntimeError):
                await self.redis.enqueue_job(name, _job_id=job_id)

    async def _enqueue_once(self, name: str, job_id: str) -> None:
        now = timestamp_ms()
        body = serialize_job(name, (), {}, None, now, serializer=self.redis.job_serializer)
        call = {"id": job_id, "queue": self.settings.queue, "body": body, "body_ms": self.redis.expires_extra_ms}
        await Script(self.redis, "run/cron_call")(call)
