"""A process of ARQ's own command does what every worker process does beside running jobs."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from arq.connections import ArqRedis
from arq.constants import health_check_key_suffix

from tasks.queue.connect import close, connect
from tasks.queue.process_registry import Fingerprint
from tasks.queue.redis_keys import PROCESSES, WORKERS, arq_queue
from tasks.queue.series.rings import RINGS, read_series
from tasks.queue.watch.workers import WorkerRecord, read_workers
from tasks.settings import Settings
from tests.support.engine_running import JobClient
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.processes import start
from tools.servers import Valkey
from worker.check import ALIVE, state_of_host

WORKER = ("arq", "tests.support.processes.default")


@asynccontextmanager
async def arq_worker(
    redis: ArqRedis, url: str, lines: Path, **environment: str
) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """ARQ's own worker, once it has beaten; killed at the end of the block if it still runs."""
    process = start(url, *WORKER, lines=lines, **environment)
    try:

        async def lives() -> bool:
            assert process.poll() is None, lines.read_text()
            return bool(await redis.zcard(WORKERS))

        await eventually(lives)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


async def ended(process: "subprocess.Popen[bytes]") -> int:
    return await asyncio.to_thread(process.wait, PATIENCE_S)


async def test_it_is_listed_with_its_jobs_and_leaves_when_it_stops(
    redis: ArqRedis, job_client: JobClient, valkey: Valkey, tmp_path: Path
) -> None:
    # This takes five seconds: its second beat is the first that has the job.
    job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "file"))
    async with arq_worker(redis, valkey.url, tmp_path / "lines", SHUTDOWN_GRACE_S="0") as process:
        worker = await busy(redis)
        assert [job.job for job in worker.doing] == [job_id]
        assert (worker.pid, worker.queues) == (process.pid, ("default",))
        assert worker.rss_mb is not None
        assert state_of_host(await read_workers(redis), worker.host)[0] == ALIVE
        assert await redis.zcard(PROCESSES) == 1
        depths = [one["default"].due for one in (await read_series(redis, RINGS["hour"])).depths if one]
        assert depths == [1], "it sampled before it took the job: what it runs is counted from the first job on"
        assert 0 < await redis.pttl(arq_queue("default") + health_check_key_suffix) < 60_000
        process.send_signal(signal.SIGTERM)
        await ended(process)
    assert not (await read_workers(redis)).workers
    assert not await redis.zcard(PROCESSES)


async def busy(redis: ArqRedis) -> WorkerRecord:
    registry = await eventually(lambda: read_workers(redis), lambda seen: any(one.running for one in seen.workers))
    (worker,) = registry.workers
    assert isinstance(worker, WorkerRecord)
    return worker


async def test_it_does_not_start_beside_another_installation(redis: ArqRedis, valkey: Valkey, tmp_path: Path) -> None:
    other = Settings(_env_file=None, storage_url="memory://", secret_key="o" * 32)
    await redis.zadd(PROCESSES, {f"{Fingerprint.of(other)} elsewhere:1:00000000": time.time() * 1000})
    await redis.expire(PROCESSES, 60)
    lines = tmp_path / "lines"
    process = start(valkey.url, *WORKER, lines=lines, START_WAIT_S="0", SECRET_KEY="k" * 32)
    assert await ended(process) == 3
    last = lines.read_text().splitlines()[-1]
    assert last.startswith("worker: REDIS_URL: another Pressroom (on elsewhere)")
    await redis.delete(PROCESSES)


async def test_it_notices_that_redis_is_full(tmp_path: Path) -> None:
    with Valkey() as own:
        redis = connect(own.url)
        lines = tmp_path / "lines"
        async with arq_worker(redis, own.url, lines) as process:

            async def fill() -> bool:
                used = (await redis.info("memory"))["used_memory"]  # less of it with each client that goes
                await redis.config_set("maxmemory", int(used * 1.05))
                return "redis.full" in lines.read_text()

            await eventually(fill)
            process.send_signal(signal.SIGTERM)
            await ended(process)
        await close(redis)
