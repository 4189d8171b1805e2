"""The zygote: a small process that has imported the heavy modules and forks a child whenever the worker asks for one.

    python -m worker.sandbox.zygote DESCRIPTOR MEMORY_MB MODULE…

It stays single-threaded, holds no secret and no connection but the one to its worker, reaps its children and tells how
each ended. A kill is done here, by the parent of the process, so that it can never hit a stranger who got the same
process id. When the worker goes, in whatever way, the zygote kills every child and goes too. It ignores SIGTERM and
SIGINT, as its children do: a platform that stops a service signals every process of it, and the work of a worker that
is draining must go on.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from worker.sandbox import child, frames, limits
from worker.sandbox.progress import adopt


class Zygote:
    """control: the socket to the worker. memory_mb: what each child may take."""

    def __init__(self, control: socket.socket, memory_mb: int) -> None:
        self._control = control
        self._memory_mb = memory_mb
        self._children: dict[int, int] = {}  # process id -> the number the worker knows it by
        self._wake, self._wake_end = socket.socketpair()
        for end in (self._wake, self._wake_end):
            end.setblocking(False)

    def run(self) -> None:
        """Do as the worker says until it is gone; then leave no child behind."""
        signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake_up)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        try:
            self._tell(frames.READY)
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if self._wake.fileno() in ready:
                    self._wake.recv(4096)
                    self._reap()
                if self._control.fileno() in ready:
                    self._obey()
        except (EOFError, ConnectionError):
            self._end_children()

    def _obey(self) -> None:
        record, descriptors, _, _ = socket.recv_fds(self._control, frames.RECORD.size, 2)
        if len(record) < frames.RECORD.size:
            raise EOFError
        verb, number, _ = frames.RECORD.unpack(record)
        if verb == frames.FORK:
            self._fork(number, *descriptors)
        elif verb == frames.KILL:
            for pid in [pid for pid, known in self._children.items() if known == number]:
                os.kill(pid, signal.SIGKILL)

    def _fork(self, number: int, line: int, page: int) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            self._tell(frames.EXITED, number, os.EX_OSERR)
        else:
            if pid == 0:
                self._become_child(zygote, line, page)
            self._children[pid] = number
        os.close(line)
        os.close(page)

    def _become_child(self, zygote: int, line: int, page: int) -> NoReturn:
        try:
            limits.die_with(zygote)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._control, self._wake, self._wake_end):
                end.close()
            os.set_inheritable(line, False)
            child.serve(socket.socket(fileno=line), adopt(page), self._memory_mb)
        finally:
            os._exit(1)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._tell(frames.EXITED, self._children.pop(pid), os.waitstatus_to_exitcode(status))

    def _end_children(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)

    def _tell(self, verb: bytes, number: int = 0, status: int = 0) -> None:
        self._control.sendall(frames.RECORD.pack(verb, number, status))


def _wake_up(number: int, frame: FrameType | None) -> None:
    """SIGCHLD needs a handler to reach the wake-up socket; the loop does the work."""


def main(arguments: Sequence[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # They were blocked when the worker started this process, so that none could hit it before this line.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    descriptor, memory_mb, *modules = arguments
    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a child's collector leaves these pages alone, so they stay shared
    Zygote(control, int(memory_mb)).run()


if __name__ == "__main__":
    # To hang up must be the last thing it does: the interpreter's own way out hangs up first and ends later, and the
    # worker, who waits for nobody, would miss its status.
    try:
        main(sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
