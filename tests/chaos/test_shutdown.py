"""A platform stops a process: SIGTERM, then SIGKILL after 30 seconds."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.records.record import State
from tasks.queue.redis_keys import CHANGES, WORKERS
from tests.support.api.event_source import listening, streamed, until_end
from tests.support.api.web_process import web_process
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import ROOT, worker_process
from tools.servers import Valkey, start_process


async def exit_code(process: "subprocess.Popen[bytes]", within_s: float = 15) -> int:
    return await asyncio.wait_for(asyncio.to_thread(process.wait), within_s)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_running_jobs_end_waiting_ones_stay_and_the_process_exits_cleanly(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, sign: signal.Signals
) -> None:
    async with worker_process(mortal_redis, mortal_valkey.url, default=1) as process:
        running = await job_client.submit("sleep", seconds=1, file=str(tmp_path / "a"))
        waiting = await job_client.submit("sleep", seconds=1, file=str(tmp_path / "a"))
        await job_client.until(running, State.RUNNING)
        process.send_signal(sign)
        assert await exit_code(process) == 0

    assert (await job_client.read(running)).state is State.SUCCEEDED
    assert (await job_client.read(waiting)).state is State.QUEUED
    assert await mortal_redis.zcard(WORKERS) == 0


async def test_a_job_longer_than_the_grace_is_handed_back_and_runs_elsewhere_at_once(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    async with worker_process(
        mortal_redis, mortal_valkey.url, environment={"SHUTDOWN_GRACE_S": "0.5"}, default=1
    ) as process:
        job_id = await job_client.submit("sleep", seconds=6, file=str(tmp_path / "a"))
        await job_client.until(job_id, State.RUNNING)
        async with worker_process(mortal_redis, mortal_valkey.url, default=1):
            process.terminate()
            stopped = time.monotonic()
            assert await exit_code(process) == 0
            record = await job_client.ended(job_id, seconds=20)

    assert [one["outcome"] for one in record.attempts] == ["handed_back", "succeeded"]
    assert record.tries == 0
    # Six seconds of work, half a second of grace; no lease had to lapse.
    assert time.monotonic() - stopped < 13


@pytest.mark.parametrize("gap_s", [0, 0.05, 1])
async def test_several_sigterms_leave_the_grace_as_it_is(
    mortal_redis: ArqRedis,
    mortal_valkey: Valkey,
    job_client: JobClient,
    tmp_path: Path,
    gap_s: float,
    seeded: random.Random,
) -> None:
    """Some platforms send the signal to each process and to its group, and again when it still runs."""
    async with worker_process(mortal_redis, mortal_valkey.url, default=1) as process:
        job_id = await job_client.submit("sleep", seconds=2, file=str(tmp_path / "a"))
        await job_client.until(job_id, State.RUNNING)
        for _ in range(2):
            process.terminate()
            await asyncio.sleep(gap_s * (0.5 + seeded.random()))
        assert await exit_code(process) == 0

    record = await job_client.read(job_id)
    assert record.state is State.SUCCEEDED
    assert [one["outcome"] for one in record.attempts] == ["succeeded"]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_ctrl_c_stops_at_once(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, first: signal.Signals
) -> None:
    async with worker_process(mortal_redis, mortal_valkey.url, default=1) as process:
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "a"))
        await job_client.until(job_id, State.RUNNING)
        process.send_signal(first)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert await exit_code(process, within_s=5) == 0

    assert (await job_client.read(job_id)).state is State.QUEUED


UNDER_HONCHO = """
import sys
from honcho.manager import Manager
from tools.one_machine import stop_like_a_platform
stop_like_a_platform(30)
manager = Manager()
manager.add_process("worker", f"{sys.executable} -m tests.support.processes default=1")
manager.loop()
"""


async def test_a_second_ctrl_c_reaches_what_bin_dev_started(
    mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    variables = {
        **os.environ,
        "REDIS_URL": mortal_valkey.url,
        "STORAGE_URL": "memory://",
        "SHUTDOWN_GRACE_S": "5",
    }
    process = start_process([sys.executable, "-c", UNDER_HONCHO], last=signal.SIGTERM, cwd=ROOT, env=variables)
    try:
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "a"))
        await job_client.until(job_id, State.RUNNING)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, 1)
        process.send_signal(signal.SIGINT)
        await exit_code(process)
    finally:
        process.terminate()  # it ends the worker
        await exit_code(process, within_s=40)
    assert (await job_client.read(job_id)).state is State.QUEUED


async def test_a_stop_while_redis_is_away_does_not_hang(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    async with worker_process(
        mortal_redis, mortal_valkey.url, environment={"SHUTDOWN_GRACE_S": "0.5"}, default=1
    ) as process:
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "a"))
        await job_client.until(job_id, State.RUNNING)
        mortal_valkey.kill()
        process.terminate()
        assert await exit_code(process, within_s=25) == 0


# At a SIGTERM the server, once it has shut down, lets the signal have its way.
@pytest.mark.parametrize(("sign", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
async def test_the_web_process_lets_go_who_listens_and_who_waits(
    mortal_redis: ArqRedis,
    mortal_valkey: Valkey,
    job_client: JobClient,
    tmp_path: Path,
    sign: signal.Signals,
    status: int,
) -> None:
    awaited, followed = [await job_client.submit("sleep", seconds=60, file=str(tmp_path / "a")) for _ in range(2)]
    lines = tmp_path / "web.log"
    environment = {"API_KEYS": "", "LOG_LEVEL": "info"}
    with web_process(mortal_valkey.url, "memory://", environment, lines=lines) as web:
        async with httpx.AsyncClient(base_url=web.url, timeout=30) as client:
            waiting = asyncio.create_task(client.get(f"/v1/jobs/{awaited}?wait=20"))
            async with listening(client, followed) as events, streamed(client, "/v1/changes") as changes:
                assert (await anext(events)).name == "snapshot"
                assert "ready" in [(await anext(changes)).name for _ in range(2)]  # or a comment
                await eventually(lambda: mortal_redis.pubsub_channels(f"{CHANGES}?*"), lambda seen: len(seen) == 2)
                for _ in range(2 if sign == signal.SIGTERM else 1):
                    web.process.send_signal(sign)
                began = time.monotonic()
                assert await until_end(events) == []
                assert {event.name for event in await until_end(changes)} <= {"", "jobs"}
            answer = await waiting
        assert await exit_code(web.process, within_s=10) == status
        assert time.monotonic() - began < 3

    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    told = lines.read_text()
    assert "Finished server process" in told
    assert "Traceback" not in told
    assert "CancelledError" not in told
