"""The engine: the duties of one worker process, from start to stop.

Each duty is one small class with a `loop`. The claimer claims jobs and starts them, the finisher writes their outcomes,
the lease keeper renews the leases of running jobs from a thread of its own, the waker and the abort watch listen for
signals. Of the duties that every process has, the ticker fires schedules, the heartbeat shows that this worker is
alive, the memory watch looks how full Redis is, and the loop watch whether the event loop turns.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from tasks.kind import Kind
from tasks.queue.process_registry import ProcessRegistry
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from tasks.stopping import AGAIN_S, stop
from worker.application.application import ArqApplication
from worker.application.served_functions import ServedFunctions
from worker.attempts.exchange_writer import ExchangeWriter
from worker.attempts.queue_plan import QueuePlan
from worker.attempts.running import SERVICE, Reason, Running
from worker.duties.abort_watch import AbortWatch
from worker.duties.claimer import Claimer
from worker.duties.finisher import Finisher
from worker.duties.lease_keeper import LeaseKeeper
from worker.duties.process_duties import ProcessDuties
from worker.duties.served import Served, ServedKinds
from worker.duties.waker import Waker
from worker.executor import Executor
from worker.redis_health import REDIS_ERRORS, RedisHealth
from worker.resources import WorkerResources

log = structlog.get_logger()

LAST_CLAIM_S = 0.5
"""Seconds that a stopping worker waits for a claim under way; its jobs would otherwise wait for their leases to
expire."""
HAND_BACK_TRIES = 10
FLUSH_S = 1.5
"""Seconds that a stopping worker waits for Redis to accept its last outcomes, and as long again for the storage to take
what the last failed attempts have sent and received. Together with the grace period it stays
below the 30 s after which platforms kill a process."""


class Engine:
    """Runs the jobs of some queues until it is stopped.

    Args:
        resources: Redis, storage, sandbox and outbound HTTP, which stay the caller's to close.
        settings: The settings that jobs see.
        concurrency: How many jobs of each queue run at once; its keys are the queues. With `default` come the slots for
            the service's own work, unless SERVICE is given.
        kinds: The kinds by name.
        built_in: Schedules that come with the service.
        registry: Of this process; by default one that it has not joined yet.
        application: An ARQ application whose functions it runs instead of kinds; its queue is the one of `concurrency`.
        plan: By which its queues and slots follow what is set of queues; `concurrency` is where it begins.
    """

    def __init__(
        self,
        resources: WorkerResources,
        settings: Settings,
        *,
        concurrency: dict[str, int],
        kinds: Mapping[str, Kind[Any]],
        built_in: Sequence[BuiltInSchedule] = (),
        registry: ProcessRegistry | None = None,
        application: ArqApplication | None = None,
        plan: QueuePlan | None = None,
    ) -> None:
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._settings = settings
        redis = resources.redis
        wake_event = asyncio.Event()
        self.redis_health = redis_health = RedisHealth()
        service = {SERVICE: settings.service_concurrency} if "default" in concurrency else {}
        self._running = Running({**service, **concurrency}, wake_event)
        self._exchanges = ExchangeWriter(resources.storage)
        self._finisher = Finisher(redis, settings, self.worker_id, self._running, redis_health, self._exchanges)
        self._application = application
        if application is None:
            executor = Executor(
                resources,
                settings,
                self.worker_id,
                kinds,
                redis_health=redis_health,
                stop_requested=lambda job: self._running.reason(job) is not None,
            )
            served: Served = ServedKinds(redis, settings, kinds, executor)
        else:
            served = ServedFunctions(redis, settings, application, reason_of=self._running.reason, kinds=kinds)
        self._waker = Waker(redis, redis_health, wake_event)
        self._served = served
        self._claimer = Claimer(
            redis,
            settings,
            self.worker_id,
            served=served,
            running=self._running,
            finisher=self._finisher,
            waker=self._waker,
            redis_health=redis_health,
            wake_event=wake_event,
        )
        self._process_duties = ProcessDuties(
            resources,
            settings,
            kinds=kinds,
            built_in=built_in,
            worker_id=self.worker_id,
            running=self._running,
            redis_health=redis_health,
            registry=registry or ProcessRegistry(redis, settings),
            serves=None if application is None else application.beats,
            plan=plan,
        )
        self._lease_keeper = LeaseKeeper(
            redis,
            self.worker_id,
            self._running,
            redis_health,
            loop_watch=self._process_duties.loop_watch,
            stall_s=settings.loop_stall_s,
        )
        self._abort_watch = AbortWatch(redis, settings, self._running, redis_health)
        self.queues = self._running.queues
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()

    def stop(self, *, at_once: bool = False) -> None:
        """Claim nothing more, and let running jobs end within the grace period.

        Args:
            at_once: Hand them back without waiting.
        """
        if at_once:
            self._at_once.set()
        self._stop.set()

    async def run(self, *, burst: bool = False, most: int | None = None) -> None:
        """Work until `stop` is called.

        Args:
            burst: Stop by itself once the queues hold nothing that is due; with an application, nothing at all.
            most: Of a burst, how many attempts begin before it stops; None: any number.
        """
        await self._process_duties.learn_queues()
        log.info("worker.started", worker=self.worker_id, queues=self._running.queues)
        duties = (self._finisher, self._lease_keeper, self._abort_watch, self._waker)
        tasks = [asyncio.create_task(duty.loop(), name=type(duty).__name__) for duty in duties]
        tasks += self._process_duties.start()
        if self._application is not None:
            tasks += self._application.start(self.redis_health)
        claiming = asyncio.create_task(self._claimer.loop(), name="Claimer")
        ends = [asyncio.create_task(self._stop.wait()), asyncio.create_task(self._claimer.failed.wait())]
        if burst:
            self._running.wake_when_all_written = True
            self._running.starts_left = most
            ends.append(asyncio.create_task(self._claimer.exhausted.wait()))
        try:
            # A duty ends by itself only when it fails: then the worker stops as well, with the duty's error.
            done, _ = await asyncio.wait([claiming, *tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
            cancelled = [task.get_name() for task in done if task.cancelled()]
            self._claimer.stop()
            await asyncio.wait([claiming], timeout=LAST_CLAIM_S)
            await stop(claiming)
            await self._return_unread()
            await self._end_running()
        finally:
            await stop(claiming, *tasks, *ends)
            await self._exchanges.close(FLUSH_S)
        self._served.close()
        await self._process_duties.leave()
        log.info("worker.stopped", worker=self.worker_id)
        if self._claimer.failure is not None:
            raise self._claimer.failure
        for task in (claiming, *tasks):
            if not task.cancelled():
                task.result()
        if cancelled:
            raise RuntimeError(f"{', '.join(cancelled)} was cancelled, maybe by a function that cancels every task")

    async def _return_unread(self) -> None:
        try:
            async with asyncio.timeout(LAST_CLAIM_S):
                await self._claimer.return_unread()
        except REDIS_ERRORS as error:
            log.warning("worker.claim_unread", error=str(error), hint="its jobs run again when their leases expire")

    async def _end_running(self) -> None:
        """Wait for running jobs within the grace period, then hand back the rest without using up a try."""
        if not self._running.idle:
            log.info("worker.stopping", running=len(self._running.ids), grace_s=self._settings.shutdown_grace_s)
        idle = asyncio.create_task(self._running.until_idle())
        at_once = asyncio.create_task(self._at_once.wait())
        grace_s = self._settings.shutdown_grace_s
        await asyncio.wait([idle, at_once], timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        await self._hand_back(idle)
        await stop(idle, at_once)
        left = await self._finisher.flush(FLUSH_S)
        if left or not self._running.idle:
            hint = "they run again when their leases expire"
            log.error("worker.unwritten", outcomes=left, running=len(self._running.ids), hint=hint)

    async def _hand_back(self, idle: "asyncio.Task[None]") -> None:
        """Cancel what still runs, repeatedly: a function may lose a cancellation (see `tasks.stopping`)."""
        for _ in range(HAND_BACK_TRIES):
            for job_id in self._running.ids:
                self._running.cancel(job_id, Reason.HANDED_BACK)
            await asyncio.wait([idle], timeout=AGAIN_S)
            if idle.done():
                return
