"""The timetable with a clock that tests set."""

import asyncio

from arq.connections import ArqRedis

from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import (
    SCHEDULES,
)
from tasks.schedule.runs import ScheduleRun, read_runs
from tasks.schedule.scheduler import FireResult, Scheduler
from tasks.schedule.store import Misfire, Overlap, SchedulePatch, ScheduleRecord, ScheduleStore
from tasks.settings import Settings

BLOB_OF_IT = "b" * 64


class Clockwork:
    """The timetable with a clock that tests set: by moving a schedule's due time into the past."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self.redis = redis
        self.settings = settings
        self.schedule_store = ScheduleStore(redis, settings)
        self.scheduler = Scheduler(redis, settings)
        self._due_ms: set[int] = set()

    async def schedule(
        self, cron: str = "0 * * * *", *, owner: str = "alice", overlap: Overlap = "skip", misfire: Misfire = 3600
    ) -> ScheduleRecord:
        patch = SchedulePatch(cron=cron, timezone="UTC", overlap=overlap, misfire=misfire, name="hourly")
        submission = Submission("nothing", "default", owner, '{"times":7}', blobs=(BLOB_OF_IT,), name="its job")
        return await self.schedule_store.create(owner, patch, submission)

    async def now_ms(self) -> int:
        return (await self.scheduler.find_due()).now_ms

    async def fall_due(self, schedule: ScheduleRecord, ago_ms: int = 0) -> int:
        """Let it be due since some time ago, at another time than before."""
        while (due_ms := await self.now_ms() - ago_ms) in self._due_ms:
            await asyncio.sleep(0)
        self._due_ms.add(due_ms)
        await self.redis.zadd(SCHEDULES, {schedule.id: due_ms})
        return due_ms

    async def tick(self, schedule: ScheduleRecord, due_ms: int) -> FireResult:
        return await self.scheduler.fire(schedule.id, due_ms, await self.now_ms())

    async def runs(self, schedule: ScheduleRecord) -> list[ScheduleRun]:
        return (await read_runs(self.redis, schedule.id, limit=100, cursor=None))[0]

    async def record(self, job_id: str) -> Record:
        record = await read(self.redis, job_id)
        assert record is not None
        return record
