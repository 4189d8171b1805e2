"""The schedules that come with the service, and those that ARQ's own cron fires beside them."""

from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix

from tasks.kind import Kind
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.redis_keys import (
    arq_queue,
)
from tasks.refusal import Refusal
from tasks.schedule.cron import next_due
from tasks.schedule.scheduler import FireResult
from tasks.schedule.store import BuiltInSchedule, ScheduleRecord
from tasks.settings import SYSTEM
from tests.support.kinds import KINDS
from tests.tasks.schedule.clockwork import Clockwork


def line(cron: str = "0 3 * * *") -> BuiltInSchedule:
    kind: Kind[Any] = KINDS["nothing"]
    return BuiltInSchedule(kind, cron, "Does nothing.")


class TestBuiltInSchedules:
    async def installed(self, clockwork: Clockwork, cron: str = "0 3 * * *") -> ScheduleRecord:
        await clockwork.schedule_store.install(line(cron))
        return await clockwork.schedule_store.read("root", "nothing", admin=True)

    async def test_a_line_belongs_to_the_service_and_is_shown_to_admins(self, clockwork: Clockwork) -> None:
        schedule = await self.installed(clockwork)
        assert (schedule.owner, schedule.built_in, schedule.params) == (SYSTEM, True, "{}")
        assert await clockwork.schedule_store.built_in() == [schedule]
        with pytest.raises(Refusal):
            await clockwork.schedule_store.read("alice", "nothing")

    async def test_to_install_it_again_changes_nothing(self, clockwork: Clockwork) -> None:
        schedule = await self.installed(clockwork)
        due_ms = await clockwork.fall_due(schedule, ago_ms=5_000)
        again = await self.installed(clockwork)
        assert again == schedule
        assert again.next_ms == due_ms  # what fell due during a deploy is not forgotten

    async def test_a_line_that_moved_is_due_at_its_new_time(self, clockwork: Clockwork) -> None:
        await clockwork.fall_due(await self.installed(clockwork), ago_ms=5_000)
        moved = await self.installed(clockwork, "0 4 * * *")
        assert moved.next_ms == next_due("0 4 * * *", "UTC", await clockwork.now_ms())

    async def test_one_that_somebody_installs_is_not_retired(self, clockwork: Clockwork) -> None:
        schedule = await self.installed(clockwork)
        await clockwork.schedule_store.retire(schedule, unseen_s=60)
        assert await clockwork.schedule_store.built_in() == [schedule]
        for _ in range(2):  # of two workers that say so, one is the second
            await clockwork.schedule_store.retire(schedule, unseen_s=0)
            assert await clockwork.schedule_store.built_in() == []

    @pytest.mark.parametrize("cron", ["0 3 * * *", "0 4 * * *"])
    async def test_one_that_is_paused_stays_so(self, clockwork: Clockwork, cron: str) -> None:
        await clockwork.schedule_store.change(await self.installed(clockwork), {"paused": True})
        again = await self.installed(clockwork, cron)
        assert (again.paused, again.next_ms) == (True, None)


class TestBesideArqsCron:
    """ARQ's own cron enqueues under the id that our ticker gives a line's run."""

    async def due(self, clockwork: Clockwork) -> tuple[ScheduleRecord, int]:
        await clockwork.schedule_store.install(line())
        schedule = await clockwork.schedule_store.read("root", "nothing", admin=True)
        return schedule, await clockwork.fall_due(schedule)

    async def test_what_arq_has_enqueued_becomes_the_run(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule, due_ms = await self.due(clockwork)
        assert schedule.run_id(due_ms) == f"nothing:{due_ms}"
        await redis.enqueue_job("nothing", _job_id=schedule.run_id(due_ms))
        assert await clockwork.tick(schedule, due_ms) == FireResult("made", schedule.run_id(due_ms))
        job = await clockwork.record(schedule.run_id(due_ms))
        assert (job.schedule, job.owner) == ("nothing", SYSTEM)
        assert await redis.enqueue_job("nothing", _job_id=job.id) is None

    async def test_what_a_worker_has_adopted_is_the_run(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule, due_ms = await self.due(clockwork)
        await redis.enqueue_job("nothing", _job_id=schedule.run_id(due_ms))
        body = await redis.get(job_key_prefix + schedule.run_id(due_ms))
        await Enqueuer(redis, clockwork.settings).adopt(schedule.run_id(due_ms), "default", body or b"")
        assert (await clockwork.tick(schedule, due_ms)).answer == "made"
        assert [run.due_at for run in await clockwork.runs(schedule)] == [due_ms]
        assert await redis.zcard(arq_queue("default")) == 1

    async def test_an_overlap_withdraws_what_arq_has_enqueued(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule, due_ms = await self.due(clockwork)
        await clockwork.scheduler.run_now(schedule)
        await redis.enqueue_job("nothing", _job_id=schedule.run_id(due_ms))
        assert await clockwork.tick(schedule, due_ms) == FireResult("skipped", "overlap")
        assert await redis.exists(job_key_prefix + schedule.run_id(due_ms)) == 0
        assert await redis.zscore(arq_queue("default"), schedule.run_id(due_ms)) is None
