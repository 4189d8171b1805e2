"""A function holds up the event loop of its worker: leases are renewed all the same, but not for ever."""

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.records.record import State
from tasks.queue.redis_keys import LEASE_MS
from tasks.queue.watch.workers import read_workers
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey
from worker.duties.loop_monitor import EXIT_STALLED


async def wait_for_line(lines: Path, job_id: str) -> None:
    """Wait until the job's function has begun: nothing else of its worker speaks meanwhile."""
    await eventually(lambda: lines.exists() and job_id in lines.read_text())


def told(log: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def test_leases_are_renewed_while_a_function_computes_and_the_log_names_it(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines, log = tmp_path / "lines", tmp_path / "log"
    async with worker_process(mortal_redis, mortal_valkey.url, lines=log, default=5):
        neighbour = await job_client.submit("sleep", seconds=1, file=str(lines))
        await job_client.until(neighbour, State.RUNNING)
        spinning = await job_client.submit("spin", seconds=6, file=str(lines))
        await wait_for_line(lines, spinning)
        last_beat_ms = (await read_workers(mortal_redis)).workers[0].beat_ms
        await asyncio.sleep(5.3)
        (worker,) = (await read_workers(mortal_redis)).workers
        assert worker.beat_ms == last_beat_ms, "`worker --check` would not find it: beats come from the loop alone"
        for job_id in (neighbour, spinning):
            left_ms = await mortal_redis.pttl(in_progress_key_prefix + job_id)
            assert left_ms > LEASE_MS - 5000, "nobody has renewed it for as long as the function runs"
        records = [await job_client.ended(job_id) for job_id in (neighbour, spinning)]

    assert [[one["outcome"] for one in record.attempts] for record in records] == [["succeeded"]] * 2
    blocked = told(log, "loop.blocked")
    assert {line["job"] for line in blocked} == {spinning}
    assert "kinds.py" in blocked[0]["at"][-1]
    assert told(log, "job.lost") == []


@pytest.mark.long
@pytest.mark.seconds(400)
async def test_a_function_that_computes_for_20_seconds_runs_once_and_its_neighbours_do_not_lapse(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    async with (
        worker_process(mortal_redis, mortal_valkey.url, default=5),
        worker_process(mortal_redis, mortal_valkey.url, default=5),
    ):
        ids = [await job_client.submit("sleep", seconds=18, file=str(lines)) for _ in range(8)]
        for job_id in ids:
            await job_client.until(job_id, State.RUNNING)
        ids.append(await job_client.submit("spin", seconds=20, file=str(lines)))
        records = [await job_client.ended(job_id, seconds=60) for job_id in ids]

    assert Counter(one["outcome"] for record in records for one in record.attempts) == {"succeeded": 9}
    written = Counter(line.split()[0] for line in lines.read_text().splitlines())
    assert set(written.values()) == {2}, "a line at the start and one at the end, once"


async def test_a_loop_that_stands_still_for_its_limit_ends_the_process_loudly(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines, log = tmp_path / "lines", tmp_path / "log"
    limit = {"LOOP_STALL_S": "1.5"}
    async with worker_process(mortal_redis, mortal_valkey.url, environment=limit, lines=log, default=5) as process:
        spinning = await job_client.submit("spin", seconds=60, file=str(lines))
        status = await asyncio.wait_for(asyncio.to_thread(process.wait), 30)
    assert status == EXIT_STALLED
    (line,) = told(log, "loop.stalled")
    assert (line["level"], line["job"], line["kind"]) == ("critical", spinning, "spin")


async def test_a_process_that_was_stopped_as_a_whole_goes_on(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    lines, log = tmp_path / "lines", tmp_path / "log"
    limit = {"LOOP_STALL_S": "1.5"}
    async with worker_process(mortal_redis, mortal_valkey.url, environment=limit, lines=log, default=5) as process:
        job_id = await job_client.submit("sleep", seconds=1, file=str(lines))
        await job_client.until(job_id, State.RUNNING)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(3.5)
        process.send_signal(signal.SIGCONT)
        record = await job_client.ended(job_id)
        assert process.poll() is None
    assert [one["outcome"] for one in record.attempts] == ["succeeded"]
    assert told(log, "loop.stalled") == []
