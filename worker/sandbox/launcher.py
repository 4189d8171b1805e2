"""The worker's side of the zygote: starts it, asks it for children, and receives their exit statuses."""

import asyncio
import functools
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from worker.sandbox import frames
from worker.sandbox.child_folder import ChildFolder
from worker.sandbox.connection import Connection
from worker.sandbox.isolation.orphans import kill_descendants
from worker.sandbox.isolation.parts import LANDLOCK, SECCOMP, parts_of
from worker.sandbox.progress import ProgressPage, page_file

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 10.0
"""Seconds in which the zygote forks, and reports a child that has ended. One that does not is stopped or stuck."""

# The environment variables that the sandbox gets, with those that begin with PYTHON. None of them is a secret.
ENVIRONMENT: Final = frozenset({"PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"})

# glibc gives every large block that is freed back to the kernel, and asks for it again a moment later. Of blocks below
# 4 MB it keeps 64 MB here, and asks for 4 MB at a time: drawing a picture takes 12 % less CPU.
REUSED_MEMORY: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_TOP_PAD_": str(4 << 20),
}

log = structlog.get_logger()


def environment() -> dict[str, str]:
    """Return the environment of the sandbox's processes."""
    kept = {name: value for name, value in os.environ.items() if name in ENVIRONMENT or name.startswith("PYTHON")}
    # Each of glibc's arenas reserves address space; two of them keep RLIMIT_AS close to the memory that is used.
    return {**kept, "MALLOC_ARENA_MAX": "2", **REUSED_MEMORY}


@functools.cache  # one line for each process, not for each zygote
def _log_lacking(parts: tuple[str, ...]) -> None:
    if parts:
        write = log.warning if {SECCOMP, LANDLOCK} & set(parts) else log.info
        write("sandbox.isolation", lacking=parts, hint="docs/operations.md, What keeps the sandbox apart")


