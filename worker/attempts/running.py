"""The jobs of this process: those that run, and the leases that it holds until their outcomes are written."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tasks.telemetry.tracing import trace_id_of
from worker.attempts.queue_plan import PlannedSlots

MAX_UNWRITTEN = 2_000
"""Ended jobs whose outcome is not written yet; with this many, nothing more is claimed."""
SERVICE = "service"
"""Names the slots for the service's own work, beside those of the queues. Its jobs are in the queue `default`."""


AttemptKey = tuple[str, int]
"""Job id and number of the attempt."""


class Reason(Enum):
    """Why a running job's task is cancelled."""

    CANCELLED = "cancelled"
    """The job was cancelled."""
    HANDED_BACK = "handed_back"
    """This process stops; another worker will run the job."""
    LOST = "lost"
    """Another worker holds the job now; this worker's outcome does not count."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job as `claim.lua` returns it. Times are milliseconds since 1970.

    `attempt` and the worker's id together are the fence: a script changes nothing for a worker that lost the job.
    suspect: workers have died under it, so no other job of its queue may start beside it. io_bound: as its kind.
    pool: SERVICE if it takes one of the slots for the service's own work. due_at: of an ARQ application's job.
    timeout_s, max_tries: of its attempts, if its submit said.
    """

    id: str
    queue: str
    kind: str
    owner: str
    params: str
    attempt: int
    tries: int
    created_at: int
    started_at: int
    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    destination: str | None = None
    suspect: bool = False
    io_bound: bool = False
    pool: str | None = None
    due_at: int | None = None
    timeout_s: float | None = None
    max_tries: int | None = None

    @property
    def slots(self) -> str:
        """Of which slots it takes one: its queue's, or SERVICE."""
        return self.pool or self.queue

    @property
    def key(self) -> "AttemptKey":
        """Names the attempt among all of this process."""
        return self.id, self.attempt

    @property
    def facts(self) -> dict[str, str | int]:
        """The fields of the job's log lines."""
        facts: dict[str, str | int] = {"job": self.id, "kind": self.kind, "owner": self.owner, "attempt": self.attempt}
        if self.request_id:
            facts["request_id"] = self.request_id
        if self.traceparent:
            facts["trace_id"] = trace_id_of(self.traceparent)
        return facts


