"""Creates the jobs of schedules that are due or run by hand. A script in Redis ensures that each is created once."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from tasks import clock
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submit_limits import REASONS, SubmitLimits
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import RUNS_KEPT, SCHEDULES, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.cron import catch_up, next_due
from tasks.schedule.store import ScheduleRecord, ScheduleStore
from tasks.settings import SYSTEM, Settings

DUE_AT_ONCE: Final = 100
"""Due schedules that one look reads."""
HISTORY: Final = 30
"""Runs of a schedule that are kept, where that is longer than their outcome is kept."""


@dataclass(frozen=True, slots=True)
class Due:
    """Which schedules are due now.

    Args:
        now_ms: Redis' time in milliseconds since 1970.
        due: Ids and due times of the due schedules, the earliest first.
        wait_ms: Milliseconds until the next schedule is due, or None.
    """

    now_ms: int
    due: tuple[tuple[str, int], ...]
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class FireResult:
    """What was done about a schedule that was due. detail: the id of the job that was created, or why none was."""

    answer: str
    detail: str | None = None


class Scheduler:
    """Creates the jobs of schedules.

    Args:
        redis: Connection.
        settings: Limits of queues and schedules.
        kinds: As of `Enqueuer`.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, kinds: Iterable[str] = ()) -> None:
        self._redis = redis
        self._settings = settings
        self._schedule_store = ScheduleStore(redis, settings)
        self._enqueuer = Enqueuer(redis, settings)
        self._limits = SubmitLimits(settings, kinds)
        self._tick = Script(redis, "submit/tick")
        self._turn = Script(redis, "run/turn")

    async def find_due(self) -> Due:
        """Read which schedules are due, in one round trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.zrange(SCHEDULES, 0, DUE_AT_ONCE, withscores=True)
            now, entries = await pipe.execute()
        now_ms = clock.of_redis(now)
        due = tuple((schedule_id.decode(), int(at)) for schedule_id, at in entries if at <= now_ms)
        waits = [int(at) - now_ms for _, at in entries[len(due) :] if at < float("inf")]
        return Due(now_ms, due, waits[0] if waits else None)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Let one process at a time handle what is due: after an outage that takes each of them as long.

        Yields:
            Whether it is this one's turn. Should that last longer than TICKING_MS, another may begin beside it, which
            does no harm.
        """
        holder = new_id()
        is_ours = await self._turn({"verb": "take", "holder": holder})
        try:
            yield is_ours
        finally:
            if is_ours:
                await self._turn({"verb": "leave", "holder": holder})

    async def fire(self, schedule_id: str, due_ms: int, now_ms: int) -> FireResult:
        """Handle a schedule that is due. A second call, or one by another worker, changes nothing.

        Args:
            schedule_id: The schedule.
            due_ms: When it was due, in milliseconds since 1970.
            now_ms: Redis' time.

        Returns:
            `made` with the job's id, `skipped` with the reason, `missed`, `taken` (another worker was first, or the
            schedule was changed), or `paused` with the code of what keeps it from being due again.
        """
        schedule = await self._schedule_store.find(schedule_id)
        if schedule is None:
            # A timer without its schedule would be due for ever, ahead of the others.
            await self._redis.zrem(SCHEDULES, schedule_id)
            return FireResult("taken")
        try:
            # In a thread: a cron expression that is seldom due takes milliseconds.
            times = await asyncio.to_thread(
                catch_up, schedule.cron, schedule.timezone, due_ms=due_ms, now_ms=now_ms, late_ms=schedule.late_ms
            )
        except Refusal as refusal:
            # Its time zone may have been abolished: the schedule shows the reason, and the other schedules go on.
            await self._schedule_store.pause(schedule, refusal.code)
            return FireResult("paused", refusal.code)
        payload: dict[str, Any] = {"due": due_ms, "next": times.next_ms, "missed": times.missed}
        if times.run_ms is not None:
            job = await asyncio.to_thread(self._job, schedule, schedule.run_id(times.run_ms), times.run_ms)
            payload |= {"run_at": times.run_ms, "job": job}
        answer = await self._tick_schedule(schedule, payload)
        return FireResult(answer["answer"], answer.get("id") or answer.get("reason"))

    async def run_now(self, schedule: ScheduleRecord) -> str:
        """Run a schedule by hand, even if it is paused or its last run has not ended.

        Args:
            schedule: The schedule.

        Returns:
            The id of the job.

        Raises:
            Refusal: `not_found`, `queue_full`, `owner_queue_full`.
        """
        current: ScheduleRecord | None = schedule
        now_ms = await self._schedule_store.now_ms()
        while current is not None:
            job = self._job(current, new_id(), now_ms)
            match await self._tick_schedule(current, {"job": job}):
                case {"answer": "made", "id": job_id}:
                    return str(job_id)
                case {"answer": answer} as excess if answer in REASONS:
                    raise self._limits.refusal(excess, job)
            # It was changed a moment ago.
            current = await self._schedule_store.find(schedule.id)
        raise Refusal("not_found", f"Schedule {schedule.id!r} was just deleted.")

    async def _tick_schedule(self, schedule: ScheduleRecord, payload: dict[str, Any]) -> dict[str, Any]:
        rules = {
            "id": schedule.id,
            "revision": schedule.revision,
            "overlap": schedule.overlap,
            "system": SYSTEM,
            "most": RUNS_KEPT,
            "reasons": REASONS,
        }
        limits = self._limits.rules(payload["job"]) if "job" in payload else {}
        answer: dict[str, Any] = await self._tick({**rules, **limits, **payload})
        return answer

    def _job(self, schedule: ScheduleRecord, job_id: str, due_ms: int) -> dict[str, Any]:
        job = self._enqueuer.job(job_id, schedule.submission)
        # Keep the job for HISTORY intervals of the schedule, so that its last runs can be listed.
        first = next_due(schedule.cron, schedule.timezone, due_ms)
        interval_ms = next_due(schedule.cron, schedule.timezone, first) - first
        keep_ms = min(HISTORY * interval_ms, self._settings.keep_runs_s * SECOND_MS)
        job["fields"] += ["schedule", schedule.id, "schedule_due_at", str(due_ms), "keep_ms", str(keep_ms)]
        return job
