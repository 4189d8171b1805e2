"""Claims jobs from Redis whenever this process could start some."""

import asyncio
import contextlib
import time
from typing import Any

import structlog
from redis.asyncio import Redis

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.redis_keys import AWAY_MS
from tasks.queue.script import Script
from tasks.settings import DAY_S, Settings
from tasks.stopping import AGAIN_S
from worker.attempts.outcome import Outcome, Postponement, Verb
from worker.attempts.running import SERVICE, ClaimedJob, Reason, Running
from worker.duties.finisher import Finisher
from worker.duties.served import Served
from worker.duties.waker import Waker
from worker.redis_health import RedisHealth

log = structlog.get_logger()

CLAIM_AT_MOST = 128
"""Jobs of one queue in one claim, so that no script holds Redis for more than a few milliseconds."""

LATE_ANSWER_S = AWAY_MS / 1000
"""An answer that is older is not followed: its leases may have lapsed while this process stood still."""
STILL_RUNS = "An earlier attempt still runs in this worker, though it was cancelled: the job waits, or runs elsewhere."
ELSEWHERE = Postponement(
    first_pause_s=10, max_pause_s=600, patience_s=DAY_S, given_up=f"{STILL_RUNS} So it was for a day."
)
EARLIER_ATTEMPT_S = 30.0
"""Seconds that a new attempt waits for an earlier one, which is lost, to end in this process."""