class Launcher:
    """One zygote process, from start to end.

    Args:
        preload: Modules that it imports before the first fork.
        memory_mb: Address space that each child may take, in megabytes.
        own_folders: Where each child gets a folder of its own, for its temporary files.
        numbers: Gives each child its number; no other child may have had it in the same `own_folders`.
        folders: Folders that every child may write to.

    Attributes:
        lacking: Parts of the isolation that this system does not have, once `start` has returned.
    """

    def __init__(
        self,
        preload: Sequence[str],
        memory_mb: int,
        own_folders: Path,
        numbers: Iterator[int],
        folders: Sequence[Path] = (),
    ) -> None:
        loop = asyncio.get_running_loop()
        self._preload = preload
        self._memory_mb = memory_mb
        self._own_folders = own_folders
        self._numbers = numbers
        self._folders = folders
        self.lacking: tuple[str, ...] = ()
        self._control, self._zygote_end = socket.socketpair()
        self._control.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None
        self._received = b""
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._children: dict[int, Connection] = {}
        self._forking: set[int] = set()
        self._descriptors: dict[int, int] = {}  # of children as processes; none where the system has no such thing

    @property
    def alive(self) -> bool:
        """Whether the zygote has not ended."""
        return not self._ended.done()

    async def start(self) -> None:
        """Start the zygote and wait until it can fork.

        Raises:
            RuntimeError: The zygote ended, or took longer than START_TIMEOUT_S.
        """
        try:
            self._process = self._popen()
            asyncio.get_running_loop().add_reader(self._control, self._on_record)
            await asyncio.wait({self._ready}, timeout=START_TIMEOUT_S)
        finally:
            if not self._ready.done():
                self._end()
        if not self._ready.result():
            status = self._process.returncode
            raise RuntimeError(
                f"The sandbox could not start: its zygote ended with status {status}; the error output says why"
            )

    async def fork(self) -> Connection:
        """Fork a child. Returns its connection; if the zygote has just died, the connection is not alive. A zygote that
        has not forked within ANSWER_TIMEOUT_S is killed, with all its children."""
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        try:
            with theirs, page_file() as file:
                folder = ChildFolder(self._own_folders / str(number))
                page = ProgressPage(file.fileno())
                child = Connection(page, lambda: self._kill(number), lambda: self._give_way(number), folder)
                self._children[number] = child
                self._forking.add(number)
                self._send(frames.FORK, number, theirs.fileno(), file.fileno())
            await loop.create_unix_connection(lambda: child, sock=ours)
        except BaseException:
            ours.close()
            self._kill(number)
            raise
        loop.call_later(ANSWER_TIMEOUT_S, self._check_forked, number)
        return child

    async def stop(self) -> None:
        """End the zygote and all its children."""
        if self.alive:
            self._control.shutdown(socket.SHUT_WR)
            await asyncio.wait({self._ended}, timeout=STOP_TIMEOUT_S)
            self._end()

    def _popen(self) -> subprocess.Popen[bytes]:
        descriptor = self._zygote_end.fileno()
        # The zygote inherits the blocked signals until it ignores them: a stop signal must not end it half started.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            return subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [
                    *(sys.executable, "-m", f"{__package__}.zygote", str(descriptor), str(self._memory_mb)),
                    os.pathsep.join(str(folder) for folder in (self._own_folders, *self._folders)),
                    *self._preload,
                ],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                env=environment(),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._zygote_end.close()

    def _kill(self, number: int) -> None:
        if number not in self._children:
            return
        if number in self._descriptors:
            # By itself, not by the zygote: a child that has stopped its zygote must end too.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptors[number], signal.SIGKILL)
        else:
            self._send(frames.KILL, number)
        asyncio.get_running_loop().call_later(ANSWER_TIMEOUT_S, self._check_reported, number)

    def _give_way(self, number: int) -> None:
        if number in self._children:
            self._send(frames.GIVE_WAY, number)

    def _check_forked(self, number: int) -> None:
        if number in self._forking:
            self._give_up("fork a child")

    def _check_reported(self, number: int) -> None:
        """Give the zygote up if a child has ended and it has not reported that. A child may take long to end: while it
        waits for a disk, it cannot be killed."""
        if number not in self._children:
            return
        descriptor = self._descriptors.get(number)
        if descriptor is None or select.select([descriptor], [], [], 0)[0]:
            self._give_up("report the end of a child")
        else:
            asyncio.get_running_loop().call_later(ANSWER_TIMEOUT_S, self._check_reported, number)

    def _give_up(self, task: str) -> None:
        if self.alive:
            log.error("sandbox.zygote_stuck", did_not=task, within_s=ANSWER_TIMEOUT_S, hint="it is replaced")
            self._end()

    def _send(self, verb: bytes, number: int, *descriptors: int) -> None:
        if not self.alive:
            self._set_exited(number, None)
            return
        try:
            socket.send_fds(self._control, [frames.RECORD.pack(verb, number, 0)], descriptors)
        except ConnectionError:
            self._end()

    def _on_record(self) -> None:
        descriptors: list[int] = []
        try:
            received, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
        except ConnectionError:
            received = b""
        if not received:
            self._end()
            return
        self._received += received
        whole = len(self._received) // frames.RECORD.size * frames.RECORD.size
        records, self._received = self._received[:whole], self._received[whole:]
        for verb, number, status in frames.RECORD.iter_unpack(records):
            if verb == frames.READY:
                self.lacking = parts_of(status)
                _log_lacking(self.lacking)
                self._ready.set_result(True)
            elif verb == frames.FORKED:
                self._forking.discard(number)
                if status == frames.WITH_DESCRIPTOR and descriptors:
                    # A record that carries one is the last of those that are read at once.
                    self._descriptors[number] = descriptors.pop()
            elif verb == frames.EXITED:
                self._set_exited(number, status)

    def _set_exited(self, number: int, status: int | None) -> None:
        self._forking.discard(number)
        if number in self._descriptors:
            os.close(self._descriptors.pop(number))
        child = self._children.pop(number, None)
        if child is not None:
            child.folder.remove()
            child.exited(status)

    def _end(self) -> None:
        if not self.alive:
            return
        self._ended.set_result(None)
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        if self._process is not None:
            if SECCOMP in self.lacking and self._process.poll() is None:
                kill_descendants(self._process.pid)
            self._process.kill()
            self._process.wait()
        if not self._ready.done():
            self._ready.set_result(False)
        for number in list(self._children):
            child = self._children[number]
            self._set_exited(number, None)
            child.kill()
