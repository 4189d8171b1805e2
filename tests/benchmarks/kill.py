"""`bin/bench kill`: how long after `kill -9` of its worker a job runs again, on another worker."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from tasks.queue.connect import close, connect
from tasks.queue.records.record import State
from tests.benchmarks.harness.report import Report, Row
from tests.benchmarks.queue import ours
from tests.support.engine_running import JobClient, settings_for
from tests.support.processes import worker_process
from tools.servers import Valkey

ROUNDS = 4
JOBS = 10
AGAIN_WITHIN_S = 15


async def again() -> list[float]:
    """Seconds from the kill to each job's second start."""
    with Valkey() as valkey, tempfile.TemporaryDirectory() as folder:
        redis = connect(valkey.url)
        job_client = JobClient(redis, settings_for(redis))
        job_client.watch.start()
        clock: Callable[[], object] = redis.time
        async with worker_process(redis, valkey.url, default=JOBS) as doomed:
            held = [await job_client.submit("sleep", seconds=13, file=str(Path(folder) / "lines")) for _ in range(JOBS)]
            for job_id in held:
                await job_client.until(job_id, State.RUNNING)
            async with worker_process(redis, valkey.url, default=JOBS):
                doomed.kill()
                seconds, micros = await clock()  # type: ignore[misc]
                killed = seconds + micros / 1e6
                records = [await job_client.ended(job_id, seconds=60) for job_id in held]
        await job_client.watch.stop()
        await close(redis)
    return [(record.started_at or 0) / 1000 - killed for record in records]


def run() -> Report:
    waits = [seconds for _ in range(ROUNDS) for seconds in asyncio.run(again())]
    mine = ours()
    rows = [
        Row("a killed worker's job runs again, median, s", sorted(waits)[len(waits) // 2], at_most=AGAIN_WITHIN_S),
        Row("a killed worker's job runs again, longest, s", max(waits), at_most=AGAIN_WITHIN_S),
    ]
    return Report("kill", rows, {mine.name: mine.version})
