"""Renews the leases of this process's running jobs, from a thread of its own.

A function that holds up the event loop is no reason for leases to lapse: its job, and those beside it, would run a
second time elsewhere. So the thread has an event loop and a connection of its own.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect_again
from tasks.queue.redis_keys import RENEW_MS
from tasks.queue.script import Script
from worker.attempts.running import Reason, Running
from worker.duties.loop_monitor import LoopMonitor
from worker.duties.loop_watch import LoopWatch
from worker.redis_health import RedisHealth, retry

log = structlog.get_logger()

ANSWER_TIMEOUT_S = 4.0
"""Seconds that a renewal may take: a connection that was dropped silently is found out before the leases lapse."""
START_S = 5.0
JOIN_S = 0.5
"""Seconds that a stopping worker waits for the thread, which may wait for Redis."""


class LeaseKeeper:
    """Renews all leases every RENEW_MS in one round trip, and at once when that is wanted.

    Args:
        redis: The client to whose server the thread opens one connection of its own.
        worker_id: The worker that holds the leases.
        running: The jobs of this process.
        redis_health: Shared by the duties.
        loop_watch: Counts the turns of the main loop.
        stall_s: Seconds that the main loop may stand still; then the process ends, and its leases lapse.
    """

    def __init__(
        self,
        redis: ArqRedis,
        worker_id: str,
        running: Running,
        redis_health: RedisHealth,
        *,
        loop_watch: LoopWatch,
        stall_s: float,
    ) -> None:
        self._redis = redis
        self._worker_id = worker_id
        self._running = running
        self._redis_health = redis_health
        self._loop_watch = loop_watch
        self._stall_s = stall_s
        self._error: BaseException | None = None

    async def loop(self) -> None:
        """Run the thread until cancelled, and tell it when a renewal is wanted."""
        self._main_loop = asyncio.get_running_loop()
        monitor = LoopMonitor(self._loop_watch, self._running, self._stall_s)
        thread = _LoopThread(lambda wanted: self._renew_until_cancelled(monitor, wanted), self._failed)
        try:
            thread.start()
            while self._error is None:
                await self._redis_health.renewal_wanted.wait()
                self._redis_health.renewal_wanted.clear()
                thread.wake()
            raise self._error
        finally:
            monitor.stop()
            thread.stop()

    # In the thread

    async def _renew_until_cancelled(self, monitor: LoopMonitor, wanted: asyncio.Event) -> None:
        redis = connect_again(self._redis, max_connections=1, answer_timeout_s=ANSWER_TIMEOUT_S)
        renew = Script(redis, "run/renew")
        watching = asyncio.create_task(monitor.loop())
        try:
            while True:
                # The first one, of nothing, takes the connection while there is a place for it.
                await self._renew_all(renew)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RENEW_MS / 1000):
                        await wanted.wait()
                wanted.clear()
        finally:
            watching.cancel()
            await close(redis)

    async def _renew_all(self, renew: Script) -> None:
        answer = await retry(lambda: renew(self._held()), lambda error: self._tell(self._redis_health.mark_down, error))
        self._tell(self._renewed, answer)

    def _held(self) -> dict[str, Any]:
        """What this worker holds now."""
        # The claim first: its jobs may become leases at any moment.
        unread_claim = self._running.unread_claim
        leases = [
            {"id": job.id, "queue": job.queue, "attempt": job.attempt} for job in list(self._running.leases.values())
        ]
        return {"worker": self._worker_id, "leases": leases, "unread_claim": unread_claim}

    def _failed(self, error: BaseException) -> None:
        self._error = error
        self._tell(self._redis_health.renewal_wanted.set)

    def _tell(self, call: Callable[..., None], *args: Any) -> None:
        """Call a function in the main loop, once that turns."""
        with contextlib.suppress(RuntimeError):  # it is closed
            self._main_loop.call_soon_threadsafe(call, *args)

    # In the main loop

    def _renewed(self, answer: dict[str, Any]) -> None:
        for job_id, attempt in answer["lost"]:
            job = self._running.leases.get((job_id, attempt))
            # One that has ended meanwhile is the finisher's, which is told by the fence whether it was lost.
            if job is not None and self._running.runs(job):
                if self._running.reason(job) is None:
                    log.warning("job.lost", hint="its lease lapsed, and it was given to another worker", **job.facts)
                self._running.cancel(job_id, Reason.LOST, attempt=attempt)
        self._redis_health.mark_up(answer["now"])


class _LoopThread:
    """A thread with an event loop that runs one coroutine.

    Args:
        main: The coroutine function; its event is set by `wake`.
        failed: Called in the thread if the coroutine raises.
    """

    def __init__(
        self, main: Callable[[asyncio.Event], Coroutine[Any, Any, None]], failed: Callable[[BaseException], None]
    ) -> None:
        self._main = main
        self._failed = failed
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._ready = threading.Event()

    def start(self) -> None:
        """Start the thread, and wait until it can be woken and stopped.

        Raises:
            TimeoutError: The machine did not start it within START_S seconds.
        """
        self._thread.start()
        if not self._ready.wait(START_S):
            raise TimeoutError(f"the thread that renews leases did not start within {START_S:g} seconds")

    def wake(self) -> None:
        """Set the event of the coroutine."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._wanted.set)

    def stop(self) -> None:
        """Cancel the coroutine, and wait a moment for the thread. It does not keep the process from ending."""
        if not self._ready.is_set():
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._main_task.cancel)
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._run_main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # the process must not go on without renewals
            self._failed(error)

    async def _run_main(self) -> None:
        self._loop, self._wanted = asyncio.get_running_loop(), asyncio.Event()
        self._main_task = asyncio.create_task(self._main(self._wanted))
        self._ready.set()
        await self._main_task
