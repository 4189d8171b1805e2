"""Redis' clock is set while jobs run: to Redis all leases have lapsed at once, though every worker lives."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.records.record import State
from tests.support.engine_running import JobClient, settings_for
from tests.support.processes import worker_process
from tests.support.queue.set_clock import SetClockRedis, missing

JUMP_S = 60
pytestmark = pytest.mark.skipif(missing() is not None, reason=f"clock jumps: {missing()}")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[ArqRedis, JobClient]]:
    redis = connect(url)
    async with JobClient(redis, settings_for(redis)) as job_client:
        yield redis, job_client
    await close(redis)


async def run_under_jumps(tmp_path: Path, chance: random.Random, *, jobs_s: float, jumps: int, pause_s: float) -> None:
    """Twelve jobs in two workers, and one more after each jump."""
    lines, logs = tmp_path / "lines", [tmp_path / "log-1", tmp_path / "log-2"]
    with SetClockRedis(tmp_path) as server:
        async with (
            connected(server.url) as (redis, job_client),
            worker_process(redis, server.url, lines=logs[0], default=10) as first,
            worker_process(redis, server.url, lines=logs[1], default=10) as second,
        ):
            ids = [await job_client.submit("sleep", seconds=jobs_s, file=str(lines)) for _ in range(12)]
            for job_id in ids:
                await job_client.until(job_id, State.RUNNING)
            for n in range(jumps):
                await asyncio.sleep(pause_s * (0.5 + chance.random()))
                server.jump(JUMP_S if n == 0 else chance.choice((JUMP_S, -JUMP_S)))
                ids.append(await job_client.submit("sleep", seconds=0.1, file=str(lines)))
            records = [await job_client.ended(job_id, seconds=jobs_s + 60) for job_id in ids]
            assert (first.poll(), second.poll()) == (None, None)

    assert Counter(record.state for record in records) == {State.SUCCEEDED: len(ids)}
    assert Counter(one["outcome"] for record in records for one in record.attempts) == {"succeeded": len(ids)}
    written = Counter(line.split()[0] for line in lines.read_text().splitlines())
    assert set(written.values()) == {2}, "a line at the start and one at the end, once"
    assert not any("job.lost" in log.read_text() or "Traceback" in log.read_text() for log in logs)


async def test_jobs_go_on_when_the_clock_of_redis_jumps_by_a_minute(tmp_path: Path, seeded: random.Random) -> None:
    await run_under_jumps(tmp_path, seeded, jobs_s=6, jumps=3, pause_s=1.5)


@pytest.mark.long
@pytest.mark.seconds(400)
async def test_jobs_go_on_while_the_clock_of_redis_jumps_again_and_again(tmp_path: Path, seeded: random.Random) -> None:
    await run_under_jumps(tmp_path, seeded, jobs_s=50, jumps=12, pause_s=4)
