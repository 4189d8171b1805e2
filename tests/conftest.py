"""What every test may ask for: the event loop's kind, a real Valkey, a clean database in it."""

import asyncio
import contextlib
import functools
import gc
import importlib
import inspect
import os
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tests.support.key_leaks import key_leaks
from tests.support.servers import MotoServer, RcloneServer
from tools.servers import Valkey

os.environ.setdefault("DEV", "1")  # of each process of a test, unless its test says otherwise

TEST_S = 120
"""How long an async test may take, unless `@pytest.mark.seconds(…)` says otherwise."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes run the tests, unless `-n` says so: two more than cores, since many tests wait.

    0, which is this process itself, when only one file is asked for or when output is wanted as it comes (`-s`).
    """
    if config.option.capture == "no":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    files = {argument.partition("::")[0] for argument in config.args}
    processes = min(cores + 2, len(files)) if all(file.endswith(".py") for file in files) else cores + 2
    return processes if processes > 1 else 0


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the sandbox's processes be measured too when coverage is."""
    if measuring := os.environ.get("COVERAGE_PROCESS_CONFIG"):
        os.environ["PYTHON_COVERAGE_CONFIG"] = measuring
        os.environ["PYTHONPATH"] = str(Path(__file__).parent / "support" / "coverage_start")


def import_tests(config: pytest.Config) -> None:
    """Import all tests before pytest does, each process from another place on. In a fresh clone they are compiled then:
    each by the process that comes to it first, rather than by all of them at the same time."""
    process: dict[str, Any] = getattr(config, "workerinput", {})
    tests = Path(__file__).parent
    if not process or [config.invocation_params.dir / argument for argument in config.args] != [tests]:
        return
    paths = sorted(tests.rglob("test_*.py"))
    first = len(paths) * int(process["workerid"].removeprefix("gw")) // process["workercount"] % len(paths)
    for path in (*paths[first:], *paths[:first]):
        with contextlib.suppress(Exception):  # pytest says so, when it comes to it
            importlib.import_module(".".join(path.relative_to(tests.parent).with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Let the garbage collector pass over ten thousand tests and what they import, which stay: it would take half a
    second each time that a test asks for it, and much of the time that it takes to find the tests."""
    gc.disable()
    try:
        import_tests(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Let an async test that waits for too long fail where it waits. One that blocks is ended by the fault handler."""
    test = pyfuncitem.obj
    marker = pyfuncitem.get_closest_marker("seconds")
    limit = marker.args[0] if marker else TEST_S

    @functools.wraps(test)
    async def within_its_time(*args: Any, **fixtures: Any) -> None:
        async with asyncio.timeout(limit):
            await test(*args, **fixtures)

    if inspect.iscoroutinefunction(test):
        pyfuncitem.obj = within_its_time
    return (yield)


@pytest.fixture(scope="session", autouse=True)
def packages_read_once() -> Iterator[None]:
    """Each start reads the files of all installed packages; thousands of starts share one reading per search path."""
    known = functools.cache(lambda _path, group: entry_points(group=group))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.catalogue.entry_points", lambda group: known(tuple(sys.path), group))
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """One server for the whole run; tests that kill it start their own."""
    with Valkey() as server:
        yield server


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[ArqRedis]:
    """A client of an empty database. After the test nothing may be left in it that would stay for ever."""
    client = connect(valkey.url)
    await client.flushall()
    yield client
    leaks = await key_leaks(client)
    await close(client)
    assert leaks == []


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """One S3 server for the whole run; a test takes a prefix of its own in its bucket."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def rclone() -> Iterator[RcloneServer]:
    """The S3 server that verifies signatures; shared likewise."""
    with RcloneServer() as server:
        yield server
