"""Ticking: worker processes over one due time, outages, lines of the page, and ARQ's own cron beside us."""

import asyncio
import random
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.worker import Worker

from tasks.catalogue import KINDS as CATALOGUE
from tasks.queue.connect import close, connect
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.redis_keys import SCHEDULE, SCHEDULES, TICKING, arq_queue
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.cron import next_due
from tasks.schedule.runs import ScheduleRun, read_runs
from tasks.schedule.scheduler import FireResult, Scheduler
from tasks.schedule.store import BuiltInSchedule, SchedulePatch, ScheduleRecord, ScheduleStore
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.kinds import KINDS, Anything
from tests.support.processes import ROOT, SCHEDULED, worker_process
from tools.servers import Valkey, ending_with_us
from worker.arq_compat.settings import arq_cron
from worker.duties import ticker
from worker.redis_health import RedisHealth

PATIENCE_S = 15.0
HOUR_S = 3600
SCHEDULES_AT_ONCE = 10


class Times:
    """Schedules whose runs leave a line in a file, and the times at which they are due."""

    def __init__(self, redis: ArqRedis, settings: Settings, file: Path) -> None:
        self.redis, self.settings = redis, settings
        self.schedule_store = ScheduleStore(redis, settings)
        self.scheduler = Scheduler(redis, settings)
        self.file = file

    async def schedule(self, cron: str = "0 0 1 1 *", **options: Any) -> ScheduleRecord:
        said: SchedulePatch = {"cron": cron, "timezone": "UTC", "overlap": "skip", "misfire": HOUR_S, **options}  # type: ignore[typeddict-item]
        params = Anything(file=str(self.file)).model_dump_json()
        return await self.schedule_store.create("dev", said, Submission("note", "default", "dev", params))

    async def set_due(self, *schedules: ScheduleRecord, in_s: float) -> int:
        due_ms = (await self.scheduler.find_due()).now_ms + int(in_s * 1000)
        await self.redis.zadd(SCHEDULES, dict.fromkeys((one.id for one in schedules), due_ms))
        return due_ms

    async def runs(self, schedule: ScheduleRecord) -> list[ScheduleRun]:
        return (await read_runs(self.redis, schedule.id, limit=100, cursor=None))[0]

    async def until_ran(self, *schedules: ScheduleRecord) -> list[ScheduleRun]:
        """The newest run of each, when all have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                newest = [(await self.runs(one))[:1] for one in schedules]
                records = [run.record for runs in newest for run in runs]
                if len(records) == len(schedules) and all(one is not None and one.state.ended for one in records):
                    return [runs[0] for runs in newest]
                await asyncio.sleep(0.02)

    @property
    def built_in(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []


@pytest.fixture
def times(redis: ArqRedis, settings: Settings, tmp_path: Path) -> Times:
    return Times(redis, settings, tmp_path / "lines")


async def test_three_workers_run_one_due_time_once(redis: ArqRedis, valkey: Valkey, times: Times) -> None:
    schedules = [await times.schedule() for _ in range(SCHEDULES_AT_ONCE)]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(worker_process(redis, valkey.url, default=10))
        due_ms = await times.set_due(*schedules, in_s=1.2)
        ran = await times.until_ran(*schedules)
        # Each worker has looked again by then, and found nothing that is due.
        await asyncio.sleep(1.2)
    assert {run.due_at for run in ran} == {due_ms}
    assert all(run.record and run.record.started_at and run.record.started_at - due_ms < 10_000 for run in ran)
    assert len(times.built_in) == SCHEDULES_AT_ONCE
    assert [len(await times.runs(one)) for one in schedules] == [1] * SCHEDULES_AT_ONCE


async def test_what_was_missed_while_everything_was_down_runs_once_on_start(
    redis: ArqRedis, valkey: Valkey, times: Times
) -> None:
    often = await times.schedule("*/10 * * * *")
    seldom, too_late = await times.schedule(), await times.schedule()
    await times.set_due(often, in_s=-5 * HOUR_S)
    due_ms = await times.set_due(seldom, in_s=-HOUR_S / 2)
    missed_ms = await times.set_due(too_late, in_s=-2 * HOUR_S)
    async with worker_process(redis, valkey.url, default=10):
        made_up, late = await times.until_ran(often, seldom)
    assert late.due_at == due_ms
    assert made_up.due_at % 600_000 == 0
    assert [run.reason for run in await times.runs(often)] == [None, "missed"]
    assert [(run.due_at, run.reason) for run in await times.runs(too_late)] == [(missed_ms, "missed")]
    assert len(times.built_in) == 2


async def test_a_worker_comes_back_to_its_schedules_after_an_outage(tmp_path: Path, settings: Settings) -> None:
    with Valkey(appendonly=True, folder=tmp_path / "valkey") as server:
        client = connect(server.url)
        times = Times(client, settings, tmp_path / "lines")
        schedule = await times.schedule()
        async with working(client, settings):
            await times.set_due(schedule, in_s=0)
            await times.until_ran(schedule)
            server.kill()
            await asyncio.sleep(0.3)
            server.start()
            await times.set_due(schedule, in_s=0)
            await eventually(lambda: len(times.built_in) >= 2)
        await close(client)


class TestBuiltInSchedules:
    async def names(self, redis: ArqRedis) -> list[str]:
        return sorted(one.decode() for one in await redis.zrange(SCHEDULES, 0, -1))

    @pytest.fixture
    def line(self) -> BuiltInSchedule:
        return BuiltInSchedule(KINDS["nothing"], "0 0 1 1 *", "Does nothing.", misfire=HOUR_S)

    async def test_a_worker_installs_them_and_removes_those_that_are_gone(
        self, redis: ArqRedis, settings: Settings, job_client: JobClient, line: BuiltInSchedule
    ) -> None:
        schedule_store = ScheduleStore(redis, settings)
        await self.install_long_ago(redis, schedule_store)
        async with working(redis, settings, built_in=[line]):
            await self.until_alone(redis)
            now_ms = (await Scheduler(redis, settings).find_due()).now_ms
            await redis.zadd(SCHEDULES, {"nothing": now_ms})
            assert (await job_client.ended(await self.last(schedule_store))).owner == "system"

    async def install_long_ago(self, redis: ArqRedis, schedule_store: ScheduleStore) -> None:
        await schedule_store.install(BuiltInSchedule(KINDS["refuse"], "0 0 1 1 *", "Of an older version."))
        await redis.hset(f"{SCHEDULE}refuse", "installed_at", 1)

    async def until_alone(self, redis: ArqRedis) -> None:
        await eventually(lambda: self.names(redis), ["nothing"])

    async def test_what_an_older_worker_puts_back_goes_once_it_is_gone(
        self, redis: ArqRedis, settings: Settings, line: BuiltInSchedule, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And stays as long as it is there, so that two versions do not take away each other's lines."""
        monkeypatch.setattr(ticker, "INSTALL_S", 0.05)
        schedule_store = ScheduleStore(redis, settings)
        async with working(redis, settings, built_in=[line]):
            await self.until_alone(redis)
            await schedule_store.install(BuiltInSchedule(KINDS["refuse"], "0 0 1 1 *", "Of an older version."))
            seen = await self.installed_at(redis)
            await eventually(lambda: self.installed_at(redis), lambda at: at >= seen + 100)
            assert await self.names(redis) == ["nothing", "refuse"]
            await redis.hset(f"{SCHEDULE}refuse", "installed_at", 1)
            await self.until_alone(redis)

    async def installed_at(self, redis: ArqRedis) -> int:
        return int(await redis.hget(f"{SCHEDULE}nothing", "installed_at") or 0)

    async def last(self, schedule_store: ScheduleStore) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                schedule = await schedule_store.find("nothing")
                if schedule and schedule.last_run:
                    return schedule.last_run
                await asyncio.sleep(0.01)

    def test_each_names_a_kind_and_is_told_in_words(self) -> None:
        for line in BUILT_IN:
            assert CATALOGUE[line.kind.name] is line.kind
            assert line.kind.params.model_validate_json("{}")
            assert line.description.endswith(".")
        assert len({line.kind.name for line in BUILT_IN}) == len(BUILT_IN)


