"""Nobody's work waits behind somebody else's heap."""

import asyncio
from pathlib import Path

from arq.connections import ArqRedis

from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.record import State
from tasks.settings import Settings
from tests.support.engine_running import JobClient, settings_for, working
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tests.support.queue.fake_worker import FakeWorker, lapse
from tools.servers import Valkey


async def test_an_owner_with_10000_waiting_jobs_delays_anothers_first_by_no_more_than_the_running_ones(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    for _ in range(100):
        await asyncio.gather(*(job_client.submit("note", owner="heap", file=str(lines)) for _ in range(100)))
    slots = 5
    late: str | None = None
    async with working(redis, settings, concurrency={"default": slots}):
        await eventually(lambda: lines.exists() and len(lines.read_text().splitlines()) >= 50)
        late = await job_client.submit("note", owner="small", file=str(lines))
        before = len(lines.read_text().splitlines())
        await job_client.ended(late)

    order = [line.split()[0] for line in lines.read_text().splitlines()]
    # Between the submit and its start: what was running, and what one claim under way had taken.
    assert order.index(late) - before <= 3 * slots
    assert len(order) < 10_001, "the heap was finished first: this test shows nothing"


async def test_300_jobs_running_across_many_workers_hide_no_waiting_job_from_a_free_worker(
    redis: ArqRedis, job_client: JobClient, valkey: Valkey, tmp_path: Path
) -> None:
    async with (
        worker_process(redis, valkey.url, default=100),
        worker_process(redis, valkey.url, default=100),
        worker_process(redis, valkey.url, default=100),
    ):
        held = await asyncio.gather(
            *(job_client.submit("sleep", owner="many", seconds=30, file=str(tmp_path / "held")) for _ in range(300))
        )
        await asyncio.gather(*(job_client.until(job_id, State.RUNNING) for job_id in held))
        waiting = [await job_client.submit("nothing") for _ in range(5)]
        await asyncio.sleep(0.5)
        assert {(await job_client.read(job_id)).state for job_id in waiting} == {State.QUEUED}, "there was a free slot"
        async with worker_process(redis, valkey.url, default=1):
            records = [await job_client.ended(job_id) for job_id in waiting]

    assert all(record.state is State.SUCCEEDED for record in records)


async def test_an_owner_may_be_capped(redis: ArqRedis, job_client: JobClient, tmp_path: Path) -> None:
    capped = settings_for(redis, owner_max_running=2)
    async with working(redis, capped, concurrency={"default": 10}):
        held = [
            await job_client.submit("sleep", owner="greedy", seconds=0.5, file=str(tmp_path / "a")) for _ in range(6)
        ]
        await job_client.until(held[0], State.RUNNING)
        await job_client.ended(await job_client.submit("nothing", owner="other"), seconds=3)
        states = [(await job_client.read(job_id)).state for job_id in held]
        assert states.count(State.RUNNING) <= 2
        for job_id in held:
            assert (await job_client.ended(job_id)).state is State.SUCCEEDED


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    lanes = LaneControls(redis)
    await lanes.pause("default")
    async with working(redis, settings, concurrency={"default": 2, "media": 1}):
        job_id = await job_client.submit("nothing")
        await job_client.ended(await job_client.submit("nothing", queue="media"), seconds=3)
        assert (await job_client.read(job_id)).state is State.QUEUED
        await lanes.resume("default")
        assert (await job_client.ended(job_id, seconds=3)).state is State.SUCCEEDED


async def test_a_lane_with_a_rate_starts_no_faster(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    await LaneControls(redis).limit("default", "owner:slow", rate=20)
    async with working(redis, settings):
        jobs = [await job_client.submit("nothing", owner="slow") for _ in range(10)]
        records = [await job_client.ended(job_id) for job_id in jobs]

    starts = sorted(record.started_at or 0 for record in records)
    assert starts[-1] - starts[0] >= 9 * 50 - 20


async def test_the_suspects_of_a_queue_take_turns_with_its_other_jobs(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    lines, doomed = tmp_path / "lines", FakeWorker(redis, settings)
    suspects = [await job_client.submit("note", file=str(lines)) for _ in range(8)]
    for _ in range(2):
        for job in (await doomed.claim(len(suspects))).jobs:
            await lapse(redis, job)
        await doomed.claim(0)
    other = await job_client.submit("note", file=str(lines))
    async with working(redis, settings, concurrency={"default": 10}):
        for job_id in (*suspects, other):
            assert (await job_client.ended(job_id)).state is State.SUCCEEDED
    order = [line.split()[0] for line in lines.read_text().splitlines()]
    assert order.index(other) < len(suspects), "it waited for all of them"
