"""Worker processes of the tests' own: the real engine, with the catalogue's kinds and those of `tests.support.kinds`,
and ARQ's own worker with the latter.

`python -m tests.support.processes default=10 media=2` runs the engine on REDIS_URL;
`arq tests.support.processes.default` is ARQ's own worker.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop
from arq.connections import ArqRedis

from tasks import catalogue
from tasks.queue.redis_keys import QUEUES, WORKERS
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from tasks.telemetry import logs, tracing
from tests.support.eventually import eventually
from tests.support.kinds import KINDS
from tools.servers import start_process
from worker.arq_compat.engine_worker import EngineWorker
from worker.arq_compat.settings import arq_settings
from worker.engine import Engine
from worker.resources import open_resources

ROOT = Path(__file__).parents[2]
ALL_KINDS = {**catalogue.KINDS, **KINDS}
SCHEDULED = BuiltInSchedule(KINDS["nothing"], "0 0 1 1 *", "Does nothing.")
"""The schedule of `arq tests.support.processes.scheduled`."""
WITH_SCHEDULES = "TEST_WITH_SCHEDULES"
"""A worker process with this in its environment has the schedules of the service. Others do nothing by the clock."""
PATIENCE_S = 20.0


async def work(concurrency: dict[str, int]) -> None:
    settings = Settings()
    logs.configure(settings)
    tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-worker")
    resources = open_resources(settings, ALL_KINDS)
    engine = Engine(
        resources,
        settings,
        concurrency=concurrency,
        kinds=ALL_KINDS,
        built_in=BUILT_IN if WITH_SCHEDULES in os.environ else (),
    )
    await EngineWorker(engine, resources.redis, settings, kinds=ALL_KINDS).async_run()
    await resources.close()


def __getattr__(name: str) -> dict[str, Any]:
    if name in QUEUES:
        return arq_settings(name, Settings(), KINDS, built_in=())
    if name == "scheduled":
        return arq_settings("default", Settings(), KINDS, [SCHEDULED])
    raise AttributeError(name)


def start(url: str, *command: str, lines: Path | None = None, **environment: str) -> "subprocess.Popen[bytes]":
    """A process of its own group, so that signals to the tests do not reach it. lines: where its log goes."""
    variables = {**os.environ, "REDIS_URL": url, "STORAGE_URL": "memory://", **environment}
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(lines.open("wb")) if lines else None
        return start_process([sys.executable, "-m", *command], cwd=ROOT, env=variables, stderr=told)


@asynccontextmanager
async def worker_process(
    redis: ArqRedis,
    url: str,
    *,
    environment: dict[str, str] | None = None,
    lines: Path | None = None,
    **concurrency: int,
) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A worker process that has said that it lives; killed at the end of the block if it still does."""
    known = await redis.zcard(WORKERS)
    slots = (f"{queue}={n}" for queue, n in concurrency.items())
    process = start(url, "tests.support.processes", *slots, lines=lines, **(environment or {}))
    try:

        async def lives() -> bool:
            assert process.poll() is None, f"the worker ended with {process.returncode}"
            return bool(await redis.zcard(WORKERS) > known)

        await eventually(lives)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    uvloop.run(work({queue: int(n) for queue, _, n in (arg.partition("=") for arg in sys.argv[1:])}))
