"""Firing: a schedule's time has come, or somebody runs it by hand, and its job is made. Redis decides who is first."""

from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import RUNS_KEPT, SCHEDULES, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.cron import catch_up, next_due
from tasks.schedule.store import ScheduleRecord, ScheduleStore
from tasks.settings import SYSTEM, Settings

DUE_AT_ONCE: Final = 100
HISTORY: Final = 30
"""So many runs of a schedule are kept, if that is longer than their outcome keeps them."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the timetable says now. due: schedules and their due times, soonest first; wait_ms: until the next of them,
    None if there is none. Times are Redis', milliseconds since 1970."""

    now_ms: int
    due: tuple[tuple[str, int], ...]
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class FireResult:
    """What became of a schedule whose time had come. detail: the id of the job that was made, or why none was."""

    answer: str
    detail: str | None = None


class Scheduler:
    """Makes the jobs of schedules."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._redis = redis
        self._settings = settings
        self._schedule_store = ScheduleStore(redis, settings)
        self._enqueuer = Enqueuer(redis, settings)
        self._tick = Script(redis, "submit/tick")

    async def look(self) -> Due:
        """Which schedules are due, in one trip."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.zrange(SCHEDULES, 0, DUE_AT_ONCE, withscores=True)
            (seconds, micros), entries = await pipe.execute()
        now_ms = seconds * SECOND_MS + micros // 1000
        due = tuple((schedule_id.decode(), int(at)) for schedule_id, at in entries if at <= now_ms)
        waits = [int(at) - now_ms for _, at in entries[len(due) :] if at < float("inf")]
        return Due(now_ms, due, waits[0] if waits else None)

    async def fire(self, schedule_id: str, due_ms: int, now_ms: int) -> FireResult:
        """Do what is to be done about a schedule that was due at `due_ms`. To say so twice, or by two, changes nothing.

        Returns:
            `made` with the job's id, `skipped` with the reason, `missed`, `taken` (another worker was first, or the
            schedule was changed), or `paused` with the code of what keeps it from being due again.
        """
        schedule = await self._schedule_store.find(schedule_id)
        if schedule is None:
            # A timer that has lost its schedule would be due for ever, before those of others.
            await self._redis.zrem(SCHEDULES, schedule_id)
            return FireResult("taken")
        try:
            look = catch_up(schedule.cron, schedule.timezone, due_ms=due_ms, now_ms=now_ms, late_ms=schedule.late_ms)
        except Refusal as refusal:
            # A zone that the world has given up, maybe: its owner is told, and the other schedules go on.
            await self._schedule_store.pause(schedule, refusal.code)
            return FireResult("paused", refusal.code)
        payload: dict[str, Any] = {"due": due_ms, "next": look.next_ms, "missed": look.missed}
        if look.run_ms is not None:
            job = self._job(schedule, schedule.run_id(look.run_ms), look.run_ms)
            payload |= {"run_at": look.run_ms, "job": job}
        answer = await self._say(schedule, payload)
        return FireResult(answer["answer"], answer.get("id") or answer.get("reason"))

    async def run_now(self, schedule: ScheduleRecord, now_ms: int) -> str:
        """A run by hand, whatever else runs, and of a paused one too. The id of its job.

        Raises: Refusal `not_found`, `queue_full`.
        """
        current: ScheduleRecord | None = schedule
        while current is not None:
            match await self._say(current, {"job": self._job(current, new_id(), now_ms)}):
                case {"answer": "made", "id": job_id}:
                    return str(job_id)
                case {"answer": "full", "waiting": waiting}:
                    raise Refusal(
                        "queue_full",
                        f"{waiting} jobs wait in the queue {schedule.queue!r}, which is full. Try again later.",
                        limit=self._settings.max_waiting_jobs,
                    )
            # It was changed a moment ago.
            current = await self._schedule_store.find(schedule.id)
        raise Refusal("not_found", f"Schedule {schedule.id!r} was just deleted.")

    async def _say(self, schedule: ScheduleRecord, payload: dict[str, Any]) -> dict[str, Any]:
        rules = {
            "id": schedule.id,
            "revision": schedule.revision,
            "overlap": schedule.overlap,
            "max_waiting": self._settings.max_waiting_jobs,
            "system": SYSTEM,
            "most": RUNS_KEPT,
        }
        answer: dict[str, Any] = await self._tick({**rules, **payload})
        return answer

    def _job(self, schedule: ScheduleRecord, job_id: str, due_ms: int) -> dict[str, Any]:
        job = self._enqueuer.job(job_id, schedule.submission)
        # From one run to the next: so that history reaches back over some of them, but not for ever.
        first = next_due(schedule.cron, schedule.timezone, due_ms)
        interval_ms = next_due(schedule.cron, schedule.timezone, first) - first
        keep_ms = min(HISTORY * interval_ms, self._settings.keep_runs_s * SECOND_MS)
        job["fields"] += ["schedule", schedule.id, "schedule_due_at", str(due_ms), "keep_ms", str(keep_ms)]
        return job
