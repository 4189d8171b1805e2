"""What this process has in hand: jobs that run, and leases that it holds until their end is written down."""

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tasks.telemetry.tracing import trace_id_of

UNWRITTEN_AT_MOST = 2_000
"""Ended jobs whose end is not written yet, beyond which nothing more is claimed."""


class Reason(Enum):
    """Why a running job's task is cancelled."""

    CANCELLED = "cancelled"
    """Somebody asked for it."""
    HANDED_BACK = "handed_back"
    """This process stops; another will run the job."""
    LOST = "lost"
    """Another worker holds the job now; nothing we say about it counts."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job as `claim.lua` hands it over. Times are milliseconds since 1970; `attempt` and the worker's id are the
    fence."""

    id: str
    queue: str
    kind: str
    owner: str
    params: str
    attempt: int
    tries: int
    created_at: int
    started_at: int
    request_id: str | None
    traceparent: str | None = None
    tracestate: str | None = None

    @property
    def facts(self) -> dict[str, str | int]:
        """What a log line says of it."""
        facts: dict[str, str | int] = {"job": self.id, "kind": self.kind, "owner": self.owner, "attempt": self.attempt}
        if self.request_id:
            facts["request_id"] = self.request_id
        if self.traceparent:
            facts["trace_id"] = trace_id_of(self.traceparent)
        return facts


class Running:
    """Slots by queue, tasks by job, and the leases.

    A slot is free as soon as its job's function is over; the lease is held on until Redis has taken note, so that no
    other worker
    runs a job whose end is only waiting to be written.
    """

    def __init__(self, concurrency: dict[str, int], wake_event: asyncio.Event) -> None:
        self._concurrency = concurrency
        self._busy: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._reasons: dict[str, Reason] = {}
        self._awaited: Collection[str] = ()
        self._wake_event = wake_event
        self._released = asyncio.Event()
        self.leases: dict[str, Claimed] = {}
        self.ring_when_quiet = False
        """Whether the bell rings as well when nothing is left in hand: a burst may be over then."""

    @property
    def idle(self) -> bool:
        return not self._tasks

    @property
    def quiet(self) -> bool:
        """Nothing runs, and every end is written: whatever kills this process now is nobody else's fault."""
        return not self.leases

    @property
    def queues(self) -> list[str]:
        return list(self._concurrency)

    @property
    def ids(self) -> list[str]:
        return list(self._tasks)

    def free(self) -> dict[str, int]:
        """Queue → jobs that could start now. None while too many ends wait to be written: Redis is slower than we
        are."""
        if len(self.leases) - len(self._tasks) >= UNWRITTEN_AT_MOST:
            return dict.fromkeys(self._concurrency, 0)
        return {queue: slots - self._busy[queue] for queue, slots in self._concurrency.items()}

    def await_room(self, queues: Collection[str]) -> None:
        """From now on the bell rings when one of these queues gives up a slot or a lease."""
        self._awaited = queues

    def begin(self, job: Claimed, task: asyncio.Task[Any]) -> None:
        self._busy[job.queue] += 1
        self._tasks[job.id] = task
        self.leases[job.id] = job

    def end(self, job: Claimed) -> Reason:
        """The job's function is over: its slot is free, its lease is still held.

        Returns why its task was cancelled, if it was. A cancellation that nobody here asked for is the process coming
        down.
        """
        self._busy[job.queue] -= 1
        del self._tasks[job.id]
        self._ring(job.queue)
        return self._reasons.pop(job.id, Reason.HANDED_BACK)

    async def until_idle(self) -> None:
        """Wait until no job runs."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
            # The done callbacks that call `end` come after those that wake us.
            await asyncio.sleep(0)

    async def until_quiet(self) -> None:
        """Wait until no job runs and every end is written."""
        while self.leases:
            self._released.clear()
            await self._released.wait()

    def release(self, job: Claimed) -> None:
        """The end of the job is written, or is not ours to write."""
        if self.leases.get(job.id) is job:
            del self.leases[job.id]
            self._released.set()
            self._ring(job.queue)
            if self.ring_when_quiet and self.quiet:
                self._wake_event.set()

    def _ring(self, queue: str) -> None:
        # A lease that is given up while every slot is busy makes no room: asking for work would be a trip for nothing.
        if queue in self._awaited and self._busy[queue] < self._concurrency[queue]:
            self._wake_event.set()

    def cancel(self, job_id: str, reason: Reason) -> None:
        """Cancel the job's task if it still runs. May be said again; the first reason counts."""
        task = self._tasks.get(job_id)
        if task is not None:
            self._reasons.setdefault(job_id, reason)
            task.cancel()
