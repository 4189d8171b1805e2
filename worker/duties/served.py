"""What a worker serves: how jobs that it claims are run, and which of those that ARQ's clients enqueued are its own."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks.kind import Kind, io_bound
from tasks.queue.application_keys import ARQ_WORKER, FUNCTIONS
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.foreign_job import read_foreign_job
from tasks.queue.lanes.caps import lane_caps
from tasks.queue.redis_keys import arq_queue
from tasks.queue.script import Script
from tasks.settings import Settings
from worker.attempts.outcome import Outcome
from worker.attempts.running import ClaimedJob
from worker.duties.waker import LISTEN_S
from worker.executor import Executor

LEFT_AT_MOST = 1000
"""Jobs of ARQ's clients that a worker remembers to leave to others: each claim names them."""
LEFT_S = 10.0
"""Seconds after which such a job is looked at again: the others may be gone."""


class Served(Protocol):
    """What a worker serves."""

    rules: Mapping[str, Any]
    """What of each claim depends on it: `lane_caps`, `io_bound`, and `functions` of an application."""
    look_s: float
    """Seconds after which its queues are looked at without a signal."""

    def left(self) -> dict[str, Any]:
        """The part of a claim that names jobs of ARQ's clients which are left to other workers."""
        ...

    async def adopt(self, job_id: str, queue: str, body: bytes | None, *, score: int) -> None:
        """Give a record to a job that an ARQ client enqueued, or leave it to the workers that have its function.

        Args:
            job_id: Its id.
            queue: The queue in whose keys it is.
            body: ARQ's body; None if it is gone.
            score: When it was due, in milliseconds since 1970.
        """
        ...

    async def has_later(self) -> bool:
        """Whether a burst is to wait for jobs whose time has not come. Asked when there are some in its queues."""
        ...

    async def attempt(self, job: ClaimedJob, began: float) -> Outcome:
        """Make one attempt at a job, as `Executor.attempt`."""
        ...

    def close(self) -> None:
        """Remove what attempts have left."""
        ...


class LeftJobs:
    """Jobs of ARQ's clients that a worker leaves to others: they stay in ARQ's keys, with the time that they were due.

    Args:
        redis: Connection.
    """

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._leave = Script(redis, "application/leave")
        self._until: dict[str, float] = {}

    def payload(self) -> dict[str, Any]:
        """What a claim says of them; nothing if there are none."""
        if not self._until:
            return {}
        now = time.monotonic()
        self._until = {job_id: until for job_id, until in self._until.items() if until > now}
        return {"left": dict.fromkeys(self._until, True)}

    async def leave(self, job_id: str, queue: str, score: int) -> None:
        """Give one back that a claim has taken out for a moment."""
        await self._leave({"queue": queue, "id": job_id, "score": score})
        if len(self._until) >= LEFT_AT_MOST:
            self._until.pop(next(iter(self._until)))
        self._until[job_id] = time.monotonic() + LEFT_S


class ServedKinds:
    """The kinds of a worker of the service itself.

    Args:
        redis: Connection.
        settings: The limits.
        kinds: The kinds by name.
        executor: Runs them.
    """

    look_s = LISTEN_S

    def __init__(
        self, redis: "Redis[bytes]", settings: Settings, kinds: Mapping[str, Kind[Any]], executor: Executor
    ) -> None:
        self.rules: Mapping[str, Any] = {**lane_caps(settings), "io_bound": io_bound(kinds)}
        self.attempt = executor.attempt
        self.close = executor.close
        self._redis = redis
        self._kinds = kinds
        self._enqueuer = Enqueuer(redis, settings)
        self._left = LeftJobs(redis)

    def left(self) -> dict[str, Any]:
        """As `Served`."""
        return self._left.payload()

    async def has_later(self) -> bool:
        """As `Served`: a burst runs what is due."""
        return False

    async def adopt(self, job_id: str, queue: str, body: bytes | None, *, score: int) -> None:
        """As `Served`. What no kind can run fails with a reason, unless an ARQ worker shares the queue."""
        if read_foreign_job(body).kind not in self._kinds and await self._is_shared(arq_queue(queue)):
            await self._left.leave(job_id, queue, score)
        else:
            await self._enqueuer.adopt(job_id, queue, body, self._kinds)

    async def _is_shared(self, zset: str) -> bool:
        """Whether workers of an ARQ application, or ARQ's own, serve this queue of ARQ too."""
        check = zset + health_check_key_suffix
        if await self._redis.exists(FUNCTIONS + zset, ARQ_WORKER + check):
            return True
        said = await self._redis.get(check)
        return said is not None and not said.startswith(b"{")  # ours write JSON there
