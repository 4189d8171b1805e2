"""`python -m worker --check` finds a worker that does not run, for the health checks of containers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.outbound.client import VERSION
from tasks.queue.redis_keys import WORKER, WORKER_MS, WORKERS
from tasks.queue.watch.workers import WorkerRecord, WorkerRegistry
from tasks.settings import Settings
from tests.support.processes import ROOT, worker_process
from tools.servers import Valkey, free_port
from worker.check import check, state_of_host


@pytest.fixture
def settings(valkey: Valkey, redis: ArqRedis) -> Settings:
    return Settings(_env_file=None, storage_url="memory://", redis_url=valkey.url)


async def make_beat_old(redis: ArqRedis, pid: int) -> None:
    """Let the last beat of this process be as old as that of one that was stopped for a while."""
    for key in [WORKER.encode() + worker for worker in await redis.zrange(WORKERS, 0, -1)]:
        record = json.loads(await redis.get(key) or b"{}")
        if record["pid"] == pid:
            record["beat_ms"] -= WORKER_MS
            await redis.set(key, json.dumps(record), keepttl=True)


def run_worker(*args: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "worker", *args]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


async def test_without_a_worker_on_this_host_it_fails(redis: ArqRedis, settings: Settings) -> None:
    status, line = await check(settings)
    assert (status, line) == (1, f"No worker of host {socket.gethostname()} beats")


async def test_a_worker_that_beats_is_alive_and_one_that_was_stopped_is_found(
    redis: ArqRedis, settings: Settings, valkey: Valkey
) -> None:
    async with worker_process(redis, valkey.url, default=1) as first:
        done = await asyncio.to_thread(run_worker, "--check", REDIS_URL=valkey.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"worker: alive: {socket.gethostname()}:{first.pid}:")
        async with worker_process(redis, valkey.url, default=1) as second:
            second.send_signal(signal.SIGSTOP)
            await make_beat_old(redis, second.pid)
            status, line = await check(settings)
            assert (status, f":{second.pid}:" in line) == (1, True), "the first alone is not enough"
            second.send_signal(signal.SIGCONT)
        # Killed: its record says nothing of those that are left.
        assert (await check(settings))[0] == 0
        first.send_signal(signal.SIGSTOP)
        await make_beat_old(redis, first.pid)
        assert (await check(settings))[0] == 1


async def test_a_record_of_an_earlier_process_of_the_same_id_does_not_count(
    redis: ArqRedis, settings: Settings, valkey: Valkey
) -> None:
    """As the first process of each container has."""
    async with worker_process(redis, valkey.url, default=1) as process:
        (worker,) = await redis.zrange(WORKERS, 0, -1)
        earlier = json.loads(await redis.get(WORKER.encode() + worker) or b"{}")
        earlier |= {"id": "earlier", "beat_ms": earlier["beat_ms"] - 60_000, "started_ms": 1}
        await redis.set(f"{WORKER}earlier", json.dumps(earlier), px=60_000)
        await redis.zadd(WORKERS, {"earlier": earlier["beat_ms"]})
        assert (await check(settings))[0] == 0
        assert process.poll() is None


async def test_without_redis_it_says_so(settings: Settings, tmp_path: Path) -> None:
    status, line = await check(
        settings.model_copy(update={"redis_url": Settings(redis_url=f"redis://127.0.0.1:{free_port()}").redis_url})
    )
    assert (status, "Redis does not answer" in line) == (1, True)


def test_it_says_what_the_sandbox_lacks() -> None:
    lacking = WorkerRecord("w", "host", os.getpid(), ("media",), beat_ms=1_000, sandbox_lacks=("seccomp", "landlock"))
    status, line = state_of_host(WorkerRegistry(1_000, (lacking,), frozenset()), "host")
    assert (status, line) == (0, "alive: w (the sandbox lacks seccomp and landlock: see docs/operations.md)")


def test_it_says_its_version() -> None:
    assert run_worker("--version").stdout == f"{VERSION}\n"