class Running:
    """Slots by queue, asyncio tasks by attempt, and the leases.

    A slot is free as soon as the job's function has returned. The lease is held until the outcome is written, so that
    no other worker runs the job meanwhile.

    Args:
        concurrency: How many jobs of each queue run at once; its keys are the queues, and SERVICE.
        wake_event: Set when the claimer should look for work.
    """

    def __init__(self, concurrency: dict[str, int], wake_event: asyncio.Event) -> None:
        self._concurrency = concurrency
        self._shares: Mapping[str, str] = {}
        self._shared: Mapping[str, int] = {}
        self._busy: Counter[str] = Counter()
        self._leased: Counter[str] = Counter()
        self._suspects: Counter[str] = Counter()
        self._tasks: dict[str, dict[int, asyncio.Task[Any]]] = {}
        """Job id → attempt → task. A second attempt waits here until the first has ended."""
        self._reasons: dict[AttemptKey, Reason] = {}
        self._awaited: Collection[str] = ()
        self._draining: str | None = None
        self._wake_event = wake_event
        self.leases: dict[AttemptKey, ClaimedJob] = {}
        self.unread_claim: int | None = None
        """The number of a claim that was sent and not answered yet; read it before `leases`, from any thread."""
        self.wake_when_all_written = False
        """Whether to wake the claimer once every outcome is written: a burst may be over then."""
        self.starts_left: int | None = None
        """How many attempts may still begin; None: any number."""
        self.after_suspects: set[str] = set()
        """Queues whose suspects have just ended here: it is the turn of their other jobs."""

    def serve(self, planned: PlannedSlots) -> None:
        """Serve these queues from now on; the slots for the service's own work stay. May be called at any time."""
        service = self._concurrency.get(SERVICE)
        self._concurrency = planned.concurrency | ({} if service is None else {SERVICE: service})
        self._shares, self._shared = planned.shares, planned.shared

    @property
    def shares(self) -> Mapping[str, str]:
        """Queue → pattern, of the queues that share its slots."""
        return self._shares

    def shared_free(self) -> dict[str, int]:
        """Return how many of the slots of each pattern are free."""
        free = dict(self._shared)
        for queue, pattern in self._shares.items():
            free[pattern] -= self._busy[queue]
        return {pattern: max(left, 0) for pattern, left in free.items()}

    @property
    def idle(self) -> bool:
        """Whether no job runs."""
        return not self._tasks

    @property
    def all_written(self) -> bool:
        """Whether no job runs and every outcome is written: the death of this process would then affect no job."""
        return not self.leases

    @property
    def is_spent(self) -> bool:
        """Whether no attempt may begin any more, and every outcome is written."""
        return self.starts_left == 0 and self.all_written

    @property
    def queues(self) -> list[str]:
        """The queues that this process serves."""
        return [queue for queue in self._concurrency if queue != SERVICE]

    @property
    def slots(self) -> dict[str, int]:
        """How many jobs of each queue run at once."""
        return {queue: self._concurrency[queue] for queue in self.queues}

    @property
    def ids(self) -> list[str]:
        """The ids of the running jobs."""
        return list(self._tasks)

    @property
    def suspecting(self) -> bool:
        """Whether suspects run, or their outcomes are not written yet."""
        return bool(self._suspects)

    def is_clear(self, queue: str) -> bool:
        """Whether no job of the queue that may kill this process runs here, and every outcome of such is written."""
        return not self._leased[queue]

    def free(self) -> dict[str, int]:
        """Return how many jobs of each queue could start now: 0 beside its suspects, and while too many outcomes wait
        to be written."""
        if len(self.leases) - len(self._tasks) >= MAX_UNWRITTEN:
            return dict.fromkeys(self._concurrency, 0)
        shared = self.shared_free() if self._shares else {}
        return {queue: self._free_of(queue, slots, shared) for queue, slots in self._concurrency.items()}

    def _free_of(self, queue: str, slots: int, shared: Mapping[str, int]) -> int:
        if queue in self._suspects:
            return 0
        free = self._at_most(max(slots - self._busy[queue], 0))
        return min(free, shared[self._shares[queue]]) if queue in self._shares else free

    def _at_most(self, slots: int) -> int:
        return slots if self.starts_left is None else min(slots, self.starts_left)

    def await_slots(self, queues: Collection[str], draining: str | None = None) -> None:
        """Wake the claimer from now on when a slot of one of these queues becomes free.

        Args:
            queues: The queues.
            draining: A queue of which all jobs must have ended first.
        """
        self._awaited, self._draining = queues, draining

    def attempts_of(self, job_id: str) -> dict[int, asyncio.Task[Any]]:
        """Return the tasks of a job's attempts that still run here, by attempt."""
        return dict(self._tasks.get(job_id, {}))

    def job_of(self, task: asyncio.Task[Any] | None) -> ClaimedJob | None:
        """Return the job whose attempt this task makes, if any. May be called from any thread."""
        jobs = list(self.leases.values())
        return (
            next((job for job in jobs if self._tasks.get(job.id, {}).get(job.attempt) is task), None) if task else None
        )

    def begin(self, job: ClaimedJob, task: asyncio.Task[Any]) -> None:
        """Note that an attempt runs in a task: it takes a slot and a lease."""
        self._busy[job.slots] += 1
        if self.starts_left is not None:
            self.starts_left = max(self.starts_left - 1, 0)
        self._leased[job.queue] += not job.io_bound
        if job.suspect:
            self._suspects[job.queue] += 1
        self._tasks.setdefault(job.id, {})[job.attempt] = task
        self.leases[job.key] = job

    def end(self, job: ClaimedJob) -> Reason | None:
        """Note that the attempt's function has returned: its slot is free, its lease is still held.

        Returns:
            Why its task was cancelled; None if this class has not cancelled it.
        """
        self._busy[job.slots] -= 1
        attempts = self._tasks[job.id]
        del attempts[job.attempt]
        if not attempts:
            del self._tasks[job.id]
        self._wake_claimer(job.slots)
        return self._reasons.pop(job.key, None)

    def reason(self, job: ClaimedJob) -> Reason | None:
        """Return why this class has cancelled the attempt's task, if it has."""
        return self._reasons.get(job.key)

    def runs(self, job: ClaimedJob) -> bool:
        """Whether the attempt's function still runs."""
        return job.attempt in self._tasks.get(job.id, {})

    async def until_idle(self) -> None:
        """Wait until no job runs."""
        while self._tasks:
            await asyncio.wait([task for attempts in self._tasks.values() for task in attempts.values()])
            # Give the done callbacks, which call `end`, a turn.
            await asyncio.sleep(0)

    def release(self, job: ClaimedJob) -> None:
        """Release the job's lease: its outcome is written, or another worker has the job."""
        if self.leases.get(job.key) is job:
            del self.leases[job.key]
            self._leased[job.queue] -= not job.io_bound
            if job.suspect:
                self._end_suspect(job.queue)
            if job.queue == self._draining and self.is_clear(job.queue):
                self._wake_event.set()
            self._wake_claimer(job.slots)
            if self.wake_when_all_written and self.all_written:
                self._wake_event.set()

    def _end_suspect(self, queue: str) -> None:
        self._suspects[queue] -= 1
        if not self._suspects[queue]:
            del self._suspects[queue]
            self.after_suspects.add(queue)

    def _wake_claimer(self, queue: str) -> None:
        # A lease that is released while every slot is taken frees none: a claim would be a wasted round trip.
        if self._shares.get(queue) is not None:
            # Another queue may wait for the slot; the claimer looks whether there is one.
            self._wake_event.set()
        elif queue in self._awaited and self._busy[queue] < self._concurrency.get(queue, 0):
            self._wake_event.set()

    def cancel(self, job_id: str, reason: Reason, *, attempt: int | None = None) -> None:
        """Cancel the job's task if it still runs. May be called again; the first reason counts.

        Args:
            job_id: The job.
            reason: Why.
            attempt: The attempt to cancel; None for all of them.
        """
        for number, task in self._tasks.get(job_id, {}).items():
            if attempt in (None, number):
                self._reasons.setdefault((job_id, number), reason)
                task.cancel()
