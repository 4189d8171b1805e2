"""What the attacks are made upon, and whether this kernel has what stops them."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tools.servers import start_process
from worker.sandbox.isolation import landlock, seccomp
from worker.sandbox.sandbox import ProcessSandbox

ROOT = Path(__file__).parents[4]
ATTACKS = "tests.support.sandbox.attacks"
CLOSED = {"EPERM", "EACCES", "ENOSYS"}

NEEDS_SECCOMP = pytest.mark.skipif(
    not seccomp.is_available(), reason="this system has no seccomp, or another architecture than x86_64 and aarch64"
)
NEEDS_LANDLOCK = pytest.mark.skipif(
    not landlock.version(), reason="this kernel has no landlock (Linux 5.13, in CONFIG_LSM)"
)

Attack = Callable[..., Any]


@pytest.fixture(scope="session", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """One event loop: the isolation does not know which one it is."""
    return str(request.param)


@pytest.fixture
async def attack(tmp_path: Path) -> AsyncIterator[Attack]:
    """Runs an attack in a child that may use the folder `own`, and returns how it went."""
    own = tmp_path / "own"
    own.mkdir()
    async with AsyncExitStack() as stack:
        sandbox = ProcessSandbox(
            preload=[ATTACKS], children=1, memory_mb=256, budget_mb=512, recycle_after=100, folders=[own]
        )
        stack.push_async_callback(sandbox.stop)

        async def run(function: str, *args: Any, seconds: float = 10) -> Any:
            return await sandbox.call(f"{ATTACKS}:{function}", *args, seconds=seconds, memory_mb=1)

        yield run


@pytest.fixture
def victim() -> Iterator[Callable[[str], int]]:
    """Starts a process with a secret in its environment, and returns its id."""
    started: list[subprocess.Popen[bytes]] = []

    def start(how: str = "hidden") -> int:
        command = [sys.executable, "-m", "tests.support.sandbox.victim", how]
        process = start_process(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "SECRET_KEY": "secret"})
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[list[list[Any]]]:
    """Addresses at which somebody listens: TCP, and a Unix socket in the child's own folder."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        closing(socket.socket(socket.AF_UNIX)) as unix,
    ):
        path = str(tmp_path / "s")
        unix.bind(path)
        unix.listen()
        yield [["127.0.0.1", tcp.getsockname()[1]], [path]]


def on_old_kernel(lacking: str, folder: Path, *calls: tuple[str, list[Any]]) -> tuple[list[Any], str]:
    """Make calls in the sandbox of a system that lacks something. Returns their answers, and the log."""
    told = [part for function, arguments in calls for part in (function, json.dumps(arguments))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.sandbox.old_kernel", lacking),
            *(sys.executable, "-m", "tests.support.sandbox.caller", str(folder), *told),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers, done.stdout + done.stderr