class Claimer:
    """Claims what can start now, for all queues in one round trip, and starts it.

    It claims again when a slot is free, a wake signal arrives, a timer is due, or a second has passed.
    """

    def __init__(
        self,
        redis: "Redis[bytes]",
        settings: Settings,
        worker_id: str,
        *,
        served: Served,
        running: Running,
        finisher: Finisher,
        waker: Waker,
        redis_health: RedisHealth,
        wake_event: asyncio.Event,
    ) -> None:
        self._claim = Script(redis, "run/claim")
        self._served = served
        self._worker_id = worker_id
        self._rules = {**served.rules, "keep": keep_ms(settings)}
        self._running = running
        self._finisher = finisher
        self._waker = waker
        self._redis_health = redis_health
        self._wake_event = wake_event
        self._stopping = False
        self._number = self._read = 0
        self.failure: BaseException | None = None
        """Why the end of an attempt could not be settled: nothing is sound then, and the process must end."""
        self.failed = asyncio.Event()
        self.exhausted = asyncio.Event()
        """Set when a claim found nothing to start and nothing was running, and has handled all that was due."""

    def stop(self) -> None:
        """Claim nothing more. A claim under way is completed: its jobs would otherwise wait for their leases to
        expire."""
        self._stopping = True
        self._wake_event.set()

    async def loop(self) -> None:
        """Claim and start jobs until `stop` is called."""
        while not self._stopping:
            await self._redis_health.retry_until_up(self._claim_when_renewed)

    async def _claim_when_renewed(self) -> None:
        await self._redis_health.renewed.wait()
        await self._claim_once()

    async def return_unread(self) -> None:
        """Give back what the last claim gave, if its answer was not read: it would otherwise wait for its leases to
        expire. For a worker that stops."""
        if self._read < self._number:
            await self._ask([])

    async def _ask(self, queues: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Send one claim, with its number and that of the last one whose answer was read. What a claim in between gave,
        whose answer was lost, waits again then.

        Returns:
            The answer, to be followed; None if the leases must be renewed first, or if it came too late.
        """
        self._number += 1
        self._running.unread_claim = self._number
        asked = time.monotonic()
        try:
            answer: dict[str, Any] = await self._claim(
                {
                    "worker": self._worker_id,
                    "queues": queues,
                    "suspecting": self._running.suspecting,
                    **self._rules,
                    **({"shared": self._running.shared_free()} if self._running.shares else {}),
                    **self._served.left(),
                    "number": self._number,
                    "read": self._read,
                    "renewed": self._redis_health.renewed_ms,
                }
            )
            if answer.get("refused") == "renew":
                log.warning("worker.away", hint="its leases may have lapsed: it renews them before it claims more")
                self._redis_health.renew_first()
            elif time.monotonic() - asked > LATE_ANSWER_S:
                log.warning("worker.late_answer", jobs=len(answer["jobs"]), seconds=round(time.monotonic() - asked, 1))
                self._redis_health.renew_first()
                return None
            self._read = self._number
            self._redis_health.renewed_ms = self._redis_health.renewed_ms or answer["now"]
            for job in answer["jobs"]:
                self._begin(ClaimedJob(**job))
        finally:
            self._running.unread_claim = None
        return None if answer.get("refused") else answer

    async def _claim_once(self) -> None:
        self._wake_event.clear()
        self._waker.heard = False
        if self._running.is_spent:
            self.exhausted.set()
            self.stop()
        if self._stopping:
            return
        free = {queue: min(left, CLAIM_AT_MOST) for queue, left in self._running.free().items()}
        slots, shares = self._running.slots, self._running.shares
        shared = self._running.shared_free() if shares else {}
        all_written = self._running.all_written
        after_suspects = frozenset(self._running.after_suspects)
        answer = await self._ask(
            [
                {
                    "name": queue,
                    "free": left,
                    "slots": slots[queue],
                    "idle": self._running.is_clear(queue),
                    "normal": queue in after_suspects,
                    **({"service": free[SERVICE]} if queue == "default" and SERVICE in free else {}),
                    **({"shares": shares[queue]} if queue in shares else {}),
                }
                for queue, left in free.items()
                if queue != SERVICE
            ]
        )
        if answer is None:
            return
        self._running.after_suspects -= after_suspects
        jobs, foreign_jobs, wait_ms = answer["jobs"], answer["foreign_jobs"], answer["wait_ms"]
        for job in jobs:
            free[job.get("pool") or job["queue"]] -= 1
            if job["queue"] in shares and not job.get("pool"):
                shared[shares[job["queue"]]] -= 1
        for job in foreign_jobs:
            body = job["body"].encode(errors="surrogateescape") if "body" in job else None
            await self._served.adopt(job["id"], job["queue"], body, score=int(job["score"]))
        # After the turn of a queue's other jobs more of its suspects may start.
        if foreign_jobs or after_suspects:
            return
        # At 0 the claim has left something for the next one.
        if all_written and not jobs and wait_ms != 0:
            await self._note_exhausted(is_empty=wait_ms < 0)
        # A queue that gave fewer jobs than there were slots is empty: listen for its signals. A full one waits for a
        # slot, and one whose suspects are to run until its other jobs have ended here.
        draining = answer.get("draining")
        suspecting = {job["queue"] for job in jobs if job.get("suspect")}
        used_up = {queue for queue, pattern in shares.items() if shared[pattern] <= 0}
        full = [queue for queue, left in free.items() if left == 0 or queue in suspecting or queue in used_up]
        listen = [queue for queue in free if queue not in (SERVICE, draining, *full)]
        seconds = self._served.look_s if wait_ms < 0 else min(self._served.look_s, wait_ms / 1000)
        await self._wait(awaited=full, draining=draining, listen=listen, seconds=seconds)

    async def _note_exhausted(self, *, is_empty: bool) -> None:
        """Nothing is due, and nothing runs: the end of a burst, unless that waits for what is due later."""
        if is_empty or not self._running.wake_when_all_written or not await self._served.has_later():
            self.exhausted.set()

    def _begin(self, job: ClaimedJob) -> None:
        began = time.monotonic()
        earlier = self._running.attempts_of(job.id)
        work = self._attempt_after(earlier, job, began) if earlier else self._served.attempt(job, began)
        task = asyncio.create_task(work)
        self._running.begin(job, task)
        task.add_done_callback(lambda task: self._ended(job, began, task))

    async def _attempt_after(self, earlier: dict[int, asyncio.Task[Outcome]], job: ClaimedJob, began: float) -> Outcome:
        """Make an attempt once those that this process has lost have ended: a job must not run twice at once. One that
        does not end, though it is cancelled, must not keep the job for ever, either."""
        log.warning(
            "job.still_runs", hint="it was lost while it ran here; it is cancelled before it begins again", **job.facts
        )
        deadline = began + EARLIER_ATTEMPT_S
        while pending := {number: task for number, task in earlier.items() if not task.done()}:
            if time.monotonic() > deadline:
                return Outcome(
                    job, "postponed", time.monotonic() - began, error=("failed", STILL_RUNS), postponement=ELSEWHERE
                )
            for number in pending:
                self._running.cancel(job.id, Reason.LOST, attempt=number)
            await asyncio.wait(pending.values(), timeout=AGAIN_S)
        return await self._served.attempt(job, began)

    def _ended(self, job: ClaimedJob, began: float, task: asyncio.Task[Outcome]) -> None:
        try:
            reason = self._running.end(job)
            if not task.cancelled():
                self._finisher.put(task.result())
            elif reason is Reason.LOST:
                # Another attempt has the job: nothing of this one is written.
                self._running.release(job)
            else:
                verb: Verb = "cancelled" if reason is Reason.CANCELLED else "handed_back"
                error = ("cancelled", "Cancelled while it ran.") if reason is Reason.CANCELLED else None
                self._finisher.put(Outcome(job, verb, time.monotonic() - began, error=error))
        except BaseException as failure:  # asyncio would log it, and the job would be `running` for ever
            self.failure = failure
            self.failed.set()

    async def _wait(self, *, awaited: list[str], draining: str | None, listen: list[str], seconds: float) -> None:
        """Wait until an awaited queue has a free slot, all jobs of the draining one have ended, a signal arrives, or
        `seconds` are over."""
        self._running.await_slots(awaited, draining)
        await self._waker.aim(listen)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                # The slot that woke us may be taken again already: a claim would then be a wasted round trip.
                while not (self._stopping or self._waker.heard or self._has_slot(awaited) or self._is_clear(draining)):
                    await self._wake_event.wait()
                    self._wake_event.clear()

    def _is_clear(self, draining: str | None) -> bool:
        return draining is not None and self._running.is_clear(draining)

    def _has_slot(self, queues: list[str]) -> bool:
        free = self._running.free()
        return any(free.get(queue) for queue in queues)
