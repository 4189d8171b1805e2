"""A platform stops a worker process: SIGTERM, then SIGKILL after 30 seconds."""

import asyncio
import signal
import subprocess
import time
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.record import State
from tasks.queue.redis_keys import WORKERS
from tests.processes import worker_process
from tests.servers import Valkey
from tests.worker.working import Desk


async def exit_code(process: "subprocess.Popen[bytes]", within_s: float = 15) -> int:
    return await asyncio.wait_for(asyncio.to_thread(process.wait), within_s)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_running_jobs_end_waiting_ones_stay_and_the_process_exits_cleanly(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, desk: Desk, tmp_path: Path, sign: signal.Signals
) -> None:
    async with worker_process(mortal_redis, mortal_valkey.url, default=1) as process:
        running = await desk.submit("sleep", seconds=1, file=str(tmp_path / "a"))
        waiting = await desk.submit("sleep", seconds=1, file=str(tmp_path / "a"))
        await desk.until(running, State.RUNNING)
        process.send_signal(sign)
        assert await exit_code(process) == 0

    assert (await desk.read(running)).state is State.SUCCEEDED
    assert (await desk.read(waiting)).state is State.QUEUED
    assert await mortal_redis.zcard(WORKERS) == 0


async def test_a_job_longer_than_the_grace_is_handed_back_and_runs_elsewhere_at_once(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, desk: Desk, tmp_path: Path
) -> None:
    async with worker_process(
        mortal_redis, mortal_valkey.url, environment={"SHUTDOWN_GRACE_S": "0.5"}, default=1
    ) as process:
        job_id = await desk.submit("sleep", seconds=3, file=str(tmp_path / "a"))
        await desk.until(job_id, State.RUNNING)
        async with worker_process(mortal_redis, mortal_valkey.url, default=1):
            process.terminate()
            stopped = time.monotonic()
            assert await exit_code(process) == 0
            record = await desk.ended(job_id, seconds=20)

    assert [one["outcome"] for one in record.attempts] == ["handed_back", "succeeded"]
    assert record.tries == 0
    # Three seconds of work, half a second of grace; no lease had to lapse.
    assert time.monotonic() - stopped < 10


async def test_a_second_signal_stops_at_once(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, desk: Desk, tmp_path: Path
) -> None:
    async with worker_process(mortal_redis, mortal_valkey.url, default=1) as process:
        job_id = await desk.submit("sleep", seconds=60, file=str(tmp_path / "a"))
        await desk.until(job_id, State.RUNNING)
        process.terminate()
        await asyncio.sleep(0.3)
        process.terminate()
        assert await exit_code(process, within_s=5) == 0

    assert (await desk.read(job_id)).state is State.QUEUED


async def test_a_stop_while_redis_is_away_does_not_hang(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, desk: Desk, tmp_path: Path
) -> None:
    async with worker_process(
        mortal_redis, mortal_valkey.url, environment={"SHUTDOWN_GRACE_S": "0.5"}, default=1
    ) as process:
        job_id = await desk.submit("sleep", seconds=60, file=str(tmp_path / "a"))
        await desk.until(job_id, State.RUNNING)
        mortal_valkey.kill()
        process.terminate()
        assert await exit_code(process, within_s=25) == 0
