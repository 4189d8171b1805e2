"""The zygote: a small process that has imported the heavy modules and forks a child whenever the worker asks for one.

    python -m worker.sandbox.zygote DESCRIPTOR MEMORY_MB FOLDERS MODULE…

It stays single-threaded and holds no secret and no connection except the one to its worker. It reaps its children and
reports their exit statuses. The worker kills them by process descriptors, which it gets from here; where the system has
none, they are killed here, by their parent, so that the signal cannot hit another process that was given the same
process id. When the worker ends, in whatever way, the zygote kills its children and ends too.
It ignores SIGTERM and SIGINT, as its children do: a platform that stops a service signals every process of it, while
the running jobs of a stopping worker must go on.
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
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from worker.sandbox import child, frames, limits
from worker.sandbox.isolation.isolation import Isolation
from worker.sandbox.isolation.orphans import kill_orphans
from worker.sandbox.isolation.parts import SECCOMP, bits_of
from worker.sandbox.progress import map_page


class Zygote:
    """Forks and kills children as the worker asks.

    Args:
        control: The socket to the worker.
        memory_mb: Address space that each child may take, in megabytes.
        isolation: What closes each child in.
    """

    def __init__(self, control: socket.socket, memory_mb: int, isolation: Isolation) -> None:
        self._control = control
        self._memory_mb = memory_mb
        self._isolation = isolation
        self._children: dict[int, int] = {}  # process id -> the number the worker knows it by
        self._wake, self._wake_end = socket.socketpair()
        for end in (self._wake, self._wake_end):
            end.setblocking(False)

    def run(self) -> None:
        """Serve the worker until it is gone, then kill all children."""
        signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake_up)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        try:
            self._send(frames.READY, status=bits_of(self._isolation.lacking))
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if self._wake.fileno() in ready:
                    self._wake.recv(4096)
                    self._reap()
                if self._control.fileno() in ready:
                    self._handle_request()
        except (EOFError, ConnectionError):
            self._end_children()

    def _handle_request(self) -> None:
        record, descriptors, _, _ = socket.recv_fds(self._control, frames.RECORD.size, 2)
        if len(record) < frames.RECORD.size:
            raise EOFError
        verb, number, _ = frames.RECORD.unpack(record)
        if verb == frames.FORK:
            self._fork(number, *descriptors)
        elif verb == frames.KILL:
            for pid in [pid for pid, known in self._children.items() if known == number]:
                os.kill(pid, signal.SIGKILL)
        elif verb == frames.GIVE_WAY:  # a child may not change a priority, not even its own
            for pid in [pid for pid, known in self._children.items() if known == number]:
                os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + limits.NICE)

    def _fork(self, number: int, line: int, page: int) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            self._send(frames.EXITED, number, os.EX_OSERR)
        else:
            if pid == 0:
                self._become_child(zygote, number, line, page)
            self._children[pid] = number
            self._send_forked(number, pid)
        os.close(line)
        os.close(page)

    def _become_child(self, zygote: int, number: int, line: int, page: int) -> NoReturn:
        try:
            limits.die_with(zygote)
            self._isolation.enter(number)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._control, self._wake, self._wake_end):
                end.close()
            os.set_inheritable(line, False)
            child.serve(socket.socket(fileno=line), map_page(page), self._memory_mb, self._isolation)
        finally:
            os._exit(1)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in self._children:
                    self._send(frames.EXITED, self._children.pop(pid), os.waitstatus_to_exitcode(status))
                self._kill_orphans()

    def _end_children(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, 0)
                self._children.pop(pid, None)
                self._kill_orphans()

    def _kill_orphans(self) -> None:
        """Kill what a child that has ended left behind: such processes are children of this one now; and so on, as they
        end. With seccomp there are none."""
        if SECCOMP in self._isolation.lacking:
            kill_orphans(self._children.__contains__)

    def _send_forked(self, number: int, pid: int) -> None:
        if not hasattr(os, "pidfd_open"):
            self._send(frames.FORKED, number)
            return
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:  # a kernel before 5.3
            self._send(frames.FORKED, number)
        else:
            record = frames.RECORD.pack(frames.FORKED, number, frames.WITH_DESCRIPTOR)
            socket.send_fds(self._control, [record], [descriptor])
            os.close(descriptor)

    def _send(self, verb: bytes, number: int = 0, status: int = 0) -> None:
        self._control.sendall(frames.RECORD.pack(verb, number, status))


def _wake_up(number: int, frame: FrameType | None) -> None:
    """Do nothing: SIGCHLD needs a handler to reach the wake-up socket, and the loop reaps."""


def main(arguments: Sequence[str]) -> None:
    """Run a zygote.

    Args:
        arguments: The descriptor of the control socket, the memory limit in megabytes, a path list of the folder that
            has the children's own folders and of those that all children may write to, and the modules to import.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # The worker started this process with them blocked, so that none could end it before this line.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    descriptor, memory_mb, folders, *modules = arguments
    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    isolation = Isolation(*folders.split(os.pathsep))
    isolation.prepare()
    limits.die_with(os.getppid())  # a stopped zygote would not notice that the worker has ended
    for module in modules:
        importlib.import_module(module)
    isolation.open_rules()
    gc.collect()
    gc.freeze()  # a child's collector leaves these pages alone, so they stay shared
    Zygote(control, int(memory_mb), isolation).run()
    control.detach()  # the end of this process closes the socket, not that of this function


if __name__ == "__main__":
    # Closing the socket must be the last step: a normal interpreter exit closes it first and ends later, and the worker
    # would miss the exit status.
    try:
        main(sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
