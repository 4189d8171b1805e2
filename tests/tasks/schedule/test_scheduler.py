"""The timetable and its firing: which jobs are made of due times, of which none, and what is remembered."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import (
    BLOB,
    RUNS,
    RUNS_KEPT,
    SCHEDULE,
    SCHEDULES,
    SECOND_MS,
    UNNEEDED,
    UNNEEDED_OF,
)
from tasks.refusal import Refusal
from tasks.schedule.cron import catch_up, next_due
from tasks.schedule.runs import ScheduleRun, last_runs
from tasks.schedule.scheduler import DUE_AT_ONCE, Due, FireResult
from tasks.schedule.store import SchedulePatch
from tasks.settings import SYSTEM
from tests.tasks.schedule.clockwork import BLOB_OF_IT, Clockwork

HOUR_MS = 3600 * SECOND_MS


class TestFiring:
    async def test_a_due_time_becomes_a_job_and_the_next_is_noted(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule)
        assert (await clockwork.scheduler.find_due()).due == ((schedule.id, due_ms),)
        job_id = schedule.run_id(due_ms)
        assert await clockwork.tick(schedule, due_ms) == FireResult("made", job_id)
        job = await clockwork.record(job_id)
        assert (job.kind, job.owner, job.params, job.name) == ("nothing", "alice", '{"times":7}', "its job")
        assert (job.schedule, job.schedule_due_at, job.state) == (schedule.id, due_ms, State.QUEUED)
        after = await clockwork.schedule_store.read("alice", schedule.id)
        assert (after.next_ms, after.last_run) == (next_due("0 * * * *", "UTC", due_ms), job_id)
        assert await clockwork.runs(schedule) == [ScheduleRun(due_ms, job)]
        assert await last_runs(clockwork.redis, [job_id]) == {job_id: ScheduleRun(due_ms, job)}

    async def test_of_many_who_say_so_at_once_one_is_first(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule)
        answers = await asyncio.gather(*(clockwork.tick(schedule, due_ms) for _ in range(20)))
        assert sorted(answer.answer for answer in answers) == ["made", *["taken"] * 19]
        assert len(await clockwork.runs(schedule)) == 1

    async def test_a_schedule_that_was_changed_or_deleted_meanwhile_is_left_alone(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule)
        await clockwork.schedule_store.change(schedule, {"paused": True})
        assert await clockwork.tick(schedule, due_ms) == FireResult("taken")
        await clockwork.schedule_store.delete(schedule)
        assert await clockwork.tick(schedule, due_ms) == FireResult("taken")
        assert (await clockwork.scheduler.find_due()).due == ()

    async def test_timers_of_schedules_that_are_gone_hold_up_nobody(
        self, clockwork: Clockwork, redis: ArqRedis
    ) -> None:
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule)
        await redis.zadd(SCHEDULES, {f"{n:032x}": 1 for n in range(DUE_AT_ONCE + 1)})
        look = await clockwork.scheduler.find_due()
        assert schedule.id not in dict(look.due)
        for gone, at in look.due:
            assert await clockwork.scheduler.fire(gone, at, look.now_ms) == FireResult("taken")
        assert (await clockwork.scheduler.find_due()).due == ((schedule.id, due_ms),)

    async def test_while_nothing_is_due_the_wait_is_told(self, clockwork: Clockwork) -> None:
        assert (await clockwork.scheduler.find_due()).wait_ms is None
        paused = await clockwork.schedule()
        await clockwork.schedule_store.change(paused, {"paused": True})
        assert (await clockwork.scheduler.find_due()).wait_ms is None
        schedule = await clockwork.schedule()
        look = await clockwork.scheduler.find_due()
        assert look == Due(look.now_ms, (), (schedule.next_ms or 0) - look.now_ms)

    async def test_a_job_is_kept_for_thirty_times_its_interval(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        expected = {"* * * * *": 30 * 60, "0 * * * *": 30 * 3600, "0 6 * * *": 28 * 86_400}
        for cron, seconds in expected.items():
            schedule = await clockwork.schedule(cron)
            job_id = await clockwork.scheduler.run_now(schedule)
            await JobStore(redis, clockwork.settings).cancel(job_id)
            job = await clockwork.record(job_id)
            assert job.expires_at is not None
            assert job.finished_at is not None
            assert job.expires_at - job.finished_at == max(seconds, clockwork.settings.keep_cancelled_s) * SECOND_MS


class TestRules:
    async def test_an_overlap_is_skipped_and_noted(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        first = await clockwork.fall_due(schedule)
        await clockwork.tick(schedule, first)
        second = await clockwork.fall_due(schedule)
        assert await clockwork.tick(schedule, second) == FireResult("skipped", "overlap")
        skipped, ran = await clockwork.runs(schedule)
        assert (skipped.due_at, skipped.reason, skipped.record) == (second, "overlap", None)
        assert ran.due_at == first

    async def test_an_overlap_may_be_allowed(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule(overlap="allow")
        for _ in range(2):
            assert (await clockwork.tick(schedule, await clockwork.fall_due(schedule))).answer == "made"

    async def test_the_next_runs_once_the_last_has_ended(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule = await clockwork.schedule()
        made = await clockwork.tick(schedule, await clockwork.fall_due(schedule))
        await JobStore(redis, clockwork.settings).cancel(str(made.detail))
        assert (await clockwork.tick(schedule, await clockwork.fall_due(schedule))).answer == "made"

    async def test_after_an_outage_the_newest_due_time_runs_once(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        first = await clockwork.fall_due(schedule, ago_ms=50 * HOUR_MS)
        fired = await clockwork.tick(schedule, first)
        assert fired.answer == "made"
        assert len((await clockwork.scheduler.find_due()).due) == 0
        made, missed = await clockwork.runs(schedule)
        assert made.record is not None
        now = made.record.created_at
        assert (made.record.id, made.due_at) == (fired.detail, now - now % HOUR_MS)
        assert (missed.due_at, missed.reason, missed.noted_at) == (first, "missed", now)

    async def test_catching_up_does_not_hold_the_event_loop(
        self, clockwork: Clockwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads: list[int] = []

        def noted(*args: Any, **options: Any) -> Any:
            threads.append(threading.get_ident())
            return catch_up(*args, **options)

        monkeypatch.setattr("tasks.schedule.scheduler.catch_up", noted)
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule, ago_ms=50 * HOUR_MS)
        assert (await clockwork.tick(schedule, due_ms)).answer == "made"
        assert len(threads) == 1
        assert threads[0] != threading.get_ident()

    async def test_what_is_too_late_is_noted_and_does_not_run(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule("30 12 1 1 *")
        due_ms = await clockwork.fall_due(schedule, ago_ms=HOUR_MS + 5_000)
        assert await clockwork.tick(schedule, due_ms) == FireResult("missed")
        assert [(run.due_at, run.reason) for run in await clockwork.runs(schedule)] == [(due_ms, "missed")]

    async def test_one_that_makes_up_for_nothing_still_runs_when_a_worker_is_slow(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule("30 12 1 1 *", misfire="skip")
        for ago_ms, verdict in ((30_000, "made"), (70_000, "missed")):
            due_ms = await clockwork.fall_due(schedule, ago_ms)
            assert (await clockwork.tick(schedule, due_ms)).answer == verdict

    async def test_a_full_queue_takes_no_run(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule(overlap="allow")
        for _ in range(5):
            await clockwork.scheduler.run_now(schedule)
        skipped = await clockwork.tick(schedule, await clockwork.fall_due(schedule))
        assert skipped == FireResult("skipped", "owner_queue_full")
        with pytest.raises(Refusal, match="5 of your jobs wait"):
            await clockwork.scheduler.run_now(schedule)
        assert [run.reason for run in await clockwork.runs(schedule)] == ["owner_queue_full", *[None] * 5]
        others = await clockwork.schedule(owner="other")
        assert await clockwork.tick(others, await clockwork.fall_due(others)) == FireResult("skipped", "queue_full")
        ours = await clockwork.schedule(owner=SYSTEM)
        assert (await clockwork.tick(ours, await clockwork.fall_due(ours))).answer == "made", (
            "it may be what mends the queue"
        )

    async def test_a_zone_that_is_gone_pauses_its_schedule_alone(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule = await clockwork.schedule()
        await redis.hset(SCHEDULE + schedule.id, "timezone", "Mars/Olympus")
        due_ms = await clockwork.fall_due(schedule)
        assert await clockwork.tick(schedule, due_ms) == FireResult("paused", "unknown_timezone")
        paused = await clockwork.schedule_store.read("alice", schedule.id)
        assert (paused.paused, paused.paused_reason, paused.next_ms) == (True, "unknown_timezone", None)
        mended = await clockwork.schedule_store.change(paused, {"timezone": "Europe/Berlin", "paused": False})
        assert (mended.paused, mended.paused_reason) == (False, None)
        assert mended.next_ms is not None

    async def test_history_is_bounded(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule = await clockwork.schedule("30 12 1 1 *", misfire="skip")
        await redis.zadd(RUNS + schedule.id, {f"skipped:missed:{n}:{n}": n for n in range(RUNS_KEPT)})
        await clockwork.tick(schedule, await clockwork.fall_due(schedule, ago_ms=70_000))
        assert await redis.zcard(RUNS + schedule.id) == RUNS_KEPT
        assert await redis.zscore(RUNS + schedule.id, "skipped:missed:0:0") is None


class TestByHand:
    async def test_a_run_by_hand_disturbs_no_due_time(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        now_ms = await clockwork.now_ms()
        job_id = await clockwork.scheduler.run_now(schedule)
        assert await clockwork.schedule_store.read("alice", schedule.id) == replace(schedule, last_run=job_id)
        job = await clockwork.record(job_id)
        assert job.schedule == schedule.id
        assert now_ms <= (job.schedule_due_at or 0) <= await clockwork.now_ms()
        assert [run.record for run in await clockwork.runs(schedule)] == [job]

    async def test_whatever_else_runs_and_also_while_it_is_paused(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule_store.change(await clockwork.schedule(), {"paused": True})
        ids = {await clockwork.scheduler.run_now(schedule) for _ in range(2)}
        assert len(ids) == 2

    async def test_one_that_was_changed_meanwhile_runs_as_it_is_now(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        stale = replace(schedule, revision="0", kind="echo")
        job = await clockwork.record(await clockwork.scheduler.run_now(stale))
        assert job.kind == "nothing"
        await clockwork.schedule_store.delete(schedule)
        with pytest.raises(Refusal, match="was just deleted"):
            await clockwork.scheduler.run_now(schedule)

    async def test_a_run_whose_job_is_forgotten_leaves_the_list(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule = await clockwork.schedule()
        job_id = await clockwork.scheduler.run_now(schedule)
        await redis.zadd(RUNS + schedule.id, {"0" * 32: 1})
        assert [run.record.id for run in await clockwork.runs(schedule) if run.record] == [job_id]
        assert await redis.zcard(RUNS + schedule.id) == 1


class TestDueSchedules:
    async def test_an_owner_has_only_so_many(self, clockwork: Clockwork) -> None:
        for _ in range(3):
            await clockwork.schedule()
        with pytest.raises(Refusal) as refused:
            await clockwork.schedule()
        assert (refused.value.code, refused.value.limit) == ("too_many_schedules", 3)
        await clockwork.schedule(owner="bob")

    async def test_it_holds_its_blobs_until_it_is_deleted(self, clockwork: Clockwork, redis: ArqRedis) -> None:
        schedule = await clockwork.schedule()
        assert await redis.smembers(BLOB + BLOB_OF_IT) == {f"schedule:{schedule.id}".encode()}
        await clockwork.schedule_store.delete(schedule)
        assert set(await redis.keys("*")) == {UNNEEDED.encode(), UNNEEDED_OF.encode()}
        assert await redis.zrange(UNNEEDED, 0, -1) == [BLOB_OF_IT.encode()]

    @pytest.mark.parametrize("patch", [{"cron": "* * * *"}, {"timezone": "Mars"}, {"cron": "0 0 30 2 *"}])
    async def test_a_bad_change_changes_nothing(self, clockwork: Clockwork, patch: SchedulePatch) -> None:
        schedule = await clockwork.schedule()
        with pytest.raises(Refusal):
            await clockwork.schedule_store.change(schedule, patch)
        assert await clockwork.schedule_store.read("alice", schedule.id) == schedule

    async def test_what_was_due_while_it_was_paused_is_not_made_up_for(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        await clockwork.fall_due(schedule, ago_ms=5 * HOUR_MS)
        paused = await clockwork.schedule_store.change(schedule, {"paused": True})
        resumed = await clockwork.schedule_store.change(paused, {"paused": False})
        assert (await clockwork.scheduler.find_due()).due == ()
        assert resumed.next_ms is not None
        assert resumed.next_ms > await clockwork.now_ms()

    async def test_a_change_of_name_moves_no_due_time(self, clockwork: Clockwork) -> None:
        schedule = await clockwork.schedule()
        due_ms = await clockwork.fall_due(schedule, ago_ms=5_000)
        changed = await clockwork.schedule_store.change(schedule, {"name": "other", "description": None})
        assert (changed.name, changed.next_ms) == ("other", due_ms)