class TestBesideArqsCron:
    def test_arq_reads_every_line_as_we_do(self) -> None:
        extra = [
            BuiltInSchedule(KINDS["nothing"], cron, "")
            for cron in ("30 6 * * MON-FRI", "0 0 1,15 * *", "*/7 1-3 * 2 *")
        ]
        chance = random.Random(5)  # noqa: S311 - the same times in every run
        for line in (*BUILT_IN, *extra):
            cron = arq_cron(line)
            for _ in range(40):
                after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(400 * 86_400))
                cron.calculate_next(after)
                assert cron.next_run is not None
                assert cron.next_run.timestamp() * 1000 == next_due(line.cron, "UTC", int(after.timestamp() * 1000))
            assert line.timezone == "UTC", "ARQ's worker knows one zone"

    async def test_arqs_cron_gives_the_id_that_our_ticker_gives(self, redis: ArqRedis, settings: Settings) -> None:
        line = BuiltInSchedule(KINDS["nothing"], "* * * * *", "")
        schedule_store, scheduler = ScheduleStore(redis, settings), Scheduler(redis, settings)
        await schedule_store.install(line)
        worker = Worker(cron_jobs=[arq_cron(line)], redis_pool=redis, handle_signals=False, timezone=UTC)
        (cron,) = worker.cron_jobs
        due = datetime.now(UTC).replace(second=0, microsecond=0)
        due_ms = int(due.timestamp() * 1000)
        cron.next_run = due
        await worker.run_cron(due, 0.5)
        assert await redis.exists(f"{job_key_prefix}nothing:{due_ms}")
        await redis.zadd(SCHEDULES, {"nothing": due_ms})
        assert await scheduler.fire("nothing", due_ms, due_ms) == FireResult("made", f"nothing:{due_ms}")
        assert await redis.zcard(arq_queue("default")) == 1

    async def test_the_stock_command_runs_a_due_time_once_with_its_record(
        self, redis: ArqRedis, settings: Settings, job_client: JobClient, valkey: Valkey
    ) -> None:
        schedule_store, scheduler = ScheduleStore(redis, settings), Scheduler(redis, settings)
        await schedule_store.install(SCHEDULED)
        due_ms = (await scheduler.find_due()).now_ms
        await redis.zadd(SCHEDULES, {"nothing": due_ms})
        await redis.enqueue_job("nothing", _job_id=f"nothing:{due_ms}")
        command = await asyncio.create_subprocess_exec(
            *ending_with_us([sys.executable, "-m", "arq", "tests.support.processes.scheduled", "--burst"]),
            cwd=ROOT,
            env={"REDIS_URL": valkey.url, "DEV": "1", "STORAGE_URL": "memory://", "PATH": ""},
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            _, said = await command.communicate()
        assert command.returncode == 0, said.decode()
        record = await job_client.read(f"nothing:{due_ms}")
        assert (record.state, record.schedule, len(record.attempts)) == (State.SUCCEEDED, "nothing", 1)
        runs, _ = await read_runs(redis, "nothing", limit=10, cursor=None)
        assert [run.due_at for run in runs] == [due_ms]


async def test_one_process_at_a_time_handles_what_is_due(redis: ArqRedis, times: Times) -> None:
    """After an outage that takes each of them as long."""
    schedule = await times.schedule()
    await times.set_due(schedule, in_s=-5)
    due = ticker.Ticker(redis, times.settings, (), RedisHealth())
    async with times.scheduler.turn() as is_ours:
        assert is_ours
        await due.tick()
        assert await times.runs(schedule) == [], "it is another's turn"
    await due.tick()
    assert len(await times.runs(schedule)) == 1
    assert await redis.exists(TICKING) == 0
