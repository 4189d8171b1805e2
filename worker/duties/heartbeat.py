"""Shows that this process is alive, which queues it serves, and what it runs."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any

import structlog
from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks import clock
from tasks.outbound.client import VERSION
from tasks.queue.application_keys import APPLICATION_MS
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.redis_keys import (
    APPLICATION,
    BEAT_MS,
    CLAIMED,
    QUEUE,
    SECOND_MS,
    WORKER,
    WORKER_MS,
    WORKER_RECORD_TTL_MS,
    WORKERS,
    arq_queue,
)
from tasks.queue.script import Script
from tasks.queue.watch.workers import MAX_RUNNING_JOBS, RunningJob, WorkerRecord
from tasks.settings import SYSTEM
from tasks.storage.protocol import Storage, StorageUnavailable
from worker.attempts.memory import measure
from worker.attempts.queue_plan import QueuePlan
from worker.attempts.running import Running
from worker.duties.loop_watch import LoopWatch
from worker.redis_health import RedisHealth
from worker.sandbox.isolation.parts import lacking_here

log = structlog.get_logger()

STORAGE_CHECK_S = 1.0
"""Seconds for which a beat waits to learn whether a storage that has failed works again."""


class Heartbeat:
    """Writes the worker's record every BEAT_MS, for `/v1/workers`, `/readyz` and `arq --check`.

    Args:
        redis: Connection.
        storage: Of which the record says whether it works.
        worker_id: Names the record.
        running: The jobs of this process.
        redis_health: Shared by the duties.
        registry: Of this process.
        loop_watch: Measures how late the event loop is.
        serves: What the beat says besides: `checks`, keys that `arq --check` reads, and the `functions` of an ARQ
            application.
        plan: The queues that it serves, where these may change: each beat looks which there are.
        max_queues: How many queues may be made.
    """

    def __init__(
        self,
        redis: "Redis[bytes]",
        storage: Storage,
        worker_id: str,
        running: Running,
        redis_health: RedisHealth,
        registry: ProcessRegistry,
        loop_watch: LoopWatch,
        serves: Mapping[str, Any] | None = None,
        plan: QueuePlan | None = None,
        *,
        max_queues: int,
    ) -> None:
        self._redis = redis
        self._storage = storage
        self._script = Script(redis, "run/beat")
        self._worker_id = worker_id
        self._running = running
        self._redis_health = redis_health
        self._registry = registry
        self._started_at = clock.now_ms()
        self._loop_watch = loop_watch
        self._serves = serves or {}
        self._plan = plan
        self._max_queues = max_queues
        self._refused: set[str] = set()
        self._sandbox_lacks = lacking_here()
        self._slots = Script(redis, "run/slots")

    async def loop(self) -> None:
        """Write the record at each beat, until cancelled."""
        while True:
            await self._redis_health.retry_until_up(self._beat)
            await asyncio.sleep(BEAT_MS / 1000)

    async def leave(self) -> None:
        """Remove the worker's record; without this it would be listed until its last beat is old."""
        await self._redis.delete(WORKER + self._worker_id, CLAIMED + self._worker_id)
        await self._redis.zrem(WORKERS, self._worker_id)
        for queue in self._running.queues:  # one that worked for less than a beat has never said until when it is kept
            if queue.startswith(APPLICATION):
                await self._redis.pexpire(QUEUE + queue, APPLICATION_MS)
        await self._registry.leave()

    async def _beat(self) -> None:
        now = clock.of_redis(await self._redis.time())
        record = (await self._record(now)).to_json()
        # A script, since a full Redis would refuse plain commands: it would look as if no worker lived.
        await self._script(
            {
                "worker": self._worker_id,
                "at": now,
                "record": record,
                "record_ms": WORKER_RECORD_TTL_MS,
                "checks": [arq_queue(queue) + health_check_key_suffix for queue in self._running.queues],
                "check_ms": WORKER_MS,
                **self._serves,
            }
        )
        await self.note_slots()
        await self._registry.beat(now)

    async def note_slots(self) -> None:
        """Say how many slots each queue has here, and learn which queues there are.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        payload = {"worker": self._worker_id, "slots": self._running.slots}
        # The queue of an ARQ application is made as one that is served by name is.
        named = self._plan.named if self._plan else [one for one in self._running.queues if one.startswith(APPLICATION)]
        if self._plan is None and not named:
            await self._slots(payload)
            return
        answer = await self._slots({**payload, "named": named, "max_queues": self._max_queues, "owner": SYSTEM})
        if self._plan is not None:
            self._running.serve(self._plan.slots(answer["queues"]))
        if refused := set(answer["refused"]) - self._refused:
            log.warning("worker.too_many_queues", queues=sorted(refused), hint="raise MAX_QUEUES, or name fewer queues")
            self._refused |= refused

    async def _record(self, now: int) -> WorkerRecord:
        memory = await asyncio.to_thread(measure)
        leases = sorted(self._running.leases.values(), key=lambda job: job.started_at)[:MAX_RUNNING_JOBS]
        return WorkerRecord(
            id=self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=VERSION,
            queues=tuple(self._running.queues),
            patterns=self._plan.patterns if self._plan else (),
            started_ms=self._started_at,
            beat_ms=now,
            running=len(self._running.ids),
            doing=tuple(RunningJob(job.id, job.kind, job.queue, job.attempt, job.started_at) for job in leases),
            rss_mb=memory.rss_mb,
            pss_mb=memory.pss_mb,
            lag_ms=round(self._loop_watch.take_worst_s() * 1000, 1),
            storage_away_ms=await self._storage_away_ms(),
            sandbox_lacks=self._sandbox_lacks,
        )

    async def _storage_away_ms(self) -> int | None:
        """Since when the storage has failed. It is asked again: maybe no job is left that would notice its return."""
        if self._storage.away_since is not None:
            with contextlib.suppress(StorageUnavailable, TimeoutError):
                async with asyncio.timeout(STORAGE_CHECK_S):
                    await self._storage.check()
        since = self._storage.away_since
        return None if since is None else int(since * SECOND_MS)
