"""An ARQ application that runs in processes of its own: `tests/support/arq_application/bookshop`."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings, create_pool

from tasks.queue.connect import close
from tasks.queue.redis_keys import WORKERS
from tests.support.eventually import eventually
from tests.support.key_leaks import key_leaks
from tests.support.processes import ROOT
from tools.servers import Valkey, start_process

APPLICATIONS = ROOT / "tests" / "support" / "arq_application"
sys.path.append(str(APPLICATIONS))  # pickles of the bookshop's classes are opened here too
QUEUE = "bookshop:queue"

Bookshop = Callable[..., AbstractAsyncContextManager["subprocess.Popen[bytes]"]]


def environment(valkey: Valkey) -> dict[str, str]:
    """What a process of the bookshop finds; without REDIS_URL, so that it uses its own redis_settings."""
    known = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return {**known, "BOOKSHOP_REDIS": valkey.url, "STORAGE_URL": "memory://", "PYTHONPATH": str(APPLICATIONS)}


@pytest.fixture
def bookshop(redis: ArqRedis, valkey: Valkey, tmp_path: Path) -> Bookshop:
    """Starts `python -m worker --arq bookshop.worker.<name> --pickle`, until the end of a block."""

    @asynccontextmanager
    async def start(name: str = "WorkerSettings", *options: str) -> AsyncIterator["subprocess.Popen[bytes]"]:
        known = await redis.zcard(WORKERS)
        command = [sys.executable, "-m", "worker", "--arq", f"bookshop.worker.{name}", *(options or ("--pickle",))]
        with (tmp_path / "log").open("ab") as lines:
            process = start_process(command, cwd=ROOT, env=environment(valkey), stderr=lines)
        try:

            async def lives() -> bool:
                assert process.poll() is None, (tmp_path / "log").read_text()
                return bool(await redis.zcard(WORKERS) > known)

            await eventually(lives)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()

    return start


@pytest.fixture
async def client(redis: ArqRedis, valkey: Valkey) -> AsyncIterator[ArqRedis]:
    """ARQ's own client, with pickles, as the bookshop's web process has it."""
    client = await create_pool(RedisSettings.from_dsn(valkey.url), default_queue_name=QUEUE)
    yield client
    await client.delete("bookshop:seen", "bookshop:over", QUEUE)
    await close(client)


@pytest.fixture(scope="package")
def open_bookshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A bookshop that goes on from test to test, with a Valkey of its own: a start takes a second."""
    command = [sys.executable, "-m", "worker", "--arq", "bookshop.worker.WorkerSettings", "--pickle"]
    with Valkey() as valkey, (tmp_path_factory.mktemp("bookshop") / "log").open("ab") as lines:
        process = start_process(command, cwd=ROOT, env=environment(valkey), stderr=lines)
        try:
            yield valkey
            assert process.poll() is None, "it runs on, whatever its jobs do"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
async def customer(open_bookshop: Valkey) -> AsyncIterator[ArqRedis]:
    """ARQ's own client, as `client`, of the bookshop that goes on. What `redis` sees to after a test holds here too."""
    client = await create_pool(RedisSettings.from_dsn(open_bookshop.url), default_queue_name=QUEUE)
    await eventually(lambda: client.exists("bookshop:alive"))
    await client.delete("bookshop:seen")

    async def leaks() -> list[str]:
        return [one for one in await key_leaks(client) if not one.startswith((QUEUE, "bookshop:seen"))]

    yield client
    await eventually(leaks, [])
    await close(client)
