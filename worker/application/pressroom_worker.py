"""`PressroomWorker`: takes the place of `arq.worker.Worker` in an application, with the same arguments and methods."""

import asyncio
import contextlib
import inspect
import sys
from datetime import datetime
from signal import SIGINT, SIGTERM, SIGUSR1, Signals
from typing import Any, NoReturn

import structlog
from arq.worker import Worker, logger

from tasks.catalogue import load_kinds
from tasks.queue.connect import close
from tasks.queue.process_registry import ProcessRegistry
from tasks.schedule.built_in import BUILT_IN
from tasks.settings import Settings, load
from worker.application.application import ArqApplication
from worker.application.connection import check_same_redis, with_redis_of
from worker.application.watch import JobWatch
from worker.application.worker_settings import ApplicationSettings, call_hook
from worker.engine import Engine
from worker.resources import WorkerResources, open_resources
from worker.start import start


class PressroomWorker(Worker):
    """Runs the functions of an ARQ application on Pressroom's engine.

    It takes what `arq.worker.Worker` takes, and is run as that is: `run`, `async_run`, `main`, `run_check`, `close`;
    `arq.worker.create_worker` and the `arq` command use it where `arq.worker.Worker` is it.

    Args:
        settings: Of a process that is Pressroom's own. Without, they are read from the environment.
    """

    __signature__ = inspect.signature(Worker)  # by it ARQ reads the arguments from a settings class

    def __init__(self, *args: Any, settings: Settings | None = None, **options: Any) -> None:
        self._is_guest = settings is None
        self._settings = settings or _settings_of_guest()
        self._kinds = load_kinds(self._settings)
        self._given_redis = options.get("redis_settings"), options.get("redis_pool")
        self._resources: WorkerResources | None = None
        self._engine: Engine | None = None
        self._application: ArqApplication | None = None
        self._is_stopping = False
        self._stopped = asyncio.Event()
        self._stopped.set()
        super().__init__(*args, **options)
        self._watch = JobWatch(self, log_results=self.log_results)
        self.tasks = self._watch.tasks

    async def main(self) -> None:
        """Run jobs until stopped, or until a burst is over.

        Raises:
            ValueError: A setting cannot work.
            StartRefusedError: Redis or the storage will not do.
        """
        settings = self._settings
        if self._job_completion_wait > 0:
            settings = settings.model_copy(update={"shutdown_grace_s": float(self._job_completion_wait)})
        redis_settings, pool = self._given_redis
        settings = with_redis_of(settings, redis_settings, pool)
        resources = self._resources = self._resources or open_resources(settings, self._kinds)
        options = ApplicationSettings.of(self)
        concurrency = {options.queue: self.max_jobs}
        registry = ProcessRegistry(resources.redis, settings)
        names = sorted(self.functions)
        await start(resources, registry, settings, concurrency=concurrency, kinds=names, is_guest=self._is_guest)
        await check_same_redis(resources.redis, redis_settings, pool)
        self._application = ArqApplication(options, pool or resources.redis, ctx=self.ctx, watch=self._watch)
        self._pool = pool or self._application.redis
        logger.info("Starting worker for %d functions: %s", len(self.functions), ", ".join(self.functions))
        await self.record_health()
        await call_hook(self.on_startup, self.ctx)
        await self.run_cron(datetime.now(tz=self.timezone), 0)
        engine = Engine(
            resources,
            settings,
            concurrency=concurrency,
            kinds=self._kinds,
            built_in=BUILT_IN,
            registry=registry,
            application=self._application,
        )
        await self._run(engine)

    async def _run(self, engine: Engine) -> None:
        """Run the engine. A cancellation stops it, and is raised once it has stopped."""
        most = self.max_burst_jobs - self._jobs_started() if self.burst and self.max_burst_jobs >= 0 else None
        running = asyncio.create_task(engine.run(burst=self.burst, most=None if most is None else max(most, 0)))
        running.add_done_callback(lambda _: self._stopped.set())
        self._engine = engine
        self._stopped.clear()
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            engine.stop(at_once=True)
            await asyncio.wait([running])
            raise
        finally:
            self._engine = None
            if self._application is not None:
                await self._application.end()

    async def run_cron(self, n: datetime, delay: float, num_windows: int = 2) -> None:
        """Enqueue the cron jobs that are due."""
        del delay, num_windows  # the times that are near are waited for
        if self._application is not None:
            await self._application.enqueue_due(n)

    async def record_health(self) -> None:
        """Log what was done, if that has changed. The engine writes the key that health checks read."""
        going = sum(not task.done() for task in self.tasks.values())
        queued = await self.pool.zcard(self.queue_name)
        said = (
            f"j_complete={self.jobs_complete} j_failed={self.jobs_failed} j_retried={self.jobs_retried} "
            f"j_ongoing={going} queued={queued}"
        )
        if self._last_health_check_log not in (None, said):
            logger.info("recording health: %s", said)
        self._last_health_check_log = said

    def handle_sig(self, signum: Signals) -> None:
        """Stop as `SHUTDOWN_GRACE_S` says; at once for a SIGINT after another signal, and for others than SIGTERM.

        Another SIGTERM changes nothing: platforms send several.
        """
        if self._engine is None:
            super().handle_sig(signum)
            return
        at_once = signum not in (SIGTERM, SIGINT) or (self._is_stopping and signum == SIGINT)
        self._is_stopping = True
        self.allow_pick_jobs = False
        self._engine.stop(at_once=at_once)
        if self.on_stop is not None:
            self.on_stop(signum)

    def handle_sig_wait_for_completion(self, signum: Signals) -> None:
        """Stop once the running jobs have ended, or after `job_completion_wait`."""
        if self._engine is None or self._is_stopping:
            self.handle_sig(signum)
            return
        self._is_stopping = True
        self._engine.stop()
        super().handle_sig_wait_for_completion(signum)

    async def _wait_for_tasks_to_complete(self, signum: Signals) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._sleep_until_tasks_complete(), self._job_completion_wait)
        said = "shutdown on %s, wait complete ◆ %d jobs complete ◆ %d failed ◆ %d retries ◆ %d ongoing to cancel"
        going = sum(not task.done() for task in self.tasks.values())
        logger.info(said, signum.name, self.jobs_complete, self.jobs_failed, self.jobs_retried, going)
        if self._engine is not None:
            self._engine.stop(at_once=True)
        if self.on_stop is not None:
            self.on_stop(signum)

    async def close(self) -> None:
        """Stop, run `on_shutdown`, and close the connections."""
        if self._engine is not None:
            self._engine.stop(at_once=True)
        await self._stopped.wait()
        if not self._handle_signals:
            self.handle_sig(SIGUSR1)
        try:
            if self._pool is not None:
                await self.pool.delete(self.health_check_key)
                await call_hook(self.on_shutdown, self.ctx)
        finally:
            await self._close_connections()
        self._is_stopping, self.allow_pick_jobs = False, True

    async def _close_connections(self) -> None:
        if self._pool is not None:
            await close(self.pool)
            self._pool = None
        if self._resources is not None:
            await self._resources.close()
            self._resources = None

    async def _poll_iteration(self) -> NoReturn:
        raise NotImplementedError(ENGINE_CLAIMS)

    async def start_jobs(self, job_ids: list[bytes]) -> NoReturn:
        """Not here: the engine claims jobs."""
        raise NotImplementedError(ENGINE_CLAIMS)

    async def run_job(self, job_id: str, score: int) -> NoReturn:
        """Not here: the engine runs jobs."""
        raise NotImplementedError(ENGINE_CLAIMS)


ENGINE_CLAIMS = "PressroomWorker claims and runs jobs by itself, while run(), async_run(), main() or run_check() runs."


def _settings_of_guest() -> Settings:
    """The settings of a process that is another program's, whose log is its own: ours adds what went wrong."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger("warning"),
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # which a program may replace meanwhile
        )
    return load()
